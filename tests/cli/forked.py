"""`ropewalk` without waiting for Python to load it: a process that has loaded everything, and forks for each command.

What is forked is a process of its own, with its own folder, environment, input and output, and enters where the script
does; only that its modules are there already. Whatever settings they have seen is forgotten before.

python -m tests.cli.forked  takes a line of JSON for each command, and answers with a line: its exit status
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import suppress
from typing import Any


def load() -> None:
    import django

    django.setup()

    import ropewalk.api.v1
    import ropewalk.cli.app
    import ropewalk.cli.files
    import ropewalk.cli.following
    import ropewalk.cli.testing  # noqa: F401


def forget_settings() -> None:
    from django.conf import settings
    from django.db import connections
    from django.utils.functional import empty

    with suppress(AttributeError):
        del connections["default"]
    connections.__dict__.pop("settings", None)
    connections._settings = None
    settings._wrapped = empty
    sys.modules.pop("ropewalk.settings", None)


def run(asked: dict[str, Any]) -> int:
    """In the fork."""
    from ropewalk import cli

    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    for place, name in enumerate(("given", "out", "error")):
        handle = os.open(
            asked[name], os.O_RDONLY if place == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
        )
        os.dup2(handle, place)
    sys.argv = ["ropewalk", *asked["arguments"]]
    forget_settings()
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as Python itself would end with it
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    load()
    with os.fdopen(os.dup(1), "w") as answers:
        for line in sys.stdin:
            asked = json.loads(line)
            child = os.fork()
            if child == 0:
                status = run(asked)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
            _, ended = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(ended), file=answers, flush=True)


if __name__ == "__main__":
    main()
