import itertools
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.contacts import ContactDecision, contact_draft, decide, subject
from ropewalk.core.errors import RowRefused
from ropewalk.core.matching import Candidate, ContactState, Index, match

US = UUID(int=0xA)
ACME, BETA = UUID(int=1), UUID(int=2)


def accounts():
    ada = ContactState(UUID(int=0x10), "ada@acme.com", "manual", True, {"name": "Ada", "role": "CTO"})
    return [
        Candidate(ACME, "7", "acme.com", contacts={ada.email: ada}),
        Candidate(BETA, "8", "beta.com"),
        Candidate(UUID(int=3), "9", "gone.com", deleted=True),
        Candidate(UUID(int=4), None, "twins.com"),
        Candidate(UUID(int=5), None, "twins.com"),
    ]


class Batch:
    """Rows decided one after the other, as a run does."""

    def __init__(self, match_by="domain", held=""):
        ids = itertools.count(0x100)
        self.match_by, self.held = match_by, held
        self.index = Index(accounts())
        self.new_id = lambda: UUID(int=next(ids))

    def row(self, **mapped):
        draft = contact_draft(mapped, self.match_by)
        found = match(draft.keys, self.match_by, self.index, US)
        decision = decide(draft, found, self.match_by, self.held, self.new_id)
        if isinstance(decision, ContactDecision):
            decision.change.apply(found.candidate)
        return decision

    def contact(self, account, email):
        return self.index.by_id[account].contacts[email]


def test_a_draft_holds_normal_forms():
    draft = contact_draft(
        {"email": " Ada@Acme.COM", "companyDomain": "https://www.Acme.com/x", "phone": 49.0, "role": " "},
        "domain",
    )

    assert (draft.email, draft.keys, draft.values) == (
        "ada@acme.com",
        ("acme.com", None),
        {"phone": "49", "role": None},
    )


@pytest.mark.parametrize(
    ("mapped", "code"),
    [
        ({"companyDomain": "acme.com"}, "missing_email"),
        ({"companyDomain": "acme.com", "email": " "}, "missing_email"),
        ({"companyDomain": "acme.com", "email": "ada"}, "invalid_email"),
        ({"companyDomain": "acme.com", "email": 5}, "invalid_email"),
        ({"companyDomain": "acme.com", "email": ["a@b.com"]}, "invalid_email"),
        ({"email": "a@b.com"}, "missing_match_value"),
        ({"companyDomain": "gmail.com", "email": "a@b.com"}, "free_mail_domain"),
        ({"companyDomain": "no domain", "email": "a@b.com"}, "invalid_domain"),
        ({"companyDomain": "acme.com", "email": "a@b.com", "name": True}, "invalid_value"),
        ({"companyDomain": "acme.com", "email": "a@b.com", "name": "a\0b"}, "invalid_value"),
        ({"companyDomain": "acme.com", "email": "a@b.com", "role": "é" * 40_000}, "invalid_value"),
    ],
)
def test_what_no_contact_can_be_made_of(mapped, code):
    with pytest.raises(RowRefused) as refused:
        contact_draft(mapped, "domain")
    assert refused.value.code == code


def test_values_that_are_large_only_together_are_kept():
    large = {"name": "x" * 60_000, "role": None, "phone": "5" * 60_000}

    assert contact_draft({"email": "a@b.com", "companyDomain": "b.com"} | large, "domain").values == large


def test_a_new_contact():
    batch = Batch()
    decision = batch.row(companyDomain="beta.com", email="ada@acme.com", name="Ada", role=None)

    assert (decision.outcome, decision.account_id, decision.subject_id, decision.changes) == (
        "created",
        BETA,
        subject(BETA, "ada@acme.com"),
        {"email": (None, "ada@acme.com"), "name": (None, "Ada")},
    )
    assert decision.change.logged() == {
        "email": (None, "ada@acme.com"),
        "source": (None, "sync"),
        "isPrimary": (None, False),
        "name": (None, "Ada"),
    }
    assert batch.contact(BETA, "ada@acme.com") == ContactState(
        UUID(int=0x100), "ada@acme.com", "sync", False, {"name": "Ada"}
    )


def test_a_contact_that_says_nothing_new_is_unchanged():
    batch = Batch()
    row = {"companyDomain": "beta.com", "email": "ada@acme.com", "name": "Ada"}

    assert [batch.row(**row).outcome for _ in range(2)] == ["created", "unchanged"]


