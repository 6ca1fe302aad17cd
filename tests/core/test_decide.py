import itertools
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import decide as deciding
from ropewalk.core.decide import ContactChange, Decision, Policy, decide
from ropewalk.core.drafts import Owners, account_draft
from ropewalk.core.errors import RowRefused
from ropewalk.core.fieldtypes import FieldTypes
from ropewalk.core.matching import Candidate, ContactState, Index, match

US, THEM = UUID(int=0xA), UUID(int=0xB)
NEW = 0x100
MODES = ("domain", "external_id", "domain_and_external_id")
OWNERS = Owners(frozenset(("kim",)), {"kim@vendor.com": "kim"})


def account(number, by=None, deleted=False, contacts=(), **values):
    return Candidate(
        UUID(int=number),
        values.get("externalCustomerId"),
        values.get("companyDomain"),
        by,
        dict(values),
        deleted,
        {contact.email: contact for contact in contacts},
    )


def contact(number, email, source="sync", is_primary=False):
    return ContactState(UUID(int=number), email, source, is_primary)


class Batch:
    """Rows decided one after the other, as a run does."""

    def __init__(self, *accounts, mode="domain_and_external_id", create=True, fields=None, links=None):
        ids = itertools.count(NEW)
        self.index = Index(accounts, links)
        self.policy = Policy(mode, create, US, lambda: UUID(int=next(ids)), fields or FieldTypes())

    def row(self, **mapped):
        try:
            draft = account_draft(mapped, self.policy.mode, OWNERS)
        except RowRefused as refused:
            return deciding.refused(refused)
        decision = decide(draft, match(draft.keys, self.policy.mode, self.index, US), self.policy)
        deciding.apply(decision, self.index)
        return decision

    def values(self, number):
        return self.index.by_id[UUID(int=number)].values


CREATED = UUID(int=NEW)


# ---- matching modes x create on and off ----


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("known", ["nobody", "by domain", "by id", "two by domain", "deleted"])
def test_every_mode_with_create_on_and_off(mode, create, known):
    accounts = {
        "nobody": [],
        "by domain": [account(1, companyDomain="acme.com", companyName="Old")],
        "by id": [account(1, externalCustomerId="7", companyName="Old")],
        "two by domain": [account(1, companyDomain="acme.com"), account(2, companyDomain="acme.com")],
        "deleted": [account(1, companyDomain="acme.com", externalCustomerId="7", deleted=True)],
    }[known]
    outcome = {
        ("nobody", "domain"): "new",
        ("nobody", "external_id"): "new",
        ("nobody", "domain_and_external_id"): "new",
        ("by domain", "domain"): "updated",
        ("by domain", "external_id"): "new",
        ("by domain", "domain_and_external_id"): "updated",
        ("by id", "domain"): "id taken",
        ("by id", "external_id"): "updated",
        ("by id", "domain_and_external_id"): "updated",
        ("two by domain", "domain"): "ambiguous_match",
        ("two by domain", "external_id"): "new",
        ("two by domain", "domain_and_external_id"): "ambiguous_match",
        ("deleted", "domain"): "deleted_here",
        ("deleted", "external_id"): "deleted_here",
        ("deleted", "domain_and_external_id"): "deleted_here",
    }[known, mode]
    expected = {
        "new": ("created", "", CREATED) if create else ("skipped", "no_match", None),
        "id taken": ("skipped", "external_id_conflict" if create else "no_match", None),
        "updated": ("updated", "", UUID(int=1)),
        "ambiguous_match": ("skipped", "ambiguous_match", None),
        "deleted_here": ("skipped", "deleted_here", UUID(int=1)),
    }[outcome]
    decision = Batch(*accounts, mode=mode, create=create).row(
        companyDomain="acme.com", externalCustomerId=7, companyName="Acme"
    )
    assert (decision.outcome, decision.reason, decision.account_id) == expected


