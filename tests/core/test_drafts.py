import msgspec
import pytest
from hypothesis import given, strategies as st

from ropewalk.core.drafts import AccountDraft, MatchKeys, Owners, account_draft
from ropewalk.core.errors import RowRefused

KIM = "01890000-0000-7000-8000-00000000000a"
LEE = "01890000-0000-7000-8000-00000000000b"
OWNERS = Owners(frozenset((KIM, LEE)), {"kim@vendor.com": KIM, "lee@vendor.com": LEE})
MODES = ("domain", "external_id", "domain_and_external_id")


def draft(mapped, mode="external_id", owners=OWNERS):
    return account_draft({"externalCustomerId": "7", **mapped}, mode, owners)


def refusal(mapped, mode):
    with pytest.raises(RowRefused) as refused:
        account_draft(mapped, mode, OWNERS)
    return refused.value.code, refused.value.message


def test_a_draft_holds_normal_forms_and_values_as_they_came():
    mapped = {
        "companyName": "  Acme ",
        "companyDomain": "https://WWW.Acme.com/x",
        "externalCustomerId": 42,
        "planTier": "gold",
        "seats": 5,
        "gone": None,
    }
    draft = account_draft(mapped, "domain_and_external_id", OWNERS)
    assert msgspec.structs.replace(draft, said=b"") == AccountDraft(
        values={
            "companyName": "  Acme ",
            "companyDomain": "acme.com",
            "externalCustomerId": "42",
            "planTier": "gold",
            "seats": 5,
            "gone": None,
        },
        keys=MatchKeys("acme.com", "42"),
        contact_email=None,
        end_users=(),
        notices={},
    )


NO_DOMAIN = (
    "The record has no value for companyDomain, so no account can be found for it. "
    "Map a path that every record fills, or fix the record at the source."
)
NO_ID = NO_DOMAIN.replace("companyDomain", "externalCustomerId")
NEITHER = NO_DOMAIN.replace("companyDomain", "companyDomain and externalCustomerId")
FREE = (
    "gmail.com is a free-mail provider, so it names no company. "
    "Map a company's own domain, or match by external id."
)


@pytest.mark.parametrize(
    ("mode", "mapped", "code", "message"),
    [
        ("domain", {}, "missing_match_value", NO_DOMAIN),
        ("domain", {"companyDomain": None}, "missing_match_value", NO_DOMAIN),
        ("domain", {"companyDomain": " ", "externalCustomerId": 5}, "missing_match_value", NO_DOMAIN),
        ("external_id", {"companyDomain": "acme.com"}, "missing_match_value", NO_ID),
        ("external_id", {"externalCustomerId": None}, "missing_match_value", NO_ID),
        ("external_id", {"externalCustomerId": "  "}, "missing_match_value", NO_ID),
        ("external_id", {"companyDomain": "gmail.com"}, "missing_match_value", NO_ID),
        ("domain_and_external_id", {}, "missing_match_value", NEITHER),
        (
            "domain_and_external_id",
            {"companyDomain": None, "externalCustomerId": ""},
            "missing_match_value",
            NEITHER,
        ),
        ("domain", {"companyDomain": "bob@GMail.com"}, "free_mail_domain", FREE),
        ("domain", {"companyDomain": "gmail.com", "externalCustomerId": 5}, "free_mail_domain", FREE),
        (
            "domain_and_external_id",
            {"companyDomain": "gmail.com", "externalCustomerId": None},
            "free_mail_domain",
            FREE,
        ),
        (
            "domain",
            {"companyDomain": "n/a"},
            "invalid_domain",
            'companyDomain "n/a" is not a domain. Map a path that holds a domain, a URL or an email.',
        ),
        (
            "external_id",
            {"companyDomain": 5, "externalCustomerId": 5},
            "invalid_domain",
            "companyDomain 5 is not a domain. Map a path that holds a domain, a URL or an email.",
        ),
        (
            "domain",
            {"companyDomain": ["acme.com"]},
            "invalid_domain",
            'companyDomain ["acme.com"] is a list. Add the transform first.',
        ),
        (
            "domain",
            {"companyDomain": "x y" * 100},
            "invalid_domain",
            'companyDomain "'
            + ("x y" * 100)[:198]
            + "… is not a domain. Map a path that holds a domain, a URL or an email.",
        ),
        (
            "external_id",
            {"externalCustomerId": True},
            "invalid_value",
            (
                "externalCustomerId true can't be an id. "
                "Map a path that holds a text of at most 500 characters or a number."
            ),
        ),
        (
            "domain",
            {"companyDomain": "acme.com", "externalCustomerId": ["a"]},
            "invalid_value",
            (
                'externalCustomerId ["a"] can\'t be an id. '
                "Map a path that holds a text of at most 500 characters or a number."
            ),
        ),
        (
            "external_id",
            {"externalCustomerId": 5, "companyName": ["Acme"]},
            "invalid_value",
            'companyName ["Acme"] is not a text. Map a path that holds the name.',
        ),
        (
            "external_id",
            {"externalCustomerId": 5, "companyName": False},
            "invalid_value",
            "companyName false is not a text. Map a path that holds the name.",
        ),
        (
            "external_id",
            {"externalCustomerId": 5, "companyName": "a\0"},
            "invalid_value",
            'companyName holds a NUL character, which can\'t be stored: "a\\u0000" Fix it at the source.',
        ),
    ],
)
def test_a_row_that_cannot_be_used_says_why(mode, mapped, code, message):
    assert refusal(mapped, mode) == (code, message)


