"""What a command's exit status says. 2 is wrong usage, and nothing else is."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INCOMPLETE: Final = 3
"""A sync that ended truncated or suspicious."""
DIFFERENT: Final = 4
"""`plan` found differences."""
CANCELLED: Final = 5
INTERRUPTED: Final = 130
"""As shells spell an interruption that nothing was done about."""