def test_a_created_account_has_what_was_given():
    batch = Batch()
    decision = batch.row(companyDomain="acme.com", externalCustomerId=7, planTier="gold", seats=None)
    assert decision == Decision(
        "created",
        account_id=CREATED,
        changes={
            "planTier": (None, "gold"),
            "companyDomain": (None, "acme.com"),
            "externalCustomerId": (None, "7"),
        },
        sets_external_id=US,
    )
    assert batch.index.by_id[CREATED] == Candidate(
        CREATED,
        "7",
        "acme.com",
        US,
        {"planTier": "gold", "companyDomain": "acme.com", "externalCustomerId": "7"},
    )


def test_the_changes_of_a_created_account_are_all_its_values():
    changes = Batch(mode="domain").row(companyDomain="acme.com", companyName="Acme").changes

    assert changes == {"companyDomain": (None, "acme.com"), "companyName": (None, "Acme")}
    assert len(changes) == 2


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        ({}, ""),
        ({"companyDomain": ["a.de", "b.de"]}, '; accounts have domains like "a.de", "b.de"'),
        (
            {"companyDomain": [], "externalCustomerId": ["7"]},
            '; no account has any domain yet and accounts have external ids like "7"',
        ),
    ],
)
def test_what_accounts_have_is_told_as_a_part_of_a_sentence(examples, told):
    assert deciding.held(examples) == told


def test_an_outdated_row_names_the_account_it_is_about():
    acme = account(1, companyDomain="acme.com")
    draft = account_draft({"companyDomain": "acme.com"}, "domain", OWNERS)
    known, unknown = (match(draft.keys, "domain", Index(each), US) for each in ([acme], []))

    assert deciding.outdated(known, "account") == Decision(
        "skipped",
        "changed_since",
        "A later run has read a newer record for this account; this one is not applied over it.",
        candidates=(acme,),
    )
    assert deciding.outdated(unknown, "account").candidates == ()


def test_a_created_account_without_an_id_has_nobody_who_set_it():
    batch = Batch()
    assert (
        batch.row(companyDomain="acme.com").sets_external_id,
        batch.index.by_id[CREATED].external_id_connector,
    ) == (
        None,
        None,
    )


# ---- what changes ----


def test_only_differences_are_changes_and_the_second_time_there_are_none():
    batch = Batch(account(1, externalCustomerId="7", companyName="Old", a=1, b=2, c=3))
    first = batch.row(externalCustomerId=7, companyName="New", a=1, b=None, d=[1])
    second = batch.row(externalCustomerId=7, companyName="New", a=1, b=None, d=[1])
    assert (first, second) == (
        Decision(
            "updated",
            account_id=UUID(int=1),
            changes={"b": (2, None), "d": (None, [1]), "companyName": ("Old", "New")},
        ),
        Decision("unchanged", account_id=UUID(int=1)),
    )
    assert batch.values(1) == {"externalCustomerId": "7", "companyName": "New", "a": 1, "c": 3, "d": [1]}


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        ("1", 1, False),
        (None, None, True),
        (None, "", False),
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 2], False),
        ([1], [True], False),
        ([], {}, False),
        ({"a": 1, "b": [0]}, {"b": [0.0], "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        (10**300, 1e300, False),
    ],
)
def test_values_are_compared_as_json(old, new, same):
    assert (deciding.same(old, new), deciding.same(new, old)) == (same, same)


@pytest.mark.parametrize(
    ("mode", "row", "left"),
    [
        ("external_id", {"externalCustomerId": 7, "companyDomain": None}, {"externalCustomerId": "7"}),
        ("external_id", {"externalCustomerId": 7}, {"externalCustomerId": "7", "companyDomain": "acme.com"}),
        (
            "domain",
            {"companyDomain": "acme.com", "externalCustomerId": None},
            {"externalCustomerId": "7", "companyDomain": "acme.com"},
        ),
        (
            "domain_and_external_id",
            {"companyDomain": None, "externalCustomerId": 7},
            {"externalCustomerId": "7", "companyDomain": "acme.com"},
        ),
        (
            "domain_and_external_id",
            {"companyDomain": "acme.com", "externalCustomerId": None},
            {"externalCustomerId": "7", "companyDomain": "acme.com"},
        ),
        (
            "domain_and_external_id",
            {"companyDomain": "acme.de", "externalCustomerId": 7},
            {"externalCustomerId": "7", "companyDomain": "acme.de"},
        ),
    ],
)
def test_null_clears_but_never_a_match_field(mode, row, left):
    batch = Batch(account(1, externalCustomerId="7", companyDomain="acme.com"), mode=mode)
    decision = batch.row(**row)
    assert (batch.values(1), decision.notices) == (left, {})


