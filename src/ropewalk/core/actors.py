"""Who does something: kept beside every change, run and audit entry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

ActorType = Literal["user", "api_key", "cli", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """`label` is what a person reads: an email, a key's name, the user name of the shell."""

    type: ActorType
    id: str
    label: str
    ip: str = ""

    def record(self) -> dict[str, str]:
        """The shape in which rows keep it; the address is the audit log's alone."""
        kept = asdict(self)
        del kept["ip"]
        return kept


SYSTEM = Actor("system", "", "Ropewalk")