def test_a_contact_that_is_there_keeps_its_source_and_its_mark():
    batch = Batch("external_id")
    decision = batch.row(externalCustomerId=7, email="ADA@acme.com", name="Ada L.", role=None)

    assert (decision.outcome, decision.changes) == (
        "updated",
        {"name": ("Ada", "Ada L."), "role": ("CTO", None)},
    )
    assert decision.change.logged() == decision.changes
    assert batch.contact(ACME, "ada@acme.com") == ContactState(
        UUID(int=0x10), "ada@acme.com", "manual", True, {"name": "Ada L."}
    )


@pytest.mark.parametrize(
    ("domain", "outcome", "says"),
    [
        (
            "nobody.com",
            ("skipped", "no_match"),
            'No account has the domain "nobody.com"; accounts have domains like …. Contacts attach to existing accounts only: '
            "sync accounts first, or fix the match field. The contact waits, and is taken when such an account appears.",
        ),
        (
            "gone.com",
            ("skipped", "deleted_here"),
            'The account "gone.com" was deleted by hand. Restore it, and the next change at the source is taken again.',
        ),
        (
            "twins.com",
            ("skipped", "ambiguous_match"),
            '2 accounts have the domain "twins.com". Choose the right one here, or match by external id.',
        ),
    ],
)
def test_without_an_account_of_its_own(domain, outcome, says):
    decision = Batch(held="; accounts have domains like …").row(companyDomain=domain, email="eve@acme.com")

    assert ((decision.outcome, decision.reason), decision.message) == (outcome, says)
    assert [one.account_id.int for one in decision.candidates] == {"twins.com": [4, 5], "gone.com": [3]}.get(
        domain, []
    )


# ---- properties ----

TEXT = st.none() | st.sampled_from(["", " ", "Ada", "Bob", 7, 7.5])
MAPPED = st.fixed_dictionaries(
    {
        "companyDomain": st.sampled_from(["acme.com", "beta.com", "gone.com", "twins.com", "nobody.com"]),
        "email": st.sampled_from(["ada@acme.com", "Bob@acme.com", " cleo@x.com "]),
    },
    optional={"name": TEXT, "phone": TEXT, "role": TEXT},
)


@given(st.lists(MAPPED, max_size=8), MAPPED)
def test_deciding_twice_changes_nothing_the_second_time(before, mapped):
    batch = Batch()
    for row in before:
        batch.row(**row)
    first, second = batch.row(**mapped), batch.row(**mapped)

    assert not second.writes
    assert second.outcome == ("unchanged" if first.outcome in ("created", "updated") else first.outcome)
    assert first.subject_id == second.subject_id


@given(st.lists(MAPPED, max_size=12))
def test_an_account_has_an_email_once_and_what_was_written_says_how_it_came_to_be(rows):
    batch = Batch()
    wrote = {(ACME, "ada@acme.com"): {"name": "Ada", "role": "CTO"}}
    for row in rows:
        decision = batch.row(**row)
        if decision.writes:
            held = wrote.setdefault((decision.account_id, decision.change.email), {})
            assert all(held.get(name) == old for name, (old, _) in decision.change.values.items())
            held |= {name: new for name, (_, new) in decision.change.logged().items()}

    for (account, email), held in wrote.items():
        contact = batch.contact(account, email)
        assert contact.email == email == email.strip().lower()
        texts = {name: held[name] for name in ("name", "phone", "role") if held.get(name) is not None}
        assert texts.items() <= contact.values.items()
    assert sum(len(one.contacts) for one in batch.index.by_id.values()) == 1 + sum(
        "email" in held for held in wrote.values()
    )


@given(MAPPED)
def test_a_draft_of_its_normal_form_says_the_same(mapped):
    draft = contact_draft(mapped, "domain")
    again = contact_draft(
        {"email": draft.email, "companyDomain": draft.keys.domain, **draft.values}, "domain"
    )

    assert again.digest() == draft.digest()
    assert again.who() == draft.who()


def draft_of(**more):
    return contact_draft({"email": "ada@acme.com", "companyDomain": "acme.com"} | more, "domain")


def test_who_it_is_is_told_by_its_own_id_too_where_it_has_one():
    first, moved = draft_of(id=7).who(), draft_of(id="7", companyDomain="beta.com").who()

    assert draft_of().who() == (first[0], None)
    assert first[0] != moved[0]
    assert first[1] == moved[1] == draft_of(_id=7).who()[1]
    assert first[1] not in (None, draft_of(id=8).who()[1])