# ---- external ids ----


@pytest.mark.parametrize("mode", ["domain", "domain_and_external_id"])
@pytest.mark.parametrize("by", [None, THEM])
def test_an_id_that_is_there_stays_and_is_told(mode, by):
    batch = Batch(account(1, by, companyDomain="acme.com", externalCustomerId="8"), mode=mode)
    decisions = [batch.row(companyDomain="acme.com", externalCustomerId=7, a=1) for _ in range(2)]
    assert decisions == [
        Decision(
            "updated", account_id=UUID(int=1), changes={"a": (None, 1)}, notices={"external_id_differs": 1}
        ),
        Decision("unchanged", account_id=UUID(int=1), notices={"external_id_differs": 1}),
    ]
    assert (
        batch.index.by_id[UUID(int=1)].external_id,
        batch.index.by_id[UUID(int=1)].external_id_connector,
    ) == ("8", by)


def test_an_id_is_set_where_there_was_none_and_then_found():
    batch = Batch(account(1, companyDomain="acme.com"))
    first = batch.row(companyDomain="acme.com", externalCustomerId=7)
    second = batch.row(companyDomain="acme.de", externalCustomerId=7)
    assert (first.changes, first.sets_external_id, second.changes, second.sets_external_id) == (
        {"externalCustomerId": (None, "7")},
        US,
        {"companyDomain": ("acme.com", "acme.de")},
        None,
    )
    assert batch.index.by_id[UUID(int=1)].external_id_connector == US
    assert [a.account_id.int for a in batch.index.of_domain("acme.de")] == [1]


def test_subsidiaries_in_one_batch_become_accounts_of_their_own():
    batch = Batch(account(1, companyDomain="acme.com"))
    rows = [batch.row(companyDomain="acme.com", externalCustomerId=number) for number in (7, 8, 7, 8)]
    assert [(row.outcome, row.account_id) for row in rows] == [
        ("updated", UUID(int=1)),
        ("created", CREATED),
        ("unchanged", UUID(int=1)),
        ("unchanged", CREATED),
    ]


CONFLICT = (
    'The external id "7" already belongs to the account "Globex". '
    "Match by external id, or correct the id there or at the source."
)


def test_an_id_that_another_account_has_skips_the_row():
    globex = account(2, companyName="Globex", externalCustomerId="7", companyDomain="globex.com")
    batch = Batch(account(1, companyDomain="acme.com"), globex, mode="domain")
    rows = [batch.row(companyDomain=name, externalCustomerId=7) for name in ("acme.com", "new.com")]
    assert rows == [Decision("skipped", "external_id_conflict", CONFLICT, candidates=(globex,))] * 2
    assert (batch.values(1), len(batch.index)) == ({"companyDomain": "acme.com"}, 2)


def test_an_id_that_an_earlier_row_of_the_batch_took_skips_the_row():
    batch = Batch(account(1, companyDomain="acme.com"), mode="domain")
    rows = [
        batch.row(companyDomain="globex.com", externalCustomerId=7, companyName="Globex"),
        batch.row(companyDomain="acme.com", externalCustomerId=7),
        batch.row(companyDomain="third.com", externalCustomerId=7),
    ]
    assert [(row.outcome, row.reason, row.message) for row in rows] == [
        ("created", "", ""),
        ("skipped", "external_id_conflict", CONFLICT),
        ("skipped", "external_id_conflict", CONFLICT),
    ]


