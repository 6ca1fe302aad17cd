from hypothesis import given, strategies as st

from ropewalk.core.counts import OUTCOMES, Counts
from ropewalk.core.verdict import Tally

CODES = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 99))
COUNTS = st.builds(
    lambda **counted: Counts.load(counted),
    counts=st.dictionaries(st.sampled_from(OUTCOMES), st.integers(1, 99)),
    reasons=CODES,
    notices=CODES,
    contacts=CODES,
    filtered=CODES,
    pages=st.integers(0, 9),
)


@given(COUNTS)
def test_what_is_kept_is_what_was_counted(counts):
    record = counts.record()

    assert Counts.load(record).record() == record
    assert record["counts"]["processed"] == sum(record["counts"][outcome] for outcome in OUTCOMES)


@given(COUNTS)
def test_a_copy_is_another(counts):
    before = counts.record()

    counts.copy().counts["created"] += 1

    assert counts.record() == before


def test_a_tally_knows_how_many_were_taken():
    counts = Counts.load(
        {"counts": {"created": 1, "updated": 2, "unchanged": 3, "skipped": 4, "rejected": 5}}
    )

    assert counts.tally == Tally(rows=15, taken=6)
    assert Counts.load({}).tally == Tally(rows=0, taken=0)
