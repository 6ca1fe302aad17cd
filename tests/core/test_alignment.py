import pytest

from ropewalk.core.alignment import Carried, match_field, warnings

UNMAPPED = (
    "No account stream maps companyDomain, by which this stream matches: map it, or match by the other value."
)


@pytest.mark.parametrize(
    ("carried", "told"),
    [
        (Carried(0, 0, mapped=True), []),
        (Carried(10, 8, mapped=True), []),
        (
            Carried(2_000, 1_599, mapped=True),
            [
                "Only 1,599 of 2,000 accounts (80%) have a company domain, by which this stream matches: the others get "
                "nothing from it."
            ],
        ),
        (Carried(10, 10, mapped=False), [UNMAPPED]),
        (
            Carried(10, 0, mapped=False),
            [
                "Only 0 of 10 accounts (0%) have a company domain, by which this stream matches: the others get nothing "
                "from it.",
                UNMAPPED,
            ],
        ),
    ],
)
def test_a_stream_that_finds_few_accounts_is_warned_of(carried, told):
    assert warnings("domain", carried) == told


def test_what_a_stream_matches_by_is_a_field():
    assert [match_field(by) for by in ("domain", "external_id")] == ["companyDomain", "externalCustomerId"]