@pytest.mark.parametrize("create", [True, False])
def test_a_row_that_is_not_taken_keeps_its_notices(create):
    batch = Batch(account(1, externalCustomerId="7"), mode="domain", create=create)
    decision = batch.row(companyDomain="acme.com", externalCustomerId=7, accountOwnerId="?")
    assert (decision.reason, decision.notices) == (
        "external_id_conflict" if create else "no_match",
        {"owner_not_found": 1},
    )


def test_a_linked_row_does_not_take_another_accounts_id():
    globex = account(2, externalCustomerId="7")
    draft = account_draft(
        {"companyDomain": "acme.com", "externalCustomerId": 7}, "domain_and_external_id", OWNERS
    )
    batch = Batch(account(1), globex, links={draft.keys.link_key("domain_and_external_id"): UUID(int=1)})
    decision = batch.row(companyDomain="acme.com", externalCustomerId=7)
    assert (decision.reason, decision.candidates) == ("external_id_conflict", (globex,))


# ---- rows that are not taken ----


def test_an_ambiguous_row_names_its_candidates_oldest_first():
    accounts = [account(number, companyDomain="acme.com") for number in range(25, 0, -1)]
    decision = Batch(*accounts, mode="domain").row(companyDomain="acme.com", accountOwnerEmail="?")
    assert decision == Decision(
        "skipped",
        "ambiguous_match",
        '25 accounts have the domain "acme.com". Choose the right one here, or match by external id.',
        candidates=tuple(sorted(accounts, key=lambda a: a.account_id)[:20]),
        notices={"owner_not_found": 1},
    )


@pytest.mark.parametrize(
    ("mode", "row", "keys"),
    [
        ("domain", {"companyDomain": "acme.com", "externalCustomerId": 7}, 'the domain "acme.com"'),
        ("external_id", {"companyDomain": "acme.com", "externalCustomerId": 7}, 'the external id "7"'),
        (
            "domain_and_external_id",
            {"companyDomain": "acme.com", "externalCustomerId": 7},
            'the external id "7" or the domain "acme.com"',
        ),
        ("domain_and_external_id", {"companyDomain": "acme.com"}, 'the domain "acme.com"'),
        ("domain_and_external_id", {"externalCustomerId": 7}, 'the external id "7"'),
    ],
)
def test_a_row_without_an_account_says_how_to_get_one(mode, row, keys):
    assert Batch(mode=mode, create=False).row(**row) == Decision(
        "skipped",
        "no_match",
        f'No account has {keys}. Turn on "Create new accounts when no match is found", or fix the match field.',
    )


@pytest.mark.parametrize(
    ("values", "called"),
    [
        (
            {"companyName": "Acme", "companyDomain": "acme.com", "externalCustomerId": "7"},
            'the account "Acme"',
        ),
        (
            {"companyName": "", "companyDomain": "acme.com", "externalCustomerId": "7"},
            'the account "acme.com"',
        ),
        ({"externalCustomerId": "7"}, 'the account "7"'),
    ],
)
def test_a_deleted_account_stays_deleted(values, called):
    gone = account(1, deleted=True, **values)
    decision = Batch(gone).row(externalCustomerId=7, companyDomain="acme.com")
    assert decision == Decision(
        "skipped",
        "deleted_here",
        f"{called[0].upper()}{called[1:]} was deleted by hand. "
        "Restore it, and the next change at the source is taken again.",
        account_id=UUID(int=1),
        candidates=(gone,),
    )


def test_a_nameless_account_is_called_so():
    link = account_draft({"externalCustomerId": 7}, "external_id", OWNERS).keys.link_key("external_id")
    decision = Batch(account(1, deleted=True), mode="external_id", links={link: UUID(int=1)}).row(
        externalCustomerId=7
    )
    assert decision.message == (
        "An account was deleted by hand. Restore it, and the next change at the source is taken again."
    )


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("free_mail_domain", "skipped"),
        ("no_match", "skipped"),
        ("missing_match_value", "rejected"),
        ("invalid_domain", "rejected"),
        ("not_an_object", "rejected"),
        ("invalid_value", "rejected"),
    ],
)
def test_a_refused_row_is_skipped_or_rejected_by_its_reason(code, outcome):
    assert deciding.refused(RowRefused(code, "Because.")) == Decision(outcome, code, "Because.")


