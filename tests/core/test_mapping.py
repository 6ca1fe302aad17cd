import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from ropewalk.core import mapping, paths
from ropewalk.core.errors import Problem, RowRefused
from ropewalk.core.mapping import MappingEntry


def entry(from_, to, *transforms):
    return MappingEntry.model_validate({"from": from_, "to": to, "transforms": list(transforms)})


def entries(**targets):
    return [entry(from_, to) for to, from_ in targets.items()]


# ---- names ----


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("planTier", True),
        ("f" * 64, True),
        ("f" * 65, False),
        ("plan_tier", False),
        ("1st", False),
        ("COMPANYNAME", False),
        ("endusers", False),
        ("Fields", False),
    ],
)
def test_names_of_custom_fields(name, free):
    assert mapping.is_custom_field(name) is free


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("domain", {"companyDomain": "big.example"}),
        ("external_id", {"externalCustomerId": "7"}),
        ("domain_and_external_id", {"companyDomain": "big.example", "externalCustomerId": "7"}),
    ],
)
def test_what_rows_are_matched_by(mode, found):
    rules = entries(companyDomain="site", externalCustomerId="id", companyName="name")

    assert mapping.keys(rules, mode).apply({"site": "big.example", "id": "7", "name": "Big"}) == found


# ---- checking ----

NAME_RULE = "A target is camelCase: letters and digits, a letter first, at most 64 characters, as planTier."
DOMAIN_NEEDED = (
    "Matching by domain needs a mapping to companyDomain; add it, or choose another way of matching."
)
NEEDED = (
    "Map {}: a contact needs its email, and what its account is found by (match_by: external_id). "
    "Run Test & Discover Fields first: it shows which paths there are."
)
ID_NEEDED = "Matching by external_id needs a mapping to externalCustomerId; add it, or choose another way of matching."
EITHER_NEEDED = (
    "Matching by domain_and_external_id needs a mapping to companyDomain or externalCustomerId; "
    "add it, or choose another way of matching."
)


@pytest.mark.parametrize(
    ("kind", "matching", "targets", "missing"),
    [
        ("accounts", "domain", ["companyDomain"], []),
        ("accounts", "domain", ["externalCustomerId"], [DOMAIN_NEEDED]),
        ("accounts", "external_id", ["externalCustomerId"], []),
        ("accounts", "external_id", ["companyDomain"], [ID_NEEDED]),
        ("accounts", "domain_and_external_id", ["externalCustomerId"], []),
        ("accounts", "domain_and_external_id", ["companyDomain"], []),
        ("accounts", "domain_and_external_id", ["companyName"], [EITHER_NEEDED]),
        ("accounts", "domain", [], [DOMAIN_NEEDED]),
        ("contacts", "domain", ["companyDomain", "email"], []),
        ("contacts", "external_id", ["externalCustomerId", "email", "name", "phone", "role"], []),
        ("contacts", "external_id", ["name"], [NEEDED.format("externalCustomerId and email")]),
        ("contacts", "external_id", ["externalCustomerId"], [NEEDED.format("email")]),
        ("contacts", "external_id", ["email"], [NEEDED.format("externalCustomerId")]),
        ("events", "domain", ["eventTime", "eventName", "accountKey", "userId", "properties"], []),
        (
            "events",
            "domain",
            ["eventName"],
            ["Map eventTime: an event can't do without it.", "Map accountKey: an event can't do without it."],
        ),
    ],
)
def test_every_way_of_matching_needs_its_mappings(kind, matching, targets, missing):
    found = mapping.problems([entry("x", target) for target in targets], kind, matching)
    assert found == tuple(Problem("mapping", message) for message in missing)


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("planTier", None),
        ("PlanTier", None),
        ("p", None),
        ("p2", None),
        ("x" * 64, None),
        ("companyName", None),
        ("accountOwnerEmail", None),
        ("existingField", None),
        ("x" * 65, NAME_RULE),
        ("plan_tier", NAME_RULE),
        ("plan tier", NAME_RULE),
        ("2plan", NAME_RULE),
        ("größe", NAME_RULE),
        ("plan\n", NAME_RULE),
        ("", NAME_RULE),
        ("companyname", "This is the name of the built-in field companyName; spell it like that."),
        ("ENDUSERS", "This is the name of the built-in field endUsers; spell it like that."),
        ("accountId", "accountId is the name of a built-in property of accounts; choose another."),
        ("goneAtSource", "goneAtSource is the name of a built-in property of accounts; choose another."),
        (
            "existingfield",
            "There is already a field existingField; names differ in more than case, so spell it like that.",
        ),
    ],
)
def test_a_target_of_an_account(to, message):
    found = mapping.problems(
        [entry("d", "externalCustomerId"), entry("x", to)], "accounts", "external_id", ["existingField"]
    )
    assert found == (() if message is None else (Problem("mapping.1.to", message),))


