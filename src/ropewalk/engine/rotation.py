"""The key of the stored credentials, exchanged for a new one."""

from __future__ import annotations

from ropewalk.core.actors import Actor
from ropewalk.engine.clock import Clock
from ropewalk.store import audit, secrets


def rotate_key(actor: Actor, clock: Clock) -> int:
    """The number of credentials. Killed at any point it leaves all of them readable; called again, it goes on."""
    count = secrets.rotate()
    audit.record(None, actor, "installation.key_rotated", now=clock.now(), detail={"credentials": count})
    return count
