"""What roles are called, and what people with them may do."""

from __future__ import annotations

from typing import Final

LABELS: Final = {"member": "Member", "admin": "Admin", "owner": "Owner"}
TEXTS: Final = {
    "member": "Reads and searches accounts, contacts and events.",
    "admin": "Also connects sources, edits and exports accounts, invites people and makes API keys.",
    "owner": "Also decides who is an owner.",
}
