from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.drafts import MatchKeys
from ropewalk.core.matching import Candidate, Index, Match, match

US, THEM = UUID(int=0xA), UUID(int=0xB)
MODES = ("domain", "external_id", "domain_and_external_id")


def account(number, domain=None, external_id=None, by=None, deleted=False):
    return Candidate(UUID(int=number), external_id, domain, by, deleted=deleted)


def found(accounts, keys, mode, links=None):
    """(kind, the account's number, the candidates' numbers, the number of who holds the id)"""
    result = match(keys, mode, Index(accounts, links), US)
    return (
        result.kind,
        result.candidate and result.candidate.account_id.int,
        [candidate.account_id.int for candidate in result.candidates],
        result.id_holder and result.id_holder.account_id.int,
    )


ACME = MatchKeys("acme.com", "7")
BY_DOMAIN = MatchKeys("acme.com", None)
BY_ID = MatchKeys(None, "7")

ONE = ("one", 1, [], None)
ONE_HELD = ("one", 1, [], 1)
NONE = ("none", None, [], None)
DELETED = ("deleted", 1, [], None)


@pytest.mark.parametrize(
    ("accounts", "keys", "domain", "external_id", "combined"),
    [
        pytest.param([], ACME, NONE, NONE, NONE, id="nobody"),
        pytest.param(
            [account(1, "acme.com", None, US)], ACME, ONE, NONE, ONE, id="an id from us, since gone"
        ),
        pytest.param(
            [account(1, "acme.com", deleted=True), account(2, "acme.de", "7")],
            ACME,
            ("deleted", 1, [], 2),
            ("one", 2, [], 2),
            ("one", 2, [], 2),
            id="tombstone of the domain, the id elsewhere",
        ),
        pytest.param([account(1, "acme.com")], ACME, ONE, NONE, ONE, id="domain"),
        pytest.param([account(1, "acme.com")], BY_DOMAIN, ONE, NONE, ONE, id="domain only"),
        pytest.param([account(1, "acme.de", "7")], ACME, ("none", None, [], 1), ONE_HELD, ONE_HELD, id="id"),
        pytest.param([account(1, None, "7")], BY_ID, ("none", None, [], 1), ONE_HELD, ONE_HELD, id="id only"),
        pytest.param(
            [account(1, "acme.com"), account(2, "acme.de", "7")],
            ACME,
            ("one", 1, [], 2),
            ("one", 2, [], 2),
            ("one", 2, [], 2),
            id="domain and id of two accounts",
        ),
        pytest.param(
            [account(1, "acme.com"), account(2, "acme.com")],
            ACME,
            ("ambiguous", None, [1, 2], None),
            NONE,
            ("ambiguous", None, [1, 2], None),
            id="two of a domain",
        ),
        pytest.param(
            [account(1, "acme.com", "7"), account(2, "acme.com")],
            ACME,
            ("ambiguous", None, [1, 2], 1),
            ONE_HELD,
            ONE_HELD,
            id="two of a domain, one with the id",
        ),
        pytest.param([account(1, "acme.com", "8", US)], ACME, ONE, NONE, NONE, id="another id from us"),
        pytest.param([account(1, "acme.com", "8", THEM)], ACME, ONE, NONE, ONE, id="another id from them"),
        pytest.param([account(1, "acme.com", "8")], ACME, ONE, NONE, ONE, id="another id by hand"),
        pytest.param(
            [account(1, "acme.com", "8", US)], BY_DOMAIN, ONE, NONE, ONE, id="an id from us, none mapped"
        ),
        pytest.param(
            [
                account(1, "acme.com", "8", THEM),
                account(2, "acme.com", "9", US),
                account(3, "acme.com", "10", US),
            ],
            ACME,
            ("ambiguous", None, [1, 2, 3], None),
            NONE,
            ONE,
            id="subsidiaries",
        ),
        pytest.param(
            [account(1, "acme.com", deleted=True)], ACME, DELETED, NONE, DELETED, id="tombstone of the domain"
        ),
        pytest.param(
            [account(1, None, "7", deleted=True)], ACME, NONE, DELETED, DELETED, id="tombstone of the id"
        ),
        pytest.param(
            [account(1, "acme.com", "8", US, deleted=True)],
            ACME,
            DELETED,
            NONE,
            NONE,
            id="tombstone of a subsidiary",
        ),
        pytest.param(
            [account(2, "acme.com", deleted=True), account(1, "acme.com")],
            ACME,
            ONE,
            NONE,
            ONE,
            id="live beside dead",
        ),
        pytest.param(
            [account(2, None, "7", deleted=True), account(1, None, "7")],
            ACME,
            ("none", None, [], 1),
            ONE_HELD,
            ONE_HELD,
            id="live beside dead by id",
        ),
        pytest.param(
            [account(1, "acme.de", "7", deleted=True), account(2, "acme.com")],
            ACME,
            ("one", 2, [], None),
            DELETED,
            DELETED,
            id="tombstone of the id, live by domain",
        ),
        pytest.param(
            [
                account(2, "acme.com", deleted=True),
                account(3, "acme.com", deleted=True),
                account(1, "acme.de"),
            ],
            ACME,
            ("deleted", 3, [], None),
            NONE,
            ("deleted", 3, [], None),
            id="two tombstones",
        ),
        pytest.param([account(1, "acme.com.au", "77")], ACME, NONE, NONE, NONE, id="similar keys"),
    ],
)
def test_who_a_row_is(accounts, keys, domain, external_id, combined):
    assert [found(accounts, keys, mode) for mode in MODES] == [domain, external_id, combined]


