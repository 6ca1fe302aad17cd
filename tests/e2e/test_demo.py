"""`ropewalk demo`, as somebody runs it who wants to see what this is."""

from __future__ import annotations

import re
import signal

import pytest

from tests.e2e.installation import Api, Installation
from tests.fakes.warehouses.listening import free_port

NOT_FOR_THE_DEMO = "postgresql://nowhere.invalid/not-for-the-demo"
KEY = r"API key (pk_live_\S+)"
pytestmark = pytest.mark.any_database


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"no {pattern} in:\n{text}"
    return match[1]


@pytest.mark.timeout(900)
def test_the_demo_shows_accounts_and_changes_stays_up_ends_and_starts_again(acme: Installation) -> None:
    port = free_port()
    with acme.started("demo", "--port", str(port), ROPEWALK_DATABASE_URL=NOT_FOR_THE_DEMO) as demo:
        demo.says("Ropewalk is up")
        text = demo.text
        key = found(KEY, text)
        api = Api(port, key)
        assert api.get("/healthz")["status"] == "ok"
        assert api.get("/readyz")["checks"] == {"database": "ok", "migrations": "ok"}
        page = api.get("/v1/accounts?limit=12&sort=externalCustomerId")["items"]
        runs = api.get("/v1/runs")["items"]
        acme.cli("demo", status=1)
        # By hand, while it stays up: the worker and the vendor do.
        [connector] = api.get("/v1/connectors")["items"]
        untested = [kind for kind, stream in connector["streams"].items() if not stream["status"]["tested"]]
        third = api.ended(api.run(connector["connector_id"]))
        ended = demo.ends(signal.SIGINT)
        text = demo.text
    with acme.started("demo", "--port", str(port), ROPEWALK_DATABASE_URL=NOT_FOR_THE_DEMO) as again:
        again.says("First sync")
        key_again = found(KEY, again.text)
        # Wherever it is: none of its processes stays.
        again.ends(signal.SIGTERM)

    assert ended == 0, text
    assert untested == []
    assert [(run["verdict"], run["counts"]["processed"] > 0) for run in runs] == [("complete", True)] * 3
    assert (third["status"], third["verdict"]) == ("succeeded", "complete")
    people, second, first = (run["counts"] for run in runs)
    # Most of them came with their accounts, as emails; now they have names.
    assert people["processed"] == people["created"] + people["updated"] + people["unchanged"] > 2_000
    assert people["updated"] > people["created"]
    assert (first["processed"], first["created"]) == (2_000, 2_000)
    assert second["created"] > 0
    assert second["updated"] > 0
    assert second["processed"] == second["created"] + second["updated"]
    assert f"{first['created']:,} created" in text
    assert f"{second['updated']:,} updated" in text
    for account in page:
        assert re.search(
            rf"^{re.escape(account['companyName'])} .* {account['externalCustomerId']} ",
            text,
            re.MULTILINE,
        )
    assert text.count("new account") == second["created"]
    assert re.search(r"^Vendor +ok ", text, re.MULTILINE)
    assert "Fields changed" in text
    assert [line.split() for line in text.splitlines() if line.startswith("account ")] == [
        ["account", "field", "old", "new"]
    ]
    assert (acme.folder / "ropewalk-data-demo" / "ropewalk.sqlite").exists()
    assert "Traceback" not in text
    # The second began afresh.
    assert key != key_again
    assert sum(each.startswith(b"Error: A demo is running in ") for each in acme.said) == 1
