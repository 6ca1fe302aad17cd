"""Which account a row is, what it may write there, and what becomes of it otherwise (product.md §2.1-§2.3)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ropewalk.core.errors import Conflict, MustFix, NotFound
from ropewalk.engine import accounts, people, requests
from ropewalk.store.models import AuditEntry, Connector, Contact
from tests.engine.conftest import Serving
from tests.engine.world import Flags, World, brief, complete, suspicious, values_of
from tests.fakes import Fake, customers

ID = {"from": "id", "to": "externalCustomerId"}
DOMAIN = {"from": "site", "to": "companyDomain"}
NAME = {"from": "name", "to": "companyName"}
TIER = {"from": "tier", "to": "planTier"}
WITH_TIER = [ID, DOMAIN, NAME, TIER]


class Source:
    """A list of records that a test sets, and the connector that reads it."""

    def __init__(self, world: World, serving: Serving, name: str = "CRM", **settings: Any) -> None:
        self.world = world
        self.records: list[Any] = []
        defaults = {"records_path": "", "mapping": [ID, DOMAIN, NAME]}
        base = serving(Fake(lambda asked: list(self.records)))
        self.connector: Connector = world.connect(base, defaults, name=name, **settings)

    def sync(self, *records: Any, **options: Any) -> dict[str, Any]:
        self.records = list(records)
        return self.world.sync(self.connector, **options)

    def outcome(self, *records: Any, **options: Any) -> dict[str, Any]:
        return brief(self.sync(*records, **options))


def by_hand(world: World, **values: Any) -> Any:
    return accounts.create_account(world.org, world.owner, values, world.clock).id


# ---- three modes, create on and off ----

BIG = {"id": "1", "site": "big.example", "name": "Big"}
TABLE: list[tuple[str, bool, dict[str, Any], list[dict[str, Any]]]] = [
    ("domain", True, complete(created=1, updated=1), [
        {"companyName": "Big", "companyDomain": "big.example", "externalCustomerId": "1"},
        {"companyName": "Other", "externalCustomerId": "2"},
        {"companyName": "New", "companyDomain": "new.example", "externalCustomerId": "3"},
    ]),
    ("domain", False, complete(updated=1, skipped=1, reasons={"no_match": 1}), [
        {"companyName": "Big", "companyDomain": "big.example", "externalCustomerId": "1"},
        {"companyName": "Other", "externalCustomerId": "2"},
    ]),
    ("external_id", True, complete(created=2), [
        {"companyName": "By hand", "companyDomain": "big.example"},
        {"companyName": "Other", "externalCustomerId": "2"},
        {"companyName": "Big", "companyDomain": "big.example", "externalCustomerId": "1"},
        {"companyName": "New", "companyDomain": "new.example", "externalCustomerId": "3"},
    ]),
    ("external_id", False, suspicious("all_skipped", skipped=2, reasons={"no_match": 2}), [
        {"companyName": "By hand", "companyDomain": "big.example"},
        {"companyName": "Other", "externalCustomerId": "2"},
    ]),
    ("domain_and_external_id", True, complete(created=1, updated=1), [
        {"companyName": "Big", "companyDomain": "big.example", "externalCustomerId": "1"},
        {"companyName": "Other", "externalCustomerId": "2"},
        {"companyName": "New", "companyDomain": "new.example", "externalCustomerId": "3"},
    ]),
    ("domain_and_external_id", False, complete(updated=1, skipped=1, reasons={"no_match": 1}), [
        {"companyName": "Big", "companyDomain": "big.example", "externalCustomerId": "1"},
        {"companyName": "Other", "externalCustomerId": "2"},
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "create", "outcome", "after"), TABLE)
def test_modes(
    mode: str,
    create: bool,
    outcome: dict[str, Any],
    after: list[dict[str, Any]],
    world: World,
    serving: Serving,
) -> None:
    source = Source(world, serving, matching=mode, create_missing=create)
    by_hand(world, companyName="By hand", companyDomain="big.example")
    by_hand(world, companyName="Other", externalCustomerId="2")

    run = source.sync(BIG, {"id": "3", "site": "new.example", "name": "New"})

    assert (brief(run), world.accounts()) == (outcome, after)


@pytest.mark.parametrize("mode", ["external_id", "domain_and_external_id"])
def test_the_external_id_comes_first(mode: str, world: World, serving: Serving) -> None:
    by_hand(world, companyName="Right", externalCustomerId="1")
    by_hand(world, companyName="Wrong", companyDomain="big.example")
    source = Source(world, serving, matching=mode)

    source.sync(BIG)

    assert [row.get("companyName") for row in world.accounts()] == ["Big", "Wrong"]


def test_the_number_42_and_the_text_are_one_id(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=[ID, NAME])

    runs = [source.outcome({"id": 42, "name": "A"}), source.outcome({"id": " 42 ", "name": "B"})]

    assert runs == [complete(created=1), complete(updated=1)]
    assert world.accounts() == [{"externalCustomerId": "42", "companyName": "B"}]


@pytest.mark.parametrize(
    "spelling",
    [
        "https://WWW.Big.example:8443/about?x#y",
        "big.example.",
        "svc:pw@big.example",
        "ann@big.example",
        "BIG.EXAMPLE",
    ],
)
def test_domains_are_normalised(spelling: str, world: World, serving: Serving) -> None:
    by_hand(world, companyDomain="big.example")
    source = Source(world, serving, matching="domain")

    run = source.outcome({"id": "1", "site": spelling, "name": "Big"})

    assert (run, len(world.accounts())) == (complete(updated=1), 1)
    assert world.accounts()[0]["companyDomain"] == "big.example"


def test_subsidiaries_share_a_domain(world: World, serving: Serving) -> None:
    """Combined mode: whose different id this connector set is another customer."""
    source = Source(world, serving, matching="domain_and_external_id")

    runs = [source.outcome(BIG, {**BIG, "id": "2", "name": "Big Two"}) for _ in range(2)]

    assert runs == [complete(created=2), complete(unchanged=2)]
    assert [row["externalCustomerId"] for row in world.accounts()] == ["1", "2"]


@pytest.mark.parametrize("mode", ["domain", "domain_and_external_id"])
def test_a_differing_id_stays(mode: str, world: World, serving: Serving) -> None:
    by_hand(world, companyDomain="big.example", externalCustomerId="mine")
    source = Source(world, serving, matching=mode)

    runs = [source.outcome(BIG) for _ in range(2)]

    assert runs == [
        complete(updated=1, notices={"external_id_differs": 1}),
        complete(unchanged=1, notices={"external_id_differs": 1}),
    ]
    assert world.accounts()[0]["externalCustomerId"] == "mine"


def test_an_id_that_another_account_holds(world: World, serving: Serving) -> None:
    holder = by_hand(world, companyName="Holder", externalCustomerId="1")
    by_hand(world, companyDomain="big.example")
    source = Source(world, serving, matching="domain")

    run = source.sync(BIG, {"id": "9", "site": "fine.example", "name": "Fine"})

    assert brief(run) == complete(created=1, skipped=1, reasons={"external_id_conflict": 1})
    row = world.rows(run)[0]
    assert (row.position, [each["account_id"] for each in row.candidates]) == (1, [str(holder)])
    assert row.message == (
        'The external id "1" already belongs to the account "Holder". '
        "Match by external id, or correct the id there or at the source."
    )


@pytest.mark.parametrize(
    ("mode", "record", "outcome"),
    [
        ("domain", {"site": "gmail.com"}, {"free_mail_domain": 1}),
        ("domain", {"site": "ann@gmail.com"}, {"free_mail_domain": 1}),
        ("domain", {"site": None}, {"missing_match_value": 1}),
        ("domain", {"site": "not a domain"}, {"invalid_domain": 1}),
        ("external_id", {"id": ""}, {"missing_match_value": 1}),
        ("external_id", {"id": {"a": 1}}, {"invalid_value": 1}),
        ("domain_and_external_id", {"site": "gmail.com"}, {"free_mail_domain": 1}),
        ("domain_and_external_id", {}, {"missing_match_value": 1}),
    ],
)
def test_rows_without_a_usable_key(
    mode: str, record: dict[str, Any], outcome: dict[str, int], world: World, serving: Serving
) -> None:
    source = Source(world, serving, matching=mode)

    run = source.sync(record, BIG)

    assert (run["reasons"], run["counts"]["created"]) == (outcome, 1)


def test_free_mail_is_not_stored_where_another_key_is_left(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="domain_and_external_id")

    run = source.outcome({"id": "1", "site": "ann@gmail.com", "name": "Ann"})

    assert (run, world.accounts()) == (
        complete(created=1),
        [{"externalCustomerId": "1", "companyName": "Ann"}],
    )


# ---- ambiguous ----


@pytest.mark.django_db(transaction=True)
def test_an_ambiguous_row_is_settled_for_good(world: World, serving: Serving) -> None:
    one = by_hand(world, companyName="One", companyDomain="big.example")
    two = by_hand(world, companyName="Two", companyDomain="big.example")
    source = Source(world, serving, matching="domain", mapping=[DOMAIN, NAME])

    run = source.sync(BIG)
    row = world.rows(run)[0]
    candidates = [each["account_id"] for each in row.candidates]
    requests.link_row(world.org, world.owner, run["run_id"], 1, two, world.clock)
    retried = world.retry(run, "ambiguous_match")
    later = source.sync({**BIG, "name": "Bigger"})

    assert brief(run)["reasons"] == {"ambiguous_match": 1}
    assert candidates == [str(one), str(two)]
    assert row.message == (
        '2 accounts have the domain "big.example". Choose the right one here, or match by external id.'
    )
    assert (brief(retried), retried["trigger"]) == (complete(updated=1), "retry")
    assert brief(later) == complete(updated=1)
    assert [row["companyName"] for row in world.accounts()] == ["One", "Bigger"]
    assert list(AuditEntry.objects.filter(verb="run.row_linked").values_list("detail", flat=True)) == [
        {"position": 1, "account_id": str(two), "connector_id": str(source.connector.id)}
    ]


def test_only_an_ambiguous_row_is_settled_and_only_by_an_account_of_ours(
    world: World, serving: Serving
) -> None:
    one = by_hand(world, companyName="One", companyDomain="big.example")
    by_hand(world, companyName="Two", companyDomain="big.example")
    source = Source(world, serving, matching="domain", mapping=[DOMAIN, NAME])
    run = source.sync(BIG, {"site": "nonsense"})
    stranger = World.new("Elsewhere", "eve@else.example")
    foreign = by_hand(stranger, companyName="Foreign")

    with pytest.raises(Conflict, match="Only a row that could be several accounts"):
        requests.link_row(world.org, world.owner, run["run_id"], 2, one, world.clock)
    with pytest.raises(NotFound):
        requests.link_row(world.org, world.owner, run["run_id"], 1, foreign, world.clock)
    with pytest.raises(NotFound):
        requests.link_row(world.org, world.owner, run["run_id"], 7, one, world.clock)
    with pytest.raises(NotFound):
        requests.link_row(stranger.org, stranger.owner, run["run_id"], 1, foreign, world.clock)


# ---- deleted here ----


@pytest.mark.parametrize("mode", ["domain", "external_id", "domain_and_external_id"])
def test_deleted_here_stays_deleted_until_restored(mode: str, world: World, serving: Serving) -> None:
    source = Source(world, serving, matching=mode)
    source.sync(BIG)
    account = world.account_rows()[0].id
    accounts.delete_account(world.org, world.owner, account, world.clock)

    skipped = [
        source.sync(BIG),
        source.sync({**BIG, "name": "Bigger"}),
        source.sync({**BIG, "name": "Bigger"}, full=True),
    ]
    gone = world.accounts()
    accounts.restore_account(world.org, world.owner, account, world.clock)
    back = source.outcome({**BIG, "name": "Biggest"})

    assert [run["reasons"] for run in skipped] == [{"deleted_here": 1}] * 3
    assert world.rows(skipped[0])[0].message == (
        'The account "Big" was deleted by hand. Restore it, and the next change at the source is taken again.'
    )
    assert (gone, back) == ([], complete(updated=1))
    assert [row["companyName"] for row in world.accounts()] == ["Biggest"]


# ---- the latest change wins ----


def test_a_to_b_to_a(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=WITH_TIER)

    runs = [source.outcome({**BIG, "tier": tier}) for tier in ("A", "A", "B", "B", "A", "A")]

    assert runs == [
        complete(created=1),
        complete(unchanged=1),
        complete(updated=1),
        complete(unchanged=1),
        complete(updated=1),
        complete(unchanged=1),
    ]
    assert world.accounts()[0]["planTier"] == "A"


def test_two_connectors_with_different_values_do_not_flip_flop(world: World, serving: Serving) -> None:
    crm = Source(world, serving, "CRM", matching="domain", mapping=WITH_TIER)
    billing = Source(world, serving, "Billing", matching="domain", mapping=WITH_TIER)
    first = {**BIG, "tier": "gold"}
    second = {**BIG, "tier": "silver"}

    runs = []
    for _ in range(3):
        runs += [crm.outcome(first), billing.outcome(second)]

    assert runs == [
        complete(created=1),
        complete(updated=1),
        *[complete(unchanged=1)] * 4,
    ]
    assert world.accounts()[0]["planTier"] == "silver"
    assert crm.outcome({**first, "tier": "bronze"}) == complete(updated=1)
    assert billing.outcome(second) == complete(unchanged=1)
    assert world.accounts()[0]["planTier"] == "bronze"


def test_a_hand_edit_stays_until_the_record_changes(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=WITH_TIER)
    source.sync({**BIG, "tier": "gold"})
    account = world.account_rows()[0].id
    accounts.edit_account(world.org, world.owner, account, {"fields": {"planTier": "mine"}}, world.clock)

    kept = source.outcome({**BIG, "tier": "gold"}), world.accounts()[0]["planTier"]
    # The record changes elsewhere: it speaks for all its fields.
    changed = source.outcome({**BIG, "tier": "gold", "name": "Bigger"}), world.accounts()[0]["planTier"]

    assert kept == (complete(unchanged=1), "mine")
    assert changed == (complete(updated=1), "gold")


def test_what_is_not_mapped_says_nothing(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=WITH_TIER)
    source.sync({**BIG, "tier": "gold"})
    accounts.edit_account(
        world.org, world.owner, world.account_rows()[0].id, {"fields": {"planTier": "mine"}}, world.clock
    )

    run = source.outcome({**BIG, "tier": "gold", "seen_at": "2026-03-02"})

    assert (run, world.accounts()[0]["planTier"]) == (complete(unchanged=1), "mine")


# ---- null and absent ----


def test_null_clears_and_absent_leaves(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=WITH_TIER)
    source.sync({**BIG, "tier": "gold"})

    absent = source.outcome(BIG), world.accounts()
    null = source.outcome({**BIG, "tier": None, "name": None}), world.accounts()

    assert absent == (
        complete(unchanged=1, notices={"path_vanished": 1}),
        [
            {
                "companyName": "Big",
                "companyDomain": "big.example",
                "externalCustomerId": "1",
                "planTier": "gold",
            }
        ],
    )
    assert null == (complete(updated=1), [{"companyDomain": "big.example", "externalCustomerId": "1"}])


KEYS = {"companyDomain": "big.example", "externalCustomerId": "1"}


@pytest.mark.parametrize(
    ("mode", "null", "after"),
    [
        ("external_id", "id", KEYS),
        ("external_id", "site", {"externalCustomerId": "1"}),
        ("domain", "site", KEYS),
        # An id that is there is somebody's key: what matches by domain doesn't take it away.
        ("domain", "id", KEYS),
        ("domain_and_external_id", "id", KEYS),
        ("domain_and_external_id", "site", KEYS),
    ],
)
def test_a_match_field_is_never_cleared(
    mode: str, null: str, after: dict[str, str], world: World, serving: Serving
) -> None:
    source = Source(world, serving, matching=mode)
    source.sync(BIG)

    source.sync({**BIG, null: None})

    assert world.accounts() == [{"companyName": "Big"} | after]


# ---- ingest-only fields ----

OWNER = {"from": "owner", "to": "accountOwnerEmail"}
OWNER_ID = {"from": "owner_id", "to": "accountOwnerId"}
CONTACT = {"from": "contact", "to": "contactEmail"}
USERS = {"from": "users", "to": "endUsers"}


def contacts(world: World) -> list[tuple[str, str, bool]]:
    found = Contact.objects.filter(organization_id=world.org).order_by("id")
    return [(each.email, each.source, each.is_primary) for each in found]


def test_owners(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=[ID, OWNER, OWNER_ID])
    member = str(world.member_id)

    run = source.sync(
        {"id": 1, "owner": " Olga@ACME.example "},
        {"id": 2, "owner": "nobody@acme.example"},
        {"id": 3, "owner_id": member.upper()},
        {"id": 4, "owner_id": member, "owner": "nobody@acme.example"},
        {"id": 5, "owner_id": "nobody", "owner": "olga@acme.example"},
        {"id": 6, "owner_id": None},
        {"id": 7},
    )

    assert brief(run) == complete(created=7, notices={"owner_not_found": 2})
    assert [str(row.get("accountOwnerId")) for row in world.accounts()] == [
        member, "None", member, member, member, "None", "None",
    ]  # fmt: skip


def test_an_unknown_owner_leaves_the_one_there_is(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=[ID, OWNER])
    source.sync({"id": 1, "owner": "olga@acme.example"})

    runs = [source.outcome({"id": 1, "owner": "nobody@acme.example"}) for _ in range(2)]
    kept = world.accounts()
    cleared = source.outcome({"id": 1, "owner": None})

    # Twice, although the record is the same: a notice is not lost.
    assert runs == [complete(unchanged=1, notices={"owner_not_found": 1})] * 2
    assert kept == [{"externalCustomerId": "1", "accountOwnerId": world.member_id}]
    assert (cleared, world.accounts()) == (complete(updated=1), [{"externalCustomerId": "1"}])


def test_contact_emails_and_end_users(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=[ID, CONTACT, USERS])

    run = source.sync(
        {"id": 1, "contact": "Ann@Big.example", "users": "bob@big.example, ann@big.example ,nonsense"}
    )
    again = source.sync(
        {"id": 1, "contact": "ann@big.example", "users": ["cid@big.example", None, "bob@big.example"]}
    )

    assert brief(run) == complete(created=1, notices={"invalid_contact_email": 1}, contacts={"created": 2})
    assert brief(again) == complete(updated=1, contacts={"created": 1})
    assert contacts(world) == [
        ("ann@big.example", "sync", True),
        ("bob@big.example", "sync", False),
        ("cid@big.example", "sync", False),
    ]
    assert [sorted(values_of(row)) for row in world.account_rows()] == [["externalCustomerId"]]


def test_a_new_contact_email_takes_the_mark_of_a_synced_one_only(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=[ID, CONTACT])
    source.sync({"id": 1, "contact": "ann@big.example"})

    synced = source.outcome({"id": 1, "contact": "bob@big.example"}), contacts(world)
    back = source.outcome({"id": 1, "contact": "ann@big.example"}), contacts(world)

    assert synced == (
        complete(updated=1, contacts={"created": 1, "updated": 1}),
        [("ann@big.example", "sync", False), ("bob@big.example", "sync", True)],
    )
    # Updating a contact never changes its mark.
    assert back == (complete(unchanged=1), synced[1])


def test_a_primary_made_by_hand_keeps_its_mark(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=[ID, CONTACT])
    account = by_hand(world, externalCustomerId="1")
    accounts.create_contact(
        world.org, world.owner, account, {"email": "boss@big.example", "isPrimary": True}, world.clock
    )

    run = source.outcome({"id": 1, "contact": "ann@big.example"})

    assert run == complete(updated=1, contacts={"created": 1})
    assert contacts(world) == [("boss@big.example", "manual", True), ("ann@big.example", "sync", False)]


# ---- required mappings ----


@pytest.mark.parametrize(
    ("mode", "mapping", "message"),
    [
        ("domain", [ID], "Matching by domain needs a mapping to companyDomain; add it, or choose another way of matching."),
        (
            "external_id",
            [DOMAIN],
            "Matching by external_id needs a mapping to externalCustomerId; add it, or choose another way of matching.",
        ),
        (
            "domain_and_external_id",
            [NAME],
            ("Matching by domain_and_external_id needs a mapping to companyDomain or externalCustomerId; add it, or "
            "choose another way of matching."),
        ),
    ],
)  # fmt: skip
def test_required_mappings(
    mode: str, mapping: list[dict[str, Any]], message: str, world: World, serving: Serving
) -> None:
    with pytest.raises(MustFix) as caught:
        Source(world, serving, matching=mode, mapping=mapping)

    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        ("streams.accounts.mapping", message)
    ]
    assert Connector.objects.count() == 0


@pytest.mark.parametrize("mapping", [[ID], [DOMAIN]])
def test_the_combined_mode_does_with_one_of_them(
    mapping: list[dict[str, Any]], world: World, serving: Serving
) -> None:
    source = Source(world, serving, matching="domain_and_external_id", mapping=mapping)

    assert source.outcome(BIG) == complete(created=1)


# ---- rows and their ledger ----


@pytest.mark.django_db(transaction=True)
def test_rows_are_retried_after_a_fix(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", create_missing=False)
    run = source.sync(BIG, {"id": None, "name": "Nameless"}, {**BIG, "id": "2"})
    world.change(source.connector, create_missing=True)

    some = world.retry(run, "no_match")
    every = world.retry(run)

    assert brief(run) == suspicious(
        "all_skipped", skipped=2, rejected=1, reasons={"no_match": 2, "missing_match_value": 1}
    )
    assert brief(some) == complete(created=2)
    assert brief(every) == complete(unchanged=2, rejected=1, reasons={"missing_match_value": 1})
    assert world.watermark(source.connector) is None
    assert [row.reason for row in world.rows(every)] == ["missing_match_value"]


def test_retrying_needs_a_run_that_has_ended(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id")
    run = source.sync({"id": None})
    open_run = world.request(source.connector)

    with pytest.raises(Conflict, match="This run is still under way"):
        requests.retry_rows(world.org, world.owner, open_run.id, None, world.clock)
    with pytest.raises(Conflict, match="A run of this stream is under way"):
        requests.retry_rows(world.org, world.owner, run["run_id"], None, world.clock)


def test_while_rows_are_retried_no_sync_begins(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id")
    run = source.sync({"id": None})
    requests.retry_rows(world.org, world.owner, run["run_id"], None, world.clock)

    with pytest.raises(Conflict, match="A run that retries rows is under way; sync once it has ended"):
        world.request(source.connector)


def test_the_ledger_keeps_1000_rows_a_reason_and_counts_them_all(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id")

    run = source.sync(*({"id": None, "n": number} for number in range(1_001)), *([7] * 999), BIG)

    assert run["reasons"] == {"missing_match_value": 1_001, "not_an_object": 999}
    rows = world.rows(run)
    assert (len(rows), rows[999].position, rows[1000].position) == (1_999, 1_000, 1_002)
    assert (rows[3].record, rows[1000].record) == ({"id": None, "n": 3}, "7")


def test_positions_count_over_all_pages(world: World, serving: Serving) -> None:
    pages = {"1": customers(2), "2": [{"id": None}, "x"], "3": []}
    fake = Fake(lambda asked: pages[asked.params["page"]])
    connector = world.connect(serving(fake), {"records_path": "", "pagination": {"type": "page"}})

    run = world.sync(connector)

    assert [(row.position, row.outcome, row.reason) for row in world.rows(run)] == [
        (3, "rejected", "missing_match_value"),
        (4, "rejected", "not_an_object"),
    ]


def test_nothing_crosses_organizations(world: World, serving: Serving) -> None:
    stranger = World.new("Elsewhere", "eve@else.example")
    by_hand(stranger, companyName="Theirs", externalCustomerId="1", companyDomain="big.example")
    source = Source(world, serving, matching="domain_and_external_id")

    run = source.outcome(BIG)

    assert run == complete(created=1)
    assert [row["companyName"] for row in stranger.accounts()] == ["Theirs"]


def test_a_member_who_leaves_while_a_run_goes(world: World, serving: Serving) -> None:
    member = people.add_user(world.org, world.owner, "max@acme.example", "member", world.clock).member
    source = Source(world, serving, matching="external_id", mapping=[ID, NAME, OWNER])
    source.records = [BIG | {"owner": "max@acme.example"}]
    here, left = threading.current_thread(), []

    def leave() -> bool:
        if threading.current_thread() is here and not left:
            left.append(1)
            people.remove_member(world.org, world.owner, member.id, world.clock)
        return False

    run = world.sync(source.connector, flags=Flags(cancel=leave))

    assert brief(run) == complete(created=1, notices={"owner_not_found": 1})
    assert world.accounts() == [{"companyName": "Big", "externalCustomerId": "1"}]


@pytest.mark.parametrize("mode", ["domain", "domain_and_external_id"])
def test_a_match_by_domain_keeps_the_external_id_that_is_there(
    mode: str, world: World, serving: Serving
) -> None:
    """Also against an explicit null: it is what others match by (product.md §2.3)."""
    source = Source(world, serving, matching=mode)
    source.sync(BIG)

    run = source.outcome({**BIG, "id": None, "name": None})

    assert run == complete(updated=1)
    assert world.accounts() == [{"companyDomain": "big.example", "externalCustomerId": "1"}]