@pytest.mark.parametrize("mode", MODES)
def test_a_link_comes_first(mode):
    accounts = [account(1, "acme.com"), account(2, "acme.com"), account(3, "acme.de", "7")]
    links = {ACME.link_key(mode): UUID(int=2)}
    assert found(accounts, ACME, mode, links) == ("one", 2, [], 3)


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ({ACME.link_key("domain"): UUID(int=4)}, ("deleted", 4, [], None)),
        ({ACME.link_key("domain"): UUID(int=99)}, ("ambiguous", None, [1, 2], None)),
        ({BY_DOMAIN.link_key("domain"): UUID(int=1)}, ("ambiguous", None, [1, 2], None)),
    ],
)
def test_a_link_to_a_deleted_an_unknown_or_for_another_row(links, expected):
    accounts = [account(1, "acme.com"), account(2, "acme.com"), account(4, deleted=True)]
    assert found(accounts, ACME, "domain", links) == expected


def test_the_index_is_kept_up_to_date():
    index = Index([account(1, "acme.com", "7", US), account(2, "acme.com", deleted=True), account(5)])
    index.add(account(1, "acme.de", "8", US))
    index.add(account(2, "acme.com"))
    index.add(account(3, "acme.org", "9", deleted=True))
    index.discard(UUID(int=3))
    index.discard(UUID(int=3))
    index.discard(UUID(int=5))
    assert [
        len(index),
        index.holder("7"),
        index.holder("8").account_id.int,
        [a.account_id.int for a in index.of_domain("acme.com")],
        [a.account_id.int for a in index.of_domain("acme.com", deleted=True)],
        [a.account_id.int for a in index.of_domain("acme.de")],
        [a.account_id.int for a in index.of_domain("acme.de", except_ids_of=US)],
        index.of_domain("acme.net"),
        index.tombstones("9"),
        index.of_domain("acme.org", deleted=True),
    ] == [2, None, 1, [2], [], [1], [], [], [], []]


def test_taking_out_one_of_two_that_share_an_id_leaves_the_other():
    index = Index([account(1, None, "7"), account(2, None, "7")])
    index.discard(UUID(int=1))
    assert index.holder("7").account_id.int == 2


def test_a_candidate_is_summed_up():
    candidate = Candidate(UUID(int=1), "7", "acme.com", values={"companyName": "Acme", "planTier": "gold"})
    assert candidate.summary() == {
        "account_id": "00000000-0000-0000-0000-000000000001",
        "companyName": "Acme",
        "companyDomain": "acme.com",
        "externalCustomerId": "7",
    }


DOMAINS = st.none() | st.sampled_from(["a.de", "b.de"])
IDS = st.none() | st.sampled_from(["1", "2", "3"])
ACCOUNTS = st.lists(
    st.builds(
        lambda domain, external_id, by, deleted: (domain, external_id, by if external_id else None, deleted),
        DOMAINS,
        IDS,
        st.none() | st.sampled_from([US, THEM]),
        st.booleans(),
    ),
    max_size=6,
).map(lambda rows: [account(number, *row) for number, row in enumerate(rows, 1)])


def spelled_out(accounts, keys, mode):
    """The contract (product.md §2.3), read aloud over a plain list."""
    live_ids = [a for a in accounts if not a.deleted and a.external_id == keys.external_id is not None]
    dead_ids = [a for a in accounts if a.deleted and a.external_id == keys.external_id is not None]
    if mode in ("external_id", "domain_and_external_id"):
        if live_ids:
            return "one", {a.account_id for a in live_ids[-1:]}
        if dead_ids:
            return "deleted", {a.account_id for a in dead_ids}
    if mode == "external_id" or keys.domain is None:
        return "none", set()
    same_domain = [a for a in accounts if a.domain == keys.domain]
    if mode == "domain_and_external_id" and keys.external_id is not None:
        same_domain = [
            a
            for a in same_domain
            if a.external_id in (None, keys.external_id) or a.external_id_connector != US
        ]
    live = {a.account_id for a in same_domain if not a.deleted}
    dead = {a.account_id for a in same_domain if a.deleted}
    kind = {0: "deleted" if dead else "none", 1: "one"}.get(len(live), "ambiguous")
    return kind, live or dead


@given(ACCOUNTS, st.builds(MatchKeys, DOMAINS, IDS), st.sampled_from(MODES))
def test_matching_is_the_contract_read_aloud(accounts, keys, mode):
    live_ids = [a.external_id for a in accounts if not a.deleted and a.external_id]
    if len(set(live_ids)) < len(live_ids):
        return  # an organization can't have these
    result = match(keys, mode, Index(accounts), US)
    kind, who = spelled_out(accounts, keys, mode)
    answered = {c.account_id for c in (*result.candidates, *([result.candidate] if result.candidate else []))}
    assert (result.kind, answered <= who, bool(answered)) == (kind, True, bool(who))
    assert kind == "deleted" or answered == who
    holder = next(
        (a for a in accounts if not a.deleted and keys.external_id and a.external_id == keys.external_id),
        None,
    )
    assert result.id_holder is holder


def test_a_match_without_anybody_is_empty():
    assert Match("none") == Match("none", None, (), None)