def test_only_rows_that_write_change_the_index():
    index = Index([account(1, a=1)])
    changes = {"a": (1, 2)}
    unwritten = [
        Decision(outcome, account_id=UUID(int=1), changes=changes) for outcome in ("unchanged", "skipped")
    ]
    assert [deciding.apply(decision, index) for decision in unwritten] == [None, None]
    assert deciding.apply(Decision("updated"), index) is None
    made = deciding.apply(Decision("created", account_id=UUID(int=2), changes={"b": (None, 1)}), index)
    assert (made, index.by_id[UUID(int=2)]) == (account(2, b=1), account(2, b=1))
    assert deciding.apply(Decision("updated", account_id=UUID(int=1), changes=changes), index).values == {
        "a": 2
    }


# ---- owner, contacts, types ----


def test_notices_are_counted_with_the_row():
    batch = Batch(fields=FieldTypes({"seats": "number", "size": "number", "size2": "text"}))
    decision = batch.row(
        externalCustomerId=7,
        accountOwnerEmail="?",
        contactEmail="?",
        endUsers="?,??",
        seats="many",
        size="big",
        size2=2,
    )
    assert (decision.outcome, decision.notices) == (
        "created",
        {"owner_not_found": 1, "invalid_contact_email": 3, "type_widened": 2},
    )


def test_the_owner_is_set_and_cleared():
    batch = Batch(account(1, externalCustomerId="7"))
    rows = [
        batch.row(externalCustomerId=7, accountOwnerEmail="KIM@vendor.com"),
        batch.row(externalCustomerId=7, accountOwnerEmail="nobody@vendor.com"),
        batch.row(externalCustomerId=7, accountOwnerEmail=None),
    ]
    assert [(dict(row.changes), dict(row.notices)) for row in rows] == [
        ({"accountOwnerId": (None, "kim")}, {}),
        ({}, {"owner_not_found": 1}),
        ({"accountOwnerId": ("kim", None)}, {}),
    ]


def test_fields_are_learned_from_what_is_written_only():
    fields = FieldTypes({"a": "number"})
    batch = Batch(account(1, externalCustomerId="7", a="x", b=None), fields=fields)
    batch.row(externalCustomerId=7, companyName="2024-01-31", a="x", b=None, c=1)
    assert fields.drain() == {"c": ("created", "number")}


def test_a_row_with_fields_too_many_is_rejected_and_changes_nothing():
    fields = FieldTypes({f"field{number}": "text" for number in range(500)})
    batch = Batch(account(1, externalCustomerId="7"), fields=fields)
    rows = [batch.row(externalCustomerId=number, extra=1) for number in (7, 8)]
    assert [(row.outcome, row.reason) for row in rows] == [("rejected", "invalid_value")] * 2
    assert (batch.values(1), len(batch.index), fields.pending) == ({"externalCustomerId": "7"}, 1, {})


def add(number, email, is_primary):
    return ContactChange(UUID(int=number), email, True, is_primary)


SYNCED = contact(1, "old@acme.com", "sync", True)
MANUAL = contact(2, "hand@acme.com", "manual", True)
PLAIN = contact(3, "ann@acme.com", "sync", False)
LOSES = ContactChange(UUID(int=1), "old@acme.com", False, False)


