"""Rotates an installation's key again and again, and kills that each time (kill -9) at another of its lines.

After each it reads every secret, as a process that starts then would. Prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import django

SETTLED = ("rotate", "_renew", "replace", "_draft", "sync")
"""The functions that change something, of `store.secrets`, `store.keyring` and `store.disk`."""


def main() -> None:
    django.setup()
    from django.db import connections

    from ropewalk.core.actors import SYSTEM
    from ropewalk.engine import rotation
    from ropewalk.engine.clock import SystemClock
    from ropewalk.store import secrets
    from ropewalk.store.models import Connector

    def rotate() -> None:
        rotation.rotate_key(SYSTEM, SystemClock())

    def values() -> list[str]:
        return sorted(
            stored.value
            for connector in Connector.objects.all()
            for stored in secrets.read(connector.organization_id, connector_id=connector.id).values()
        )

    connections.close_all()
    told: list[dict[str, Any]] = []
    while True:
        killed = forked(lambda: stopped_at(len(told) + 1, rotate)) is None
        told.append({"step": len(told) + 1, "killed": killed, "values": forked(values)})
        if not killed:
            break
    json.dump(told, sys.stdout)


def forked(do: Callable[[], Any]) -> Any:
    """What it answers, in a process of its own; None where that was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as answer:
                json.dump({"it": do()}, answer)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert status == 0
    return json.loads(text)["it"]


def stopped_at(step: int, do: Callable[[], None]) -> bool:
    """Kills this process before the `step`th line of the functions that are SETTLED."""
    left = step

    def line(_: FrameType, event: str, __: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, _: str, __: Any) -> Any:
        file = frame.f_code.co_filename
        ours = file.endswith(("store/secrets.py", "store/keyring.py", "store/disk.py"))
        return line if ours and frame.f_code.co_name in SETTLED else None

    sys.settrace(call)
    try:
        do()
    finally:
        sys.settrace(None)
    return True


if __name__ == "__main__":
    main()
