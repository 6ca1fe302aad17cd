import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import times
from ropewalk.core.events import Event, EventPlan, Tally, Unreadable, account_keys, names
from ropewalk.core.mapping import MappingEntry

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
EARLIEST = NOON.replace(year=1974, tzinfo=None)
ENTRIES = [
    {"from": "at", "to": "eventTime"},
    {"from": "what", "to": "eventName"},
    {"from": "of.account", "to": "accountKey"},
    {"from": "of.user", "to": "userId"},
]
RECORD = {"at": "2026-03-01T12:00:00Z", "what": "opened", "of": {"account": "C-1", "user": 42}, "page": 3}


def plan(*more, match_by="external_id", leave_out=()):
    entries = [entry for entry in ENTRIES if entry["to"] not in leave_out]
    return EventPlan([MappingEntry(**entry) for entry in [*entries, *more]], match_by, "s")


def read(record, *more, **options):
    return plan(*more, **options).read(json.dumps(record).encode())


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        ("2026-03-01T12:00:00Z", "iso"),
        ("2026-03-01t12:00:00z", "iso"),
        (" 2026-03-01T12:00:00Z ", "iso"),
        ("2026-03-01 12:00:00Z", "iso"),
        ("2026-03-01T12:00Z", "iso"),
        ("2026-03-01T12:00:00.000Z", "iso"),
        ("2026-03-01T12:00:00,000000000Z", "iso"),
        ("2026-03-01T12:00:00+00:00", "iso"),
        ("2026-03-01T13:00:00+01:00", "iso"),
        ("2026-03-01T13:00:00+0100", "iso"),
        ("2026-03-01T13:00:00+01", "iso"),
        ("2026-03-01T13:00:00 +0100", "iso"),
        ("2026-03-01T06:30:00-05:30", "iso"),
        ("2026-03-01T17:45:00+05:45", "iso"),
        ("2026-02-28T22:00:00-14:00", "iso"),
        ("2026-03-01 12:00:00 UTC", "iso"),
        ("2026-03-01 12:00:00 GMT", "iso"),
        ("2026-03-01 12:00:00.000000 +0000 UTC", "iso"),
        ("20260301T120000Z", "iso"),
        ("20260301T130000+0100", "iso"),
        ("20260301T1200Z", "iso"),
        ("2026-03-01T12:00:00", "no_zone"),
        ("2026-03-01 12:00:00", "no_zone"),
        ("2026-03-01 12:00", "no_zone"),
        ("2026-03-01T12:00:00.000", "no_zone"),
        ("20260301T120000", "no_zone"),
        ("20260301120000", "no_zone"),
        (20260301120000, "no_zone"),
        ("Sun, 01 Mar 2026 12:00:00 GMT", "mail"),
        ("Sun, 1 Mar 2026 13:00:00 +0100", "mail"),
        ("1 Mar 2026 12:00:00 UTC", "mail"),
        (1772366400, "epoch_s"),
        (1772366400.0, "epoch_s"),
        ("1772366400", "epoch_s"),
        ("1772366400.0", "epoch_s"),
        (1772366400000, "epoch_ms"),
        ("1772366400000", "epoch_ms"),
        (1772366400000000, "epoch_us"),
        ("1772366400000000", "epoch_us"),
        (1772366400000000000, "epoch_ns"),
        ("1772366400000000000", "epoch_ns"),
    ],
)  # fmt: skip
def test_noon_is_read_however_it_is_written(value, spelling):
    assert times.moment(value) == times.Moment(NOON, spelling)


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("2026-03-01T12:00:00.5Z", 500_000),
        ("2026-03-01T12:00:00.123456789Z", 123_456),
        (1772366400.25, 250_000),
        ("1772366400.123456", 123_456),
        (1772366400123, 123_000),
        (1772366400123456, 123_456),
        ("1772366400123456789", 123_456),
    ],
)
def test_fractions_of_a_second_stay(value, micros):
    assert times.moment(value).at == NOON.replace(microsecond=micros)


def test_a_date_is_its_beginning_in_utc():
    assert times.moment("2026-03-01") == times.Moment(NOON.replace(hour=0), "date")


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", " ", "yesterday", "12:00", "01.03.2026", "2026-13-01T12:00:00Z", "2026-02-30", "2026-03-01T25:00:00Z",
        "2026-03-01T12:00:00 PST", "March 1, 2026", "Sun, 31 Feb 2026 12:00:00 GMT", "20261301T120000Z", "0001-01-01T00:00:00+02:00",
        0, 42, 99_999_999, -1, "99999999", 10**30, "1772366400Z", [], {}, [1772366400],
    ],
)  # fmt: skip
def test_nonsense_is_no_time(value):
    assert times.moment(value) is None


@given(st.datetimes(EARLIEST, EARLIEST.replace(year=2100), timezones=st.just(UTC)))
def test_a_time_is_the_same_in_every_unit(moment):
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)

    for value in (micros, str(micros), micros * 1_000, moment.isoformat()):
        assert times.moment(value).at == moment


@given(
    st.text()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.from_regex(times._DATE_TIME)
)
def test_any_value_is_a_time_in_utc_or_none(value):
    found = times.moment(value)

    assert found is None or found.at.utcoffset().total_seconds() == 0