@pytest.mark.parametrize(
    ("mode", "mapped", "values"),
    [
        # A null clears, but never what the stream matches by.
        (
            "external_id",
            {"externalCustomerId": 5, "companyDomain": None},
            {"externalCustomerId": "5", "companyDomain": None},
        ),
        (
            "domain",
            {"externalCustomerId": None, "companyDomain": "a.de"},
            {"externalCustomerId": None, "companyDomain": "a.de"},
        ),
        (
            "domain_and_external_id",
            {"externalCustomerId": 5, "companyDomain": None},
            {"externalCustomerId": "5"},
        ),
        (
            "domain_and_external_id",
            {"externalCustomerId": None, "companyDomain": "a.de"},
            {"companyDomain": "a.de"},
        ),
        # A free-mail domain counts as absent.
        ("external_id", {"externalCustomerId": 5, "companyDomain": "gmail.com"}, {"externalCustomerId": "5"}),
        (
            "domain_and_external_id",
            {"externalCustomerId": 5, "companyDomain": "gmail.com"},
            {"externalCustomerId": "5"},
        ),
        # A name may be a number.
        (
            "external_id",
            {"externalCustomerId": 5, "companyName": 1848},
            {"externalCustomerId": "5", "companyName": "1848"},
        ),
        (
            "external_id",
            {"externalCustomerId": 5, "companyName": None},
            {"externalCustomerId": "5", "companyName": None},
        ),
    ],
)
def test_null_free_mail_and_names(mode, mapped, values):
    assert account_draft(mapped, mode, OWNERS).values == values


