import pytest

from ropewalk.core.actors import SYSTEM, Actor
from ropewalk.core.errors import Cancelled, Conflict, MustFix, NotFound, Problem
from ropewalk.core.values import MISSING


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (Cancelled(), "cancelled", "The run was cancelled. Rows that were already applied stay."),
        (NotFound("run"), "not_found", "There is no such run in this organization."),
        (Conflict("Not now."), "conflict", "Not now."),
        (Conflict("Not now.", code="too_late"), "too_late", "Not now."),
    ],
)
def test_each_has_a_code_and_a_sentence(error, code, message):
    assert (error.code, error.message) == (code, message)


def test_problems_of_a_block_inside_a_larger_body():
    found = MustFix("invalid", "No.", [Problem("url", "Give one."), Problem("", "All wrong.")], detail="d")

    below = found.under("streams.accounts")

    assert below.problems == (
        Problem("streams.accounts.url", "Give one."),
        Problem("streams.accounts", "All wrong."),
    )
    assert (below.code, below.message, below.detail) == ("invalid", "No.", "d")
    assert MustFix("invalid", "No.").under("url").problems == (Problem("url", "No."),)


def test_an_address_is_the_audit_logs_alone():
    actor = Actor("user", "7", "olga@acme.example", "192.0.2.7")

    assert actor.record() == {"type": "user", "id": "7", "label": "olga@acme.example"}
    assert SYSTEM.record() == {"type": "system", "id": "", "label": "Ropewalk"}


def test_what_is_missing_says_so():
    assert repr(MISSING) == "MISSING"