@pytest.mark.parametrize(
    ("kind", "matching", "to", "message"),
    [
        (
            "contacts",
            "domain",
            "planTier",
            "A contact has no such field; there are companyDomain, email, name, phone, role.",
        ),
        (
            "contacts",
            "external_id",
            "companyDomain",
            "A contact has no such field; there are externalCustomerId, email, name, phone, role.",
        ),
        (
            "contacts",
            "?",
            "Email",
            (
                "A contact has no such field; there are companyDomain, externalCustomerId, email, name, phone, role."
            ),
        ),
        (
            "events",
            "domain",
            "email",
            "An event has no such field; there are eventTime, eventName, accountKey, userId, properties.",
        ),
    ],
)
def test_a_target_of_a_contact_or_an_event(kind, matching, to, message):
    found = mapping.problems([entry("x", to)], kind, matching)
    assert found[0] == Problem("mapping.0.to", message)


def test_all_problems_are_found_at_once_each_at_its_entry():
    wrong = [
        entry("", "planTier"),
        entry("a", "PLANTIER"),
        entry("b", "plan-tier"),
        entry("", "segment", {"constant": "smb"}),
    ]
    assert mapping.problems(wrong, "accounts", "domain", path="streams.accounts.mapping") == (
        Problem(
            "streams.accounts.mapping.0.from",
            "Name the path that this value comes from, or give it a constant transform.",
        ),
        Problem(
            "streams.accounts.mapping.1.to",
            "PLANTIER is already mapped in entry 1; a target takes one value.",
        ),
        Problem("streams.accounts.mapping.2.to", NAME_RULE),
        Problem("streams.accounts.mapping", DOMAIN_NEEDED),
    )


@pytest.mark.parametrize(
    ("existing", "new", "too_many"), [(499, 1, None), (499, 2, 501), (500, 0, None), (500, 1, 501)]
)
def test_an_organization_has_at_most_500_custom_fields(existing, new, too_many):
    known = [f"field{number}" for number in range(existing)]
    targets = ["externalCustomerId", "field7", *(f"new{number}" for number in range(new))]
    found = mapping.problems([entry("x", target) for target in targets], "accounts", "external_id", known)
    message = (
        f"An organization has at most 500 custom fields; this mapping would make it {too_many}. "
        "Map to fields that exist, or leave some out."
    )
    assert found == (() if too_many is None else (Problem("mapping", message),))


def test_an_entry_refuses_what_it_does_not_know_and_hides_its_input():
    with pytest.raises(ValidationError) as invalid:
        MappingEntry.model_validate(
            {"from": "s3cret", "to": "a", "via": "s3cret", "transforms": ["nope", "trim"]}
        )
    assert [error["loc"] for error in invalid.value.errors()] == [("transforms", 0), ("via",)]
    assert "s3cret" not in str(invalid.value)


def test_an_entry_is_written_as_it_was_read():
    data = {"from": "plan.tier", "to": "planTier", "transforms": ["trim", {"default": "free"}]}
    assert MappingEntry.model_validate(data).model_dump(mode="json", by_alias=True) == data


# ---- applying ----

RECORD = {
    "name": "Acme",
    "website": "https://www.acme.com/x",
    "plan": {"tier": "gold", "a.b": 1, "none": None},
    "tags": ["x", {"y": 2}],
    "none": None,
    "7": "seven",
}


@pytest.mark.parametrize(
    ("from_", "transforms", "expected"),
    [
        ("name", [], {"t": "Acme"}),
        ("plan.tier", [], {"t": "gold"}),
        ("plan.a\\.b", [], {"t": 1}),
        ("plan", [], {"t": RECORD["plan"]}),
        ("tags.0", [], {"t": "x"}),
        ("tags.1.y", [], {"t": 2}),
        ("7", [], {"t": "seven"}),
        ("website", ["domain"], {"t": "acme.com"}),
        ("none", [], {"t": None}),
        ("none", ["trim"], {"t": None}),
        ("plan.none", [], {"t": None}),
        ("none", [{"default": 5}], {"t": 5}),
        ("absent", [], {}),
        ("absent", ["trim"], {}),
        ("plan.absent", ["trim"], {}),
        ("name.first", [], {}),
        ("tags.2", [], {}),
        ("absent", [{"default": 5}], {"t": 5}),
        ("absent", ["upper", {"default": "x"}, "upper"], {"t": "X"}),
        ("", [{"constant": "smb"}], {"t": "smb"}),
        ("name", [{"constant": "smb"}, "upper"], {"t": "SMB"}),
    ],
)
def test_a_mapping_gives_absent_and_null_apart(from_, transforms, expected):
    assert mapping.compile([entry(from_, "t", *transforms)]).apply(RECORD) == expected


