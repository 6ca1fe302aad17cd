"""BigQuery's client against a server of ours: keys, time, bytes, limits and places (sources.md §3)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from ropewalk.core.errors import Cancelled, MustFix, Refused, RetryLater, RopewalkError
from ropewalk.core.query import Parameter, Query
from ropewalk.net import bigquery, google
from ropewalk.net.guard import Guard
from ropewalk.net.memory import Memory
from ropewalk.net.pinned import Pins
from tests.fakes import serve, warehouses
from tests.fakes.bigquery import BigQuery

SINCE = Parameter("since", "timestamp", datetime(1970, 1, 1, tzinfo=UTC))
QUERY = Query("SELECT id FROM crm.customers WHERE at > @since", (SINCE,), max_bytes=10_000)


def client(
    url: str, *, key: str | None = None, allow: tuple[str, ...] = ("127.0.0.0/8",), **options: Any
) -> bigquery.BigQuery:
    guard = Guard(allow)
    given = {"sleep": lambda _: None, "remaining": lambda: 30.0, "cancelled": lambda: False} | options
    settings = bigquery.Settings(key or warehouses.key_file(), endpoint=url)
    return bigquery.BigQuery(
        settings, Pins(lambda host, port: guard.check_pinned(host, port, google.HOSTS)), **given
    )


@contextmanager
def reading(fake: BigQuery, **options: Any) -> Iterator[bigquery.BigQuery]:
    with serve(fake) as url, client(url, **options) as found:
        yield found


def rows(found: Any, start: int = 0) -> list[Any]:
    return [json.loads(record)["id"] for batch in found.batches(start) for record in batch]


def failing(fake: BigQuery, **options: Any) -> RopewalkError:
    with reading(fake, **options) as found, pytest.raises(RopewalkError) as caught:
        rows(found.query(QUERY))
    return caught.value


def test_it_waits_for_a_job_that_is_not_complete() -> None:
    fake = BigQuery(rows=[["a"], ["b"]], waits=5)
    waited: list[float] = []
    with reading(fake, sleep=waited.append) as found:
        assert rows(found.query(QUERY)) == ["a", "b"]

    assert waited
    [body] = [each["body"] for each in fake.jobs.values() if not each["dry"]]
    query = body["configuration"]["query"]
    assert query["queryParameters"] == [
        {
            "name": "since",
            "parameterType": {"type": "TIMESTAMP"},
            "parameterValue": {"value": "1970-01-01 00:00:00+00:00"},
        }
    ]
    assert (query["maximumBytesBilled"], query["useLegacySql"]) == ("10000", False)
    assert body["configuration"]["labels"] == {"client": "ropewalk"}


def test_a_result_is_read_page_by_page_and_from_any_row() -> None:
    fake = BigQuery(rows=[[str(number)] for number in range(12_000)], checked=False)
    with reading(fake) as found:
        result = found.query(QUERY)
        assert [len(batch) for batch in result.batches()] == [1_000] * 12
        again = found.result(dict(result.kept), 1_000)
        assert rows(again, 11_998) == ["11998", "11999"]
        assert again.total == 12_000


def test_a_query_that_reads_too_much_is_refused_with_its_figure_before_it_runs() -> None:
    fake = BigQuery(size=3 * 1024**3)
    error = failing(fake)

    assert (type(error), error.code) == (MustFix, "too_expensive")
    assert "3.00 GiB (3,221,225,472 bytes, by a dry run)" in error.message
    assert [each["dry"] for each in fake.jobs.values()] == [True]


def test_what_the_dry_run_did_not_see_is_stopped_by_the_warehouse() -> None:
    error = failing(
        BigQuery(fails=(400, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 10."))
    )

    assert error.code == "too_expensive"


LIVE = replace(QUERY, live=True)


def test_a_live_query_is_described_once_in_a_while_and_one_token_serves() -> None:
    fake, memory = BigQuery(rows=[["a"]]), Memory()
    asked, tokens = [], set()
    with serve(fake) as url:
        for query in (LIVE, LIVE, QUERY):
            before = len(fake.seen)
            with client(url, memory=memory) as found:
                assert rows(found.query(query)) == ["a"]
                tokens.add(found.secrets()[-1])
            asked.append([f"{each.method} {each.path.split('/')[5]}" for each in fake.seen[before:]])

    run = ["POST jobs", "GET queries"]
    assert asked == [["POST jobs", *run], run, ["POST jobs", *run]]
    assert {f"Bearer {token}" for token in tokens} == {each.headers["authorization"] for each in fake.seen}
    assert len(tokens) == 1


def test_what_a_live_query_would_read_by_now_is_refused_and_described_anew() -> None:
    fake, memory = BigQuery(rows=[["a"]]), Memory()
    ended, dry = [], []
    with serve(fake) as url:
        for fake.size in (1_000, 20_000, 20_000):
            fake.jobs = {}
            with client(url, memory=memory) as found:
                try:
                    ended.append(rows(found.query(LIVE)))
                except MustFix as error:
                    ended.append([error.code])
            dry.append([each["dry"] for each in fake.jobs.values()])

    # The second is refused by the warehouse: the job has the limit with it.
    assert ended == [["a"], ["too_expensive"], ["too_expensive"]]
    assert dry == [[True, False], [], [True]]


def test_what_is_no_select_to_the_warehouse_is_not_run() -> None:
    fake = BigQuery(statement="SCRIPT")

    assert failing(fake).code == "query_refused"
    assert [each["dry"] for each in fake.jobs.values()] == [True]


@pytest.mark.parametrize(
    ("fails", "kind", "code"),
    [
        ((403, "accessDenied", "Access Denied: Table acme:crm.x"), MustFix, "access_denied"),
        ((403, "quotaExceeded", "Quota exceeded"), RetryLater, "rate_limited"),
        ((403, "rateLimitExceeded", "Exceeded rate limits"), RetryLater, "rate_limited"),
        ((404, "notFound", "Not found: Table acme:crm.x"), MustFix, "not_found_there"),
        ((400, "invalidQuery", "Syntax error"), MustFix, "query_failed"),
        ((500, "internalError", "An internal error occurred"), RetryLater, "unavailable"),
        ((503, "backendError", "Visibility check was unavailable"), RetryLater, "unavailable"),
    ],
)
def test_what_bigquery_says_is_told_as_what_to_do(fails: Any, kind: type, code: str) -> None:
    error = failing(BigQuery(fails=fails))

    assert (type(error), error.code) == (kind, code)
    assert fails[2] in error.message


def test_a_key_that_is_not_accepted() -> None:
    assert failing(BigQuery(knows_key=False)).code == "authentication_failed"


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"type": "service_account"}', "[]"])
def test_what_is_no_key_file_is_said_before_anything_is_sent(text: str) -> None:
    with pytest.raises(MustFix) as caught:
        client("http://127.0.0.1:9", key=text or " ")

    assert caught.value.code == "secret_unusable"


def test_a_private_key_that_is_none() -> None:
    key = json.dumps(
        json.loads(warehouses.key_file())
        | {"private_key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"}
    )
    with client("http://127.0.0.1:9", key=key) as found, pytest.raises(MustFix) as caught:
        found.describe(QUERY)

    assert caught.value.code == "secret_unusable"
    assert "PRIVATE KEY-----" not in str(caught.value)


def test_a_result_that_is_not_kept_any_more() -> None:
    fake = BigQuery(rows=[["a"]])
    with reading(fake) as found:
        kept = dict(found.query(QUERY).kept)
        fake.gone = True
        with pytest.raises(MustFix) as caught:
            found.result(kept, 1_000)

    assert caught.value.code == "not_found_there"


def test_a_job_is_cancelled_there_when_the_run_is_here() -> None:
    fake = BigQuery(waits=10**6)
    stop = iter([False, False, False])
    with reading(fake, cancelled=lambda: next(stop, True)) as found, pytest.raises(Cancelled):
        found.query(QUERY)

    assert [each.get("cancelled", False) for each in fake.jobs.values()] == [False, True]


def test_nothing_is_waited_for_beyond_the_deadline() -> None:
    left = iter([9.0, 9.0, 9.0, 9.0])
    error = failing(BigQuery(waits=10**6), remaining=lambda: next(left, 0.0))

    assert (type(error), error.code) == (RetryLater, "timeout")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://10.0.0.1:9", "http://169.254.169.254"])
def test_hosts_that_nobody_has_allowed_are_refused(url: str) -> None:
    with client(url, allow=()) as found, pytest.raises(Refused):
        found.describe(QUERY)


def test_a_host_that_is_public_and_not_googles_is_refused() -> None:
    guard = Guard((), resolver=lambda host, port: ["93.184.216.34"])

    assert guard.check_pinned("bigquery.googleapis.com", 443, google.HOSTS)
    for host in ("googleapis.com.evil.example", "evilgoogleapis.com", "example.com"):
        with pytest.raises(Refused) as caught:
            guard.check_pinned(host, 443, google.HOSTS)
        assert caught.value.code == "host_refused"


def test_a_key_file_does_not_say_where_tokens_are_fetched() -> None:
    key = google.Key.read(warehouses.key_file())

    assert key.credentials(bigquery.ENDPOINT)._token_uri == "https://oauth2.googleapis.com/token"


def test_what_the_environment_says_of_proxies_is_nothing_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with reading(BigQuery(rows=[["a"]])) as found:
        assert rows(found.query(QUERY)) == ["a"]


def test_its_secrets_are_known() -> None:
    with client("http://127.0.0.1:9") as found:
        assert warehouses.pem() in found.secrets()
        assert warehouses.key_file() in found.secrets()
