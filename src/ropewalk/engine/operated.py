"""What the operator of this installation has decided, and the time that its processes go by."""

from __future__ import annotations

from django.conf import settings

from ropewalk.engine.clock import Clock
from ropewalk.installation import Installation


def installation() -> Installation:
    return settings.ROPEWALK


def clock() -> Clock:
    return settings.CLOCK
