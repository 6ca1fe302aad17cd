"""Snowflake's connector, kept to its account: who is let in, where it may go, how it is stopped (sources.md §4)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec.structs import replace

from ropewalk.core.errors import Cancelled, MustFix, Refused, RetryLater, RopewalkError
from ropewalk.core.query import Query
from ropewalk.net import snowflake
from ropewalk.net.guard import Guard
from ropewalk.net.memory import Memory
from ropewalk.net.pinned import Pins
from tests.fakes import Answer, Asked, serve, warehouses
from tests.fakes.snowflake import INLINE, Snowflake, said

QUERY = Query("SELECT 1 AS id")


class Account(Snowflake):
    """A query takes until the test ends."""

    def __init__(self, *, knows: bool = True) -> None:
        super().__init__(knows=knows)
        self.over = threading.Event()

    def __call__(self, asked: Asked) -> Answer:
        # Others are answered meanwhile.
        self.seen.append(asked)
        answer = self.answer(asked)
        return answer if isinstance(answer, Answer) else Answer(answer)

    def query(self, asked: Asked, statement: dict[str, Any]) -> Any:
        if "CANCEL" not in str(statement):
            self.over.wait(30)
        return super().query(asked, statement)


def client(url: str, *, allow: tuple[str, ...] = ("127.0.0.0/8",), **given: Any) -> snowflake.Snowflake:
    guard = Guard(allow)
    options: dict[str, Any] = {"remaining": lambda: 20.0, "cancelled": lambda: False}
    options |= {name: given.pop(name) for name in ("remaining", "cancelled", "memory") if name in given}
    settings = snowflake.Settings("acme", "ROPEWALK", url, **({"password": "tall ships"} | given))
    return snowflake.Snowflake(
        settings, Pins(lambda host, port: guard.check_pinned(host, port, snowflake.HOSTS)), **options
    )


@contextmanager
def asking(account: Account, **given: Any) -> Iterator[snowflake.Snowflake]:
    with serve(account) as url:
        try:
            with client(url, **given) as found:
                yield found
        finally:
            account.over.set()


def refusal(found: snowflake.Snowflake) -> RopewalkError:
    with pytest.raises(RopewalkError) as caught:
        found.query(QUERY)
    return caught.value


def test_a_password_that_is_not_accepted() -> None:
    with asking(Account(knows=False)) as found:
        error = refusal(found)

    assert (type(error), error.code) == (MustFix, "authentication_failed")
    assert "tall ships" not in error.message


def test_a_run_that_is_cancelled_does_not_wait_for_its_statement() -> None:
    stop = threading.Event()
    account = Account()
    with asking(account, cancelled=stop.is_set) as found:
        found.connection  # noqa: B018 - signs in
        stop.set()
        assert isinstance(refusal(found), Cancelled)
        account.over.set()


def test_nothing_is_waited_for_beyond_the_deadline() -> None:
    left = iter([9.0] * 4)
    with asking(Account(), remaining=lambda: next(left, 0.0)) as found:
        error = refusal(found)

    assert (type(error), error.code) == (RetryLater, "timeout")


def test_its_session_says_whose_it_is_and_keeps_to_utc() -> None:
    account = Account()
    with asking(account) as found:
        found.connection  # noqa: B018 - signs in

    [login] = [said(asked)["data"] for asked in account.seen if asked.path.endswith("/login-request")]
    session = login["SESSION_PARAMETERS"]
    assert (session["QUERY_TAG"], session["TIMEZONE"], session["CLIENT_TELEMETRY_ENABLED"]) == (
        "ropewalk",
        "UTC",
        False,
    )
    assert {asked.path for asked in account.seen} <= {
        "/session/v1/login-request",
        "/session",
        "/queries/v1/query-request",
    }


def test_a_statement_says_whose_it_is_and_how_long_it_may_run() -> None:
    account = Snowflake()
    with serve(account) as url, client(url) as found:
        found.query(replace(QUERY, timeout_ms=7_000))
        found.query(replace(QUERY, timeout_ms=60_000))

    # No longer than whoever asks has left.
    assert [
        (sent["parameters"]["QUERY_TAG"], sent["parameters"]["STATEMENT_TIMEOUT_IN_SECONDS"])
        for sent in account.statements
    ] == [("ropewalk", 7), ("ropewalk", 20)]


def test_a_key_pair_goes_before_a_password() -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"capstan"),
    )
    account = Account()
    with asking(account, key=key.decode(), passphrase="capstan") as found:
        found.connection  # noqa: B018 - signs in

    [login] = [said(asked)["data"] for asked in account.seen if asked.path.endswith("/login-request")]
    assert login["AUTHENTICATOR"] == "SNOWFLAKE_JWT"
    assert "tall ships" not in str(login)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"key": "no key"}, "secret_unusable"),
        ({"key": "pem", "passphrase": "of none"}, "secret_unusable"),
        ({"password": None}, "secret_missing"),
    ],
)
def test_a_secret_that_can_not_be_used_is_sent_nowhere(given: dict[str, Any], code: str) -> None:
    if given.get("key") == "pem":
        given = given | {"key": warehouses.pem()}
    account = Account()
    with asking(account, **given) as found:
        error = refusal(found)

    assert (error.code, account.seen) == (code, [])


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://10.0.0.1:9", "http://169.254.169.254"])
def test_hosts_that_nobody_has_allowed_are_refused(url: str) -> None:
    with client(url, allow=()) as found:
        assert isinstance(refusal(found), Refused)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("acme.snowflakecomputing.com", True),
        ("acme.eu-central-1.privatelink.snowflakecomputing.com", True),
        ("sfc-eu-ds1-1-customer-stage.s3.eu-central-1.amazonaws.com", True),
        ("sfcstage1.blob.core.windows.net", True),
        ("storage.googleapis.com", True),
        ("snowflakecomputing.com.evil.example", False),
        ("evilsnowflakecomputing.com", False),
        ("ec2-1-2-3-4.compute-1.amazonaws.com", False),
        ("example.com", False),
    ],
)
def test_results_come_from_the_account_and_its_stages(host: str, is_ours: bool) -> None:
    guard = Guard((), resolver=lambda host, port: ["93.184.216.34"])
    if is_ours:
        assert guard.check_pinned(host, 443, snowflake.HOSTS)
        return
    with pytest.raises(Refused):
        guard.check_pinned(host, 443, snowflake.HOSTS)


ROWS = [(f"c-{number}", number) for number in range(1, 1_004)]


def read(found: Any, start: int = 0) -> list[tuple[str, int]]:
    records = [json.loads(each) for batch in found.batches(start) for each in batch]
    return [(each["ID"], each["SEATS"]) for each in records]


def chunks(account: Snowflake) -> list[str]:
    return [each.path for each in account.seen if each.path.startswith("/stage/")]


def test_a_result_in_chunks_is_read_in_order_and_whole() -> None:
    account = Snowflake(ROWS)
    with serve(account) as url, client(url) as found:
        result = found.query(QUERY)

        assert read(result) == ROWS
        assert result.total == len(ROWS)
    assert chunks(account) == [f"/stage/{start}" for start in range(INLINE, len(ROWS), 100)]


@pytest.mark.parametrize("start", [0, 2, INLINE, 102, 103, 550, 1_002, 1_003])
def test_a_kept_result_goes_on_at_any_row_and_fetches_only_what_is_left(start: int) -> None:
    account = Snowflake(ROWS)
    with serve(account) as url:
        with client(url) as found:
            kept = json.loads(json.dumps(found.query(QUERY).kept))
        with client(url) as found:
            again = found.result(kept, 1_000)
            assert read(again, start) == ROWS[start:]
            assert again.total == len(ROWS)

    assert len(account.statements) == 1
    assert len(chunks(account)) == -(-(len(ROWS) - max(start, INLINE)) // 100)


def test_a_result_that_is_not_kept_any_more() -> None:
    account = Snowflake(ROWS)
    with serve(account) as url, client(url) as found:
        kept = dict(found.query(QUERY).kept)
        account.keeps = False
        with pytest.raises(MustFix) as caught:
            found.result(kept, 1_000)

    assert caught.value.code == "not_found_there"


def test_a_live_query_is_described_once_in_a_while() -> None:
    account, memory = Snowflake(ROWS), Memory()
    with serve(account) as url:
        for query in (replace(QUERY, live=True), replace(QUERY, live=True), QUERY):
            with client(url, memory=memory) as found:
                assert [each.name for each in found.describe(query).columns] == ["ID", "SEATS"]

    assert [each["describeOnly"] for each in account.statements] == [True, True]
