"""A form that holds all of what it saves, and was opened before somebody saved the same elsewhere: sent as it stands, it
would take that back, so it asks first."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from django.http import QueryDict

from ropewalk.core.values import canonical

_OPENED: Final = "opened"


class Opened:
    """`mark` goes with the form. It asks once: sent again, what stands there is meant."""

    def __init__(self, sent: QueryDict, saved: Mapping[str, Any]) -> None:
        now = sha256(canonical(dict(saved))).hexdigest()[:16] if saved else ""
        self.name = _OPENED
        self.mark = str(sent.get(_OPENED, now))[:16]
        self._now = now
        self.is_overtaken = False

    def overtaken(self) -> bool:
        self.is_overtaken = self.mark != self._now
        self.mark = self._now
        return self.is_overtaken
