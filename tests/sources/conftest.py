from __future__ import annotations

from tests.engine.conftest import loopback, queue, serving, world

__all__ = ["loopback", "queue", "serving", "world"]