@pytest.mark.parametrize(
    ("known", "row", "changes"),
    [
        ([], {"contactEmail": "ann@acme.com"}, (add(NEW, "ann@acme.com", True),)),
        ([SYNCED], {"contactEmail": "ann@acme.com"}, (LOSES, add(NEW, "ann@acme.com", True))),
        ([MANUAL], {"contactEmail": "ann@acme.com"}, (add(NEW, "ann@acme.com", False),)),
        ([SYNCED, MANUAL], {"contactEmail": "ann@acme.com"}, (add(NEW, "ann@acme.com", False),)),
        ([PLAIN], {"contactEmail": "ann@acme.com"}, ()),
        ([PLAIN, SYNCED], {"contactEmail": "Ann@acme.com"}, ()),
        ([SYNCED], {"contactEmail": "old@acme.com"}, ()),
        ([PLAIN], {"contactEmail": "bob@acme.com"}, (add(NEW, "bob@acme.com", True),)),
        (
            [PLAIN, SYNCED],
            {"endUsers": "ann@acme.com, bob@acme.com, cyd@acme.com"},
            (add(NEW, "bob@acme.com", False), add(NEW + 1, "cyd@acme.com", False)),
        ),
        (
            [],
            {"contactEmail": "ann@acme.com", "endUsers": ["ann@acme.com", "bob@acme.com"]},
            (add(NEW, "ann@acme.com", True), add(NEW + 1, "bob@acme.com", False)),
        ),
        ([SYNCED], {"contactEmail": None, "endUsers": None}, ()),
    ],
)
def test_contacts_are_made_and_the_mark_moves(known, row, changes):
    copies = [ContactState(c.contact_id, c.email, c.source, c.is_primary) for c in known]
    batch = Batch(account(1, externalCustomerId="7", contacts=copies))
    decision = batch.row(externalCustomerId=7, **row)
    again = batch.row(externalCustomerId=7, **row)
    assert (decision.outcome, decision.contacts) == ("updated" if changes else "unchanged", changes)
    assert (again.outcome, again.contacts) == ("unchanged", ())
    marked = [
        c.email
        for c in batch.index.by_id[UUID(int=1)].contacts.values()
        if c.is_primary and c.source == "sync"
    ]
    assert len(marked) <= 1


def test_contacts_of_a_new_account_are_seen_by_later_rows():
    batch = Batch()
    first = batch.row(externalCustomerId=7, contactEmail="ann@acme.com")
    second = batch.row(externalCustomerId=7, contactEmail="bob@acme.com", endUsers="ann@acme.com")
    assert (first.contacts, second.contacts) == (
        (add(NEW + 1, "ann@acme.com", True),),
        (ContactChange(UUID(int=NEW + 1), "ann@acme.com", False, False), add(NEW + 2, "bob@acme.com", True)),
    )


# ---- properties ----

ROWS = st.fixed_dictionaries(
    {},
    optional={
        "companyDomain": st.sampled_from(["a.de", "b.de", "gmail.com", None, "?"]),
        "externalCustomerId": st.sampled_from([1, 2, 3, None, True]),
        "companyName": st.sampled_from(["A", "B", None]),
        "accountOwnerEmail": st.sampled_from(["kim@vendor.com", "?", None]),
        "contactEmail": st.sampled_from(["a@a.de", "b@a.de", "?", None]),
        "endUsers": st.sampled_from(["a@a.de,c@a.de", ["b@a.de"], None]),
        "tier": st.sampled_from([1, True, "x", None, [1], {"a": [1]}]),
    },
)


@given(st.lists(ROWS, max_size=8), st.sampled_from(MODES), st.booleans())
def test_deciding_twice_changes_nothing_the_second_time(rows, mode, create):
    batch = Batch(
        account(1, THEM, companyDomain="a.de", externalCustomerId="9"),
        account(2, companyDomain="b.de", deleted=True),
        account(3, companyDomain="b.de"),
        mode=mode,
        create=create,
    )
    for row in rows:
        batch.row(**row)
        again = batch.row(**row)
        assert again.outcome in ("unchanged", "skipped", "rejected")
    ids = [a.external_id for a in batch.index.by_id.values() if a.external_id and not a.deleted]
    assert len(ids) == len(set(ids))
    for candidate in batch.index.by_id.values():
        assert candidate.values.get("externalCustomerId") == candidate.external_id
        assert candidate.values.get("companyDomain") == candidate.domain
        assert sum(contact.is_primary for contact in candidate.contacts.values()) <= 1
