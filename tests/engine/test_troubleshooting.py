"""Each symptom of troubleshooting.md (accounts), with the remedy in the message that people see."""

from __future__ import annotations

from typing import Any

import pytest

from ropewalk.core import remedies
from ropewalk.core.remedies import Ended
from tests.engine.conftest import Serving
from tests.engine.world import MAPPING, Refused, World, brief, complete, iso
from tests.fakes import Answer, Asked, Fake, customers
from tests.fakes.hostile import Busy, SlowDrip
from tests.fakes.shapes import Pages

pytestmark = pytest.mark.any_database


def sentences(world: World, run: dict[str, Any], connector: str) -> list[str]:
    names = ("status", "verdict", "verdict_reasons", "counts", "error")
    return remedies.sentences(Ended(**{name: run[name] for name in names}, settings=world.stream(connector)))


# ---- Test Connection fails; no fields discovered ----


@pytest.mark.parametrize(
    ("answer", "about", "message"),
    [
        (
            Answer({"error": "no such page"}, 404),
            "url",
            '{base}/customers answered 404: nothing is there; check the URL. It said: {{"error": "no such page"}}',
        ),
        (
            Answer({"error": "bad token"}, 401),
            "credential",
            "{base}/customers answered 401: the API did not accept the credential. Check the auth type and enter the "
            'secret again. It said: {{"error": "bad token"}}',
        ),
        (
            {"accounts": [], "meta": {"tags": ["a"]}},
            "records_path",
            "Page 1: {base}/customers answered 200. The records path “data” leads to no array. The answer "
            "(application/json) is an object with the keys “accounts”, “meta”; arrays in it: “accounts” (0), "
            "“meta.tags” (1).",
        ),
        (
            {"data": {"a": 1}},
            "records_path",
            "Page 1: {base}/customers answered 200. The records path “data” leads to no array. The answer "
            "(application/json) is an object with the keys “data”; there is no array in it. It begins with "
            "“{{\"data\": {{\"a\": 1}}}}”",
        ),
    ],
)  # fmt: skip
def test_a_failed_test_says_which_and_what_came_back(
    answer: Any, about: str, message: str, world: World, serving: Serving
) -> None:
    base = serving(Fake(lambda asked: answer))
    connector = world.connect(base, auth={"type": "bearer"}, secrets={"token": "t-oken"})

    found = world.test(connector)

    assert (found["ok"], found["fields"], found["error"]["about"]) == (False, [], about)
    assert found["error"]["message"] == message.format(base=base)
    assert world.state(connector)["tested"] is False


def test_a_server_that_is_not_there_is_about_the_url(world: World, serving: Serving) -> None:
    connector = world.connect("http://127.0.0.1:9")

    found = world.test(connector)

    assert (found["ok"], found["error"]["code"], found["error"]["about"]) == (
        False,
        "connection_failed",
        "url",
    )


def test_a_good_test_shows_what_came_and_proposes(world: World, serving: Serving) -> None:
    shop = Pages(customers(250), total_key="total")
    connector = world.connect(serving(shop), shop.stream)

    found = world.test(connector)

    assert (found["ok"], found["message"], len(found["records"])) == (
        True,
        "200 records on 2 pages read.",
        10,
    )
    assert shop.lines[:2] == [f"GET /customers?page={number}&limit=100" for number in (1, 2)]
    assert {what: one["proved"] for what, one in found["proposal"].items()} == {
        "records_path": True,
        "pagination": True,
        "total_path": True,
        "has_more_path": False,
        "incremental": True,
        "matching": False,
        "mapping": False,
    }
    assert [(field["path"], field["type"], field["fill_rate"]) for field in found["fields"]] == [
        ("id", "text", 1.0),
        ("name", "text", 1.0),
        ("website", "text", 1.0),
        ("plan.tier", "text", 1.0),
        ("plan.seats", "number", 1.0),
        ("updated_at", "date-time", 1.0),
    ]
    assert {one["from"]: one["to"] for one in found["suggestions"]}["website"] == "companyDomain"
    assert world.state(connector)["tested_at"] == iso(world.clock.now())