def test_a_record_becomes_an_event():
    found = read(RECORD)

    assert isinstance(found, Event)
    assert (found.at, found.source, found.name, found.user, found.keys) == (
        NOON,
        "s",
        "opened",
        "42",
        ("C-1",),
    )
    assert json.loads(found.properties) == {"page": 3}


@pytest.mark.parametrize(
    ("entry", "record", "properties"),
    [
        ({"from": "page", "to": "properties"}, RECORD, {"value": 3}),
        ({"from": "of", "to": "properties"}, RECORD, {"account": "C-1", "user": 42}),
        ({"from": "gone", "to": "properties"}, RECORD, {}),
        ({"from": "", "to": "properties"}, RECORD, {"page": 3}),
        ({"from": "", "to": "properties"}, {**RECORD, "of": {**RECORD["of"], "ip": None}}, {"of": {"ip": None}, "page": 3}),
    ],
)  # fmt: skip
def test_properties_are_what_is_mapped_or_all_that_remains(entry, record, properties):
    assert json.loads(read(record, entry).properties) == properties


def test_an_event_is_the_same_one_however_its_record_is_spelled():
    spelled = json.dumps(dict(reversed(RECORD.items())), indent=2).encode()

    assert plan().read(spelled).identity == read(RECORD).identity
    assert read({**RECORD, "page": 4}).identity != read(RECORD).identity


@pytest.mark.parametrize(
    ("record", "about", "example"),
    [
        ({**RECORD, "at": "yesterday"}, "time", '"yesterday"'),
        ({"what": "opened", "of": {"account": "1"}}, "time", ""),
        ({**RECORD, "at": None}, "time", "null"),
        ({**RECORD, "what": " "}, "name", '" "'),
        ({**RECORD, "what": {"a": 1}}, "name", '{"a":1}'),
        ({**RECORD, "of": {"account": ""}}, "account", '""'),
        ({**RECORD, "of": None}, "account", ""),
        ({**RECORD, "of": {"account": [None, {}]}}, "account", "[null,{}]"),
        ([], "record", "This entry of the array is an array, not an object."),
    ],
)
def test_what_makes_no_event_says_for_want_of_what(record, about, example):
    found = read(record)

    assert isinstance(found, Unreadable)
    assert (found.about, found.example or "") == (about, example) or about == "record"


def test_a_tally_keeps_the_first_account_keys():
    tally = Tally()
    for number in range(7):
        tally.add(read({**RECORD, "of": {"account": number}}))

    assert (tally.records, list(tally.keys)) == (7, ["0", "1", "2", "3", "4"])


def test_an_event_weighs_more_by_what_it_holds():
    light, heavy = read(RECORD), read({**RECORD, "page": "x" * 1_000})

    assert heavy.weight - light.weight == len(heavy.properties) - len(light.properties) == 1_001


def test_a_tally_counts_what_could_not_be_read_and_keeps_an_example():
    tally = Tally()
    reading = plan()
    for at in ("2026-03-01T12:00:00", "yesterday", "soon", 1772366400):
        reading.read(json.dumps({**RECORD, "at": at}).encode(), tally)

    assert (tally.records, tally.unreadable, tally.examples) == (4, {"time": 2}, {"time": '"yesterday"'})
    assert (tally.spellings, list(tally.keys)) == ({"no_zone": 1, "epoch_s": 1}, ["C-1"])


def test_an_event_of_many_accounts_weighs_as_much_and_gives_a_few_as_examples():
    tally = Tally()
    accounts = [f"customer-{number}" for number in range(1_000)]
    many = plan().read(
        json.dumps({**RECORD, "of": {"account": accounts, "user": "u" * 9_000}}).encode(), tally
    )
    one = read(RECORD)

    assert many.weight - one.weight > sum(map(len, accounts)) + 9_000
    assert list(tally.keys) == accounts[:5]


@pytest.mark.parametrize(
    ("value", "match_by", "keys"),
    [
        ("https://www.Acme.example/x", "domain", ("acme.example",)),
        ("ada@acme.example", "domain", ("acme.example",)),
        (["acme.example", "b.example", "www.acme.example", 7], "domain", ("acme.example", "b.example")),
        ("no domain", "domain", ()),
        (42, "domain", ()),
        (42, "external_id", ("42",)),
        (42.0, "external_id", ("42",)),
        (" C-1 ", "external_id", ("C-1",)),
        (None, "external_id", ()),
        ({}, "external_id", ()),
    ],
)
def test_account_keys(value, match_by, keys):
    assert account_keys(value, match_by) == keys


@given(
    st.text() | st.integers() | st.floats(allow_nan=False) | st.lists(st.text()),
    st.sampled_from(["domain", "external_id"]),
)
def test_account_keys_are_stable_and_name_themselves(value, match_by):
    keys = account_keys(value, match_by)

    assert account_keys(list(keys), match_by) == keys
    assert all(names(key, key.upper()) or key.upper().casefold() != key.casefold() for key in keys)


def test_case_makes_no_difference():
    assert names("Straße-1", "STRASSE-1")
    assert not names("c-1", "c-10")