KIB64 = 64 * 1024


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * KIB64, None),
        ("x" * (KIB64 + 1), 'planTier holds more than 64 KiB: "' + "x" * 198 + "… Map a part of it instead."),
        ("ä" * (KIB64 // 2), None),
        (
            "ä" * (KIB64 // 2 + 1),
            'planTier holds more than 64 KiB: "' + "ä" * 198 + "… Map a part of it instead.",
        ),
        (["x" * (KIB64 - 4)], None),
        (
            ["x" * (KIB64 - 3)],
            'planTier holds more than 64 KiB: ["' + "x" * 197 + "… Map a part of it instead.",
        ),
        ({"k": 1}, None),
        (5, None),
        (5.5, None),
        (True, None),
        ("\0", 'planTier holds a NUL character, which can\'t be stored: "\\u0000" Fix it at the source.'),
        (
            [1, "\0"],
            'planTier holds a NUL character, which can\'t be stored: [1,"\\u0000"] Fix it at the source.',
        ),
        (
            {"\0": 1},
            'planTier holds a NUL character, which can\'t be stored: {"\\u0000":1} Fix it at the source.',
        ),
        (
            {"a": ["\0"]},
            'planTier holds a NUL character, which can\'t be stored: {"a":["\\u0000"]} Fix it at the source.',
        ),
        (["\\u0000", {"a": 1}], None),
    ],
)
def test_a_value_is_at_most_64_kib_and_storable(value, message):
    if message is None:
        assert draft({"planTier": value}).values["planTier"] == value
    else:
        assert refusal({"externalCustomerId": 7, "planTier": value}, "external_id") == (
            "invalid_value",
            message,
        )


@pytest.mark.parametrize(
    ("mapped", "owner", "notices"),
    [
        ({"accountOwnerId": KIM}, KIM, 0),
        ({"accountOwnerId": f" {KIM.upper()} "}, KIM, 0),
        ({"accountOwnerEmail": "Kim@Vendor.COM "}, KIM, 0),
        ({"accountOwnerId": KIM, "accountOwnerEmail": "lee@vendor.com"}, KIM, 0),
        ({"accountOwnerId": "?", "accountOwnerEmail": "lee@vendor.com"}, LEE, 1),
        ({"accountOwnerId": KIM, "accountOwnerEmail": "nobody@vendor.com"}, KIM, 0),
        ({"accountOwnerId": None, "accountOwnerEmail": "lee@vendor.com"}, LEE, 0),
        ({"accountOwnerId": "?"}, "absent", 1),
        ({"accountOwnerId": 5}, "absent", 1),
        ({"accountOwnerId": KIM[:-1] + "c"}, "absent", 1),
        ({"accountOwnerEmail": "nobody@vendor.com"}, "absent", 1),
        ({"accountOwnerEmail": KIM}, "absent", 1),
        ({"accountOwnerId": "kim@vendor.com"}, "absent", 1),
        ({"accountOwnerId": "?", "accountOwnerEmail": "?"}, "absent", 1),
        ({"accountOwnerId": "?", "accountOwnerEmail": None}, "absent", 1),
        ({"accountOwnerId": None, "accountOwnerEmail": "?"}, "absent", 1),
        ({"accountOwnerId": None}, None, 0),
        ({"accountOwnerEmail": None}, None, 0),
        ({"accountOwnerEmail": ""}, None, 0),
        ({"accountOwnerId": None, "accountOwnerEmail": None}, None, 0),
        ({}, "absent", 0),
    ],
)
def test_the_owner(mapped, owner, notices):
    made = draft(mapped)
    assert (made.values.get("accountOwnerId", "absent"), made.notices) == (
        owner,
        {"owner_not_found": notices} if notices else {},
    )


@pytest.mark.parametrize(
    ("mapped", "contact", "users", "invalid"),
    [
        ({"contactEmail": " Ann@Acme.com"}, "ann@acme.com", (), 0),
        ({"contactEmail": None, "endUsers": None}, None, (), 0),
        ({"contactEmail": ""}, None, (), 0),
        ({"contactEmail": "ann"}, None, (), 1),
        ({"contactEmail": ["ann@acme.com"]}, None, (), 1),
        ({"endUsers": "b@a.com, A@a.com,,"}, None, ("a@a.com", "b@a.com"), 0),
        ({"endUsers": ["b@a.com", " B@A.com ", None, "", "a@a.com"]}, None, ("a@a.com", "b@a.com"), 0),
        ({"endUsers": ["b@a.com", "x", 5, {"email": "a@a.com"}]}, None, ("b@a.com",), 3),
        ({"endUsers": {"email": "a@a.com"}}, None, (), 1),
        ({"endUsers": []}, None, (), 0),
        ({"contactEmail": "a@a.com", "endUsers": "A@a.com,b@a.com"}, "a@a.com", ("b@a.com",), 0),
        ({"contactEmail": "x", "endUsers": "x"}, None, (), 2),
    ],
)
def test_contacts(mapped, contact, users, invalid):
    made = draft(mapped)
    assert (made.contact_email, made.end_users, made.notices, made.values) == (
        contact,
        users,
        {"invalid_contact_email": invalid} if invalid else {},
        {"externalCustomerId": "7"},
    )


def test_the_digest_covers_what_is_written_and_nothing_else():
    base = {"companyDomain": "acme.com", "a": 1, "b": 2, "endUsers": "x@a.com,y@a.com"}
    same = [
        base,
        dict(reversed(base.items())),
        {**base, "endUsers": ["Y@a.com", "x@a.com"]},
        {**base, "accountOwnerId": "?"},
    ]
    other = [
        {**base, "a": 2},
        {**base, "a": True},
        {**base, "a": None},
        {**base, "c": None},
        {**base, "contactEmail": "z@a.com"},
        {**base, "endUsers": "x@a.com"},
        {**base, "companyDomain": "acme.de"},
        {**base, "accountOwnerId": KIM},
        {**base, "externalCustomerId": "8"},
    ]
    digests = [draft(mapped).digest(b"s") for mapped in (*same, *other)]
    assert (len(set(digests[: len(same)])), len(set(digests)), {len(digest) for digest in digests}) == (
        1,
        1 + len(other),
        {16},
    )
    assert draft(base).digest(b"s") != draft(base).digest(b"t")


@pytest.mark.parametrize("mode", MODES)
def test_a_link_is_found_by_what_identifies_the_row(mode):
    base = MatchKeys("acme.com", "7").link_key(mode)
    moved = MatchKeys("acme.de", "7").link_key(mode)
    other = MatchKeys("acme.com", "8").link_key(mode)
    without = MatchKeys("acme.com", None).link_key(mode)
    assert (moved == base, other == base, without == base) == (mode != "domain", False, False)
    assert MatchKeys("7", None).link_key(mode) != MatchKeys(None, "7").link_key(mode)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "companyName",
                "companyDomain",
                "externalCustomerId",
                "accountOwnerId",
                "contactEmail",
                "endUsers",
                "a",
            ]
        ),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.sampled_from(["acme.com", "gmail.com"])
        | st.lists(st.text()),
    ),
    st.sampled_from(MODES),
)
def test_a_draft_is_made_or_refused_with_a_known_reason(mapped, mode):
    try:
        made = account_draft(mapped, mode, OWNERS)
    except RowRefused as refused:
        made = None
        code = refused.code
    else:
        code = None
    assert code in (None, "missing_match_value", "free_mail_domain", "invalid_domain", "invalid_value")
    if made is None:
        return
    again = account_draft({**mapped, **made.values}, mode, OWNERS)
    assert (again.values, again.keys, again.digest()) == (made.values, made.keys, made.digest())