def test_a_field_that_is_always_empty_has_no_type(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": [{"id": "1", "fax": None}]})))

    found = world.test(connector)

    told = [(field["path"], field["type"], field["fill_rate"]) for field in found["fields"]]
    assert told == [("id", "text", 1.0), ("fax", None, 0.0)]


def test_no_records_yet_passes(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": []})))

    found = world.test(connector)

    assert (found["ok"], found["message"]) == (
        True,
        "The endpoint answers as it should; there are no records yet.",
    )


def test_a_test_never_waits_beyond_its_deadline(world: World, serving: Serving) -> None:
    fake = Busy(wait=100, times=None)
    connector = world.connect(serving(fake), fake.stream)

    found = world.test(connector)

    assert (found["ok"], found["error"]["code"], world.clock.waited) == (False, "rate_limited", 0)


# ---- save fails with a mapping error ----


def test_saving_names_the_mode_and_the_mapping_it_requires(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": []})))

    with pytest.raises(Refused) as caught:
        world.change(connector, matching="domain", mapping=MAPPING[:2])

    assert [message for _, message in caught.value.problems] == [
        "Matching by domain needs a mapping to companyDomain; add it, or choose another way of matching."
    ]


# ---- too many rows skipped ----


def test_too_many_rows_skipped(world: World, serving: Serving) -> None:
    connector = world.connect(
        serving(Fake(lambda asked: {"data": customers(3)})), matching="domain", create_missing=False
    )
    first = world.sync(connector)
    for domain in ("one.example", "two.example"):
        world.post("accounts", {"companyDomain": domain})

    run = world.sync(connector)

    assert run["reasons"] == {"no_match": 3}
    assert world.rows(first)[0]["message"].startswith(
        'No account has the domain "company-1.example"; no account has any domain yet. Turn on '
    )
    assert world.rows(run)[0]["message"] == (
        'No account has the domain "company-1.example"; accounts have domains like "one.example", "two.example". '
        'Turn on "Create new accounts when no match is found", or fix the match field.'
    )
    assert sentences(world, run, connector)[1] == (
        "Not one row could be taken; the reasons are listed by number. Turn on “Create new accounts when no match is "
        "found” (create_missing: true), or fix the match field (companyDomain)."
    )


# ---- sync times out ----


def test_a_timeout_says_which_page_how_long_and_what_to_do(world: World, serving: Serving) -> None:
    first = customers(100)
    drip = SlowDrip()
    fake = Fake(lambda asked: drip(asked) if asked.params["page"] == "2" else {"data": first})
    base = serving(fake)
    connector = world.connect(
        base, {"records_path": "data", "pagination": {"type": "page"}}, timeout_ms=1_000
    )

    found = world.test(connector)

    assert found["error"] == {
        "code": "timeout",
        "message": f"{base}/customers?page=2&limit=100 gave no whole answer within 1 s. Raise the timeout (Advanced "
        "settings) or lower the page size. Tried 2 times.",
        "about": "url",
    }


# ---- rate limited ----


def test_rate_limited(world: World, serving: Serving) -> None:
    fake = Busy(wait=7, times=6)
    connector = world.connect(serving(fake), fake.stream)

    limited, fine = world.sync(connector), world.sync(connector)

    assert (limited["error"]["code"], world.clock.waited, brief(fine)) == (
        "rate_limited",
        35.0,
        complete(created=150),
    )
    assert (
        "asked to wait 7 s. Such requests are tried again by themselves after the wait that the API asks for; set a "
        "requests-per-minute budget on the connector to stay below its limit."
    ) in limited["error"]["message"]


# ---- Sync Now doesn't work ----


def test_sync_now_while_it_is_disabled(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": []})), enabled=False)

    with pytest.raises(Refused) as caught:
        world.request(connector)

    assert caught.value.status == 409
    assert caught.value.message == "The accounts stream of CRM is disabled; enable it to sync."


def test_sync_now_while_it_runs_answers_with_that_run(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": []})))
    first = world.request(connector)

    again = world.ask(connector, full=True)

    assert again == (first, False)


# ---- truncated ----


@pytest.mark.parametrize(
    ("limit", "limits", "says"),
    [
        (
            "max_records",
            {"max_records": 100},
            "It stopped at max_records, 100 records. The next run goes on from there. To read more in one run, raise "
            "max_records (Advanced settings), up to 100,000; ROPEWALK_MAX_RECORDS raises that ceiling.",
        ),
        (
            "max_pages",
            {"pagination": {"type": "page", "max_pages": 1}},
            "It stopped at max_pages, 1 pages. The next run goes on from there. To read more in one run, raise "
            "max_pages (Advanced settings), up to 1,000; ROPEWALK_MAX_PAGES raises that ceiling.",
        ),
    ],
)
def test_truncated(limit: str, limits: dict[str, Any], says: str, world: World, serving: Serving) -> None:
    shop = Pages(customers(150))
    connector = world.connect(serving(shop), shop.stream, **limits)

    run = world.sync(connector)
    issues = world.state(connector)["recent_issues"]

    assert sentences(world, run, connector) == ["Truncated: not everything was read.", says]
    assert [(issue["code"], issue["message"]) for issue in issues] == [
        (limit, f"Truncated: not everything was read. {says}")
    ]


# ---- a secret that is not there ----


def test_a_missing_secret_is_named(world: World, serving: Serving) -> None:
    fake = Fake(lambda asked: {"data": []})
    connector = world.connect(serving(fake), auth={"type": "bearer"})

    run = world.sync(connector)

    assert (run["error"], fake.seen) == (
        {"code": "secret_missing", "message": "The token is missing; enter it for this connector."},
        [],
    )


def test_a_redirect_of_a_login_says_to_enter_the_final_url(world: World, serving: Serving) -> None:
    def closed(asked: Asked) -> Any:
        return Answer({"error": "who are you?"}, 401)

    elsewhere = serving(Fake(closed), host="127.0.0.2")
    base = serving(Fake(lambda asked: Answer("", 302, {"Location": f"{elsewhere}/v2"})))
    connector = world.connect(base, auth={"type": "bearer"}, secrets={"token": "t-oken"})

    run = world.sync(connector)

    assert run["error"]["message"] == (
        f"{elsewhere}/v2 answered 401: the API did not accept the credential. Check the auth type and enter the "
        f"secret again. The request was redirected there from {base}, and credentials are never sent along to another "
        'origin: enter the final URL. It said: {"error": "who are you?"}'
    )


def test_a_failed_run_says_that_nothing_is_lost(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: Answer("", 404))))
    run = world.sync(connector)

    assert sentences(world, run, connector)[1] == (
        "Rows already applied stay. The watermark has not moved: the next run reads the same window again."
    )
