"""UUIDv7: new keys sort after old ones, so that indexes grow at their end."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()
