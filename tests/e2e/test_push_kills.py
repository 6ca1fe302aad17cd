"""What was answered 202 is there, however the server ended (push-api.md §3); fifty times in pushed_at_length."""

from __future__ import annotations

from tests.e2e.installation import Installation
from tests.e2e.pushkills import survive


def test_what_was_answered_survives_kills(acme: Installation) -> None:
    told = survive(acme, kills=2, seed=11)

    assert (told.missing, told.twice, told.wrong, told.others) == ([], [], [], [])
    assert told.stored >= told.answered > 0
