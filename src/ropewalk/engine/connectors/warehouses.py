"""The clients of warehouses, as the engine binds them: imported when they are used, because they are optional and large."""

from __future__ import annotations

import re
from typing import Any, Final

from ropewalk.core.errors import MustFix
from ropewalk.core.origins import origin
from ropewalk.core.values import digest
from ropewalk.engine.clock import Clock
from ropewalk.engine.forks import one_a_process
from ropewalk.engine.operated import installation
from ropewalk.net.credentials import Credentials
from ropewalk.net.guard import Guard
from ropewalk.net.memory import Memories, Memory
from ropewalk.net.pinned import Pins

MODULES: Final = {"bigquery_jobs": "ropewalk.net.bigquery", "snowflake_sql": "ropewalk.net.snowflake"}


def bigquery(source: Any, settings: Any, credentials: Credentials, terms: Any) -> Any:  # noqa: ARG001
    from ropewalk.net import bigquery, google

    _require(credentials, settings.endpoint)
    given = bigquery.Settings(
        _secret(credentials, "service_account"),
        settings.project,
        settings.location,
        settings.endpoint,
    )
    return bigquery.BigQuery(
        given,
        _pins(google.HOSTS),
        sleep=terms.clock.sleep,
        remaining=lambda: _remaining(terms.clock, terms.deadline),
        cancelled=terms.cancelled,
        memory=_memory(terms, given.key, given),
    )


def snowflake(source: Any, settings: Any, credentials: Credentials, terms: Any) -> Any:  # noqa: ARG001
    from ropewalk.net import snowflake

    _require(credentials, settings.url)
    given = snowflake.Settings(
        settings.account,
        settings.user,
        settings.url,
        warehouse=settings.warehouse,
        role=settings.role,
        database=settings.database,
        schema=next(iter(settings.schemas), None),
        key=credentials.secrets.get("private_key"),
        passphrase=credentials.secrets.get("passphrase"),
        password=credentials.secrets.get("password"),
    )
    return snowflake.Snowflake(
        given,
        _pins(snowflake.HOSTS),
        remaining=lambda: _remaining(terms.clock, terms.deadline),
        cancelled=terms.cancelled,
        memory=_memory(terms, given.key, given.passphrase, given.password, given),
    )


@one_a_process
def _memories(clock: Clock) -> Memories:
    return Memories(clock.monotonic)


def _memory(terms: Any, *given: Any) -> Memory | None:
    """Of a connector as it is set, secrets too; a draft has none."""
    if terms.connector is None:
        return None
    return _memories(terms.clock).of((*terms.connector, digest(repr(given).encode())))


def _pins(hosts: re.Pattern[str]) -> Pins:
    operated = installation()
    guard = Guard(operated.allow_networks)
    return Pins(
        lambda host, port: guard.check_pinned(host, port, hosts),
        ca_bundle=str(operated.ca_bundle) if operated.ca_bundle else None,
        proxy=operated.proxy.get_secret_value() if operated.proxy else None,
    )


def _remaining(clock: Clock, deadline: float | None) -> float:
    return float("inf") if deadline is None else deadline - clock.monotonic()


def _secret(credentials: Credentials, name: str) -> str:
    if not (value := credentials.secrets.get(name, "")):
        raise MustFix(
            "secret_missing", f"The {name.replace('_', ' ')} is missing; enter it for this connector."
        )
    return value


def _require(credentials: Credentials, endpoint: str) -> None:
    """The secrets go where they were entered for."""
    if credentials.secrets and origin(endpoint) not in {origin(each) for each in credentials.origins}:
        raise MustFix(
            "secret_not_bound",
            f"The saved secret was not entered for {origin(endpoint)}: enter it again, or confirm that it is also sent there.",
        )
