"""Fifty kills of a server that eight clients push to; `make kills` runs it. KILLS and SEED say how many and which."""

from __future__ import annotations

import os
import secrets
import time

import pytest

from tests.e2e.installation import Installation
from tests.e2e.pushkills import survive

KILLS = int(os.environ.get("KILLS") or 50)
SEED = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))


def test_what_was_answered_survives_kills(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    told = survive(acme, KILLS, SEED)
    with capsys.disabled():
        print(
            f"\npush, seed {SEED}: {told.kills} kills, {told.answered:,} events answered 202, {told.stored:,} stored, "
            f"{len(told.missing)} missing, {len(told.twice)} twice, {time.monotonic() - begun:.0f} s"
        )

    assert (told.missing, told.twice, told.wrong, told.others) == ([], [], [], [])
    assert told.stored >= told.answered > 0
