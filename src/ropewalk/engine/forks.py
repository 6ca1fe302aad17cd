"""What a process keeps to itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import _lru_cache_wrapper, cache
from typing import TypeVar

T = TypeVar("T")


def one_a_process(make: Callable[..., T]) -> _lru_cache_wrapper[T]:
    """As `functools.cache`; but a process that is forked off makes its own: it has none of the threads, and shares the
    connections."""
    kept = cache(make)
    os.register_at_fork(after_in_child=kept.cache_clear)
    return kept