def test_targets_can_be_left_out():
    plan = mapping.compile(
        entries(companyName="name", planTier="plan.tier"), leave_out=frozenset({"planTier"})
    )
    assert (plan.apply(RECORD), plan.targets) == ({"companyName": "Acme"}, {"companyName"})


def test_a_value_that_cannot_be_transformed_names_its_target():
    with pytest.raises(RowRefused) as refused:
        mapping.compile([entry("name", "companyDomain", "domain")]).apply(RECORD)
    assert (refused.value.code, refused.value.message) == (
        "invalid_domain",
        'companyDomain: "Acme" is not a domain, a URL or an email.',
    )


def test_paths_that_no_record_has_stay_unseen():
    plan = mapping.compile([*entries(a="name", b="plan.gone", c="none"), entry("", "d", {"constant": 1})])
    unseen = set(plan.paths)
    plan.strike_seen({"name": "x"}, unseen)
    plan.strike_seen(RECORD, unseen)
    assert unseen == {"plan.gone"}


KEYS = st.sampled_from(["a", "b", "c.d", "0", "1", "e\\"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
TRANSFORMS = st.sampled_from(
    ["trim", "upper", "split", "first", "join", {"default": "d"}, {"constant": [1]}, {"join": "-"}]
)


def naive(specs, path, record):
    """What a mapping entry means, as an interpreter that looks at everything again for every record."""
    found = _walk(record, path)
    for spec in specs:
        found = _transform(spec, found)
    return found


def _walk(value, path):
    if not path:
        return [value]
    if isinstance(value, dict):
        return _walk(value[path[0]], path[1:]) if path[0] in value else []
    if isinstance(value, list) and path[0] in [str(i) for i in range(len(value))]:
        return _walk(value[int(path[0])], path[1:])
    return []


def _transform(spec, found):
    name, argument = (spec, None) if isinstance(spec, str) else next(iter(spec.items()))
    if name == "constant":
        return [argument]
    if name == "default":
        return [argument] if found in ([], [None], [""]) else found
    if found in ([], [None]):
        return found
    (value,) = found
    if name in ("trim", "upper"):
        return [[_text(name, item) for item in value] if isinstance(value, list) else _text(name, value)]
    if name == "split" and isinstance(value, str):
        return [[part.strip() for part in value.split(",") if part.strip()]]
    if name == "first" and isinstance(value, list):
        return [value[0] if value else None]
    if name == "join" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [(", " if argument is None else argument).join(value)]
    return found


def _text(name, value):
    if not isinstance(value, str):
        return value
    return value.strip() if name == "trim" else value.upper()


@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.lists(st.tuples(st.lists(KEYS, min_size=1, max_size=3), st.lists(TRANSFORMS, max_size=3)), max_size=6),
)
def test_a_plan_says_what_a_naive_interpreter_says(record, described):
    rules = [
        entry(paths.join(path), f"t{number}", *specs)
        for number, (path, specs) in enumerate(described)
        if not _joins_other_than_texts(specs, path, record)
    ]
    expected = {}
    for rule in rules:
        found = naive(rule.transforms, paths.parse(rule.from_), record)
        if found:
            expected[rule.to] = found[0]
    assert mapping.compile(rules).apply(record) == expected


def _joins_other_than_texts(specs, path, record):
    """Left to the table of transforms: the naive interpreter has no JSON writer."""
    found = [record]
    found = _walk(record, list(path))
    for spec in specs:
        is_join = spec == "join" or (isinstance(spec, dict) and "join" in spec)
        if is_join and found and isinstance(found[0], list) and not all(isinstance(i, str) for i in found[0]):
            return True
        found = _transform(spec, found)
    return False


def test_an_entry_that_says_nothing_gives_nothing():
    """It is refused before it is saved; a file of another version may hold it all the same."""
    assert mapping.Plan([entry("", "planTier"), entry("a", "seats")]).apply({"a": 1}) == {"seats": 1}
