"""Who does something: kept beside every change, run and audit entry."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ropewalk.core.values import JSON

ActorType = Literal["user", "api_key", "cli", "system"]


class Actor(Struct, frozen=True):
    """`label` is what a person reads: an email, a key's name, the user name of the shell."""

    type: ActorType
    id: str
    label: str
    ip: str = ""

    def record(self) -> dict[str, JSON]:
        """The shape in which rows keep it; the address is the audit log's alone."""
        return {"type": self.type, "id": self.id, "label": self.label}


SYSTEM = Actor("system", "", "Ropewalk")
