"""A name that nothing has: which it may be meant for, or which there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

MOST_SHOWN: Final = 30
_ALIKE: Final = 0.5


def meant(name: str, known: Iterable[str], *, nearest: int = 1) -> str:
    """A sentence; empty where nothing is known."""
    names = list(known)
    if near := get_close_matches(name, names, n=nearest, cutoff=_ALIKE):
        return f"Did you mean {' or '.join(near)}?"
    if not names:
        return ""
    more = len(names) - MOST_SHOWN
    return f"There are {', '.join(names[:MOST_SHOWN])}{f' and {more} more' if more > 0 else ''}."
