"""What auto-setup found: a value, whether it was proved, and why."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Finding(Struct, frozen=True):
    """`others` are further candidates, the likelier first."""

    value: Any
    proved: bool
    why: str
    others: list[Any] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {"value": self.value, "proved": self.proved, "why": self.why, "others": self.others}
