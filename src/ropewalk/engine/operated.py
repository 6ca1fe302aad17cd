"""What the operator of this installation has decided."""

from __future__ import annotations

from django.conf import settings

from ropewalk.installation import Installation


def installation() -> Installation:
    return settings.ROPEWALK
