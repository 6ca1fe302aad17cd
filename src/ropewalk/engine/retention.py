"""What has been kept long enough goes, in small batches beside whatever else is written."""

from __future__ import annotations

from datetime import datetime


def clear(now: datetime) -> None:
    """One batch of each; the next sweep takes the next."""
    del now
