"""Asking PostHog: one HogQL query, values bound to it, and an answer that may come later (sources.md §5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from ropewalk.core import hogql, limits, paths
from ropewalk.core.errors import MustFix, Problem, RetryLater, RowRefused
from ropewalk.core.exchange import Fetch, Request, Response
from ropewalk.core.paging import Ending
from ropewalk.core.records import RawRecord, decode_value, whole
from ropewalk.core.splitting import split
from ropewalk.core.values import JSON
from ropewalk.core.window import format_since
from ropewalk.sources.base import Option, Page, Window
from ropewalk.sources.posthog_settings import Connector, EventStream

ROWS: Final = 50_000
"""PostHog gives no more to one query."""

_COLUMNS: Final = ("uuid", "event", "timestamp", "account", "user", "properties")
_PAUSES_MS: Final = (200, 300, 500, 1_000)
_POLLS: Final = 120
_PLACES: Final = ("results", "query_status.results.results", "query_status.results")
_WANTED: Final = {"error": ("error",), "id": ("query_status", "id"), "complete": ("query_status", "complete")}
_DISCOVERY_MS: Final = 30_000
_encode = msgspec.json.Encoder().encode


# ---- events ----


def read(
    connector: Connector,
    stream: EventStream,
    window: Window,
    fetch: Fetch,
    state: Mapping[str, Any] | None,  # noqa: ARG001 - one answer holds all
) -> Iterator[Page]:
    most = min(window.max_records or limits.EVENTS_READ, ROWS - 1)
    query, values = events_query(stream, window, most)
    rows = ask(connector, fetch, query, values, stream.timeout_ms)
    records = [_record(row) for row in rows[:most]]
    cut = Ending("truncated", ("max_records",)) if len(rows) > most else Ending("complete")
    yield Page(1, records, len(records), {}, ending=cut)


def events_query(stream: EventStream, window: Window, most: int) -> tuple[str, dict[str, JSON]]:
    """The newest first, and one more than is shown: it tells that there are more."""
    account, user = hogql.expression(stream.account), hogql.expression(stream.user)
    values: dict[str, JSON] = {}
    conditions = []
    for name, sign, moment in (("since", ">=", window.since), ("until", "<", window.until)):
        if moment is not None:
            conditions.append(f"timestamp {sign} toDateTime({{{name}}})")
            values[name] = format_since(moment)
    if stream.events:
        values |= {f"event_{place}": name for place, name in enumerate(stream.events)}
        named = ", ".join(f"{{event_{place}}}" for place in range(len(stream.events)))
        conditions.append(f"event IN ({named})")
    if stream.where is not None:
        conditions.append(f"({hogql.expression(stream.where)})")
    if window.account is not None:
        conditions.append(_of_account(account, stream.match_by, window.account, values))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    # Values are bound; what stands in the text is ours, or was written anew from an expression that was understood.
    query = (
        f"SELECT uuid, event, timestamp, {account} AS account, {user} AS user, properties"  # noqa: S608
        f" FROM events{where} ORDER BY timestamp DESC LIMIT {most + 1}"
    )
    return query, values


def _of_account(expression: str, match_by: str, account: str, values: dict[str, JSON]) -> str:
    """Whatever may be this account's; the timeline looks at it once more, with domains normalised."""
    lowered = f"lower(toString({expression}))"
    values |= {"account": account, "account_lower": account.lower()}
    if match_by == "external_id":
        return f"(toString({expression}) = {{account}} OR {lowered} = {{account_lower}})"
    values |= {"account_email": f"@{account}"}
    return (
        f"(domainWithoutWWW({lowered}) = {{account_lower}} OR {lowered} = {{account}}"
        f" OR endsWith({lowered}, {{account_email}}))"
    )


def _record(raw: RawRecord) -> bytes:
    """A row as an object; what is no row stays as it is, and makes no event."""
    try:
        row = decode_value(bytes(raw))
    except RowRefused:
        return bytes(raw)
    if not isinstance(row, list) or len(row) != len(_COLUMNS):
        return bytes(raw)
    record = dict(zip(_COLUMNS, row, strict=True))
    record["properties"] = _properties(record["properties"])
    return _encode(record)


def _properties(value: JSON) -> JSON:
    """PostHog keeps them as text."""
    if not isinstance(value, str):
        return value
    try:
        return decode_value(value.encode())
    except RowRefused:
        return {"properties": value}


# ---- what there is to choose from ----


def events(connector: Connector, fetch: Fetch) -> Sequence[Option]:
    return [Option(name, about=often) for name, often in _counted(connector, fetch, _EVENTS)]


def keys(connector: Connector, fetch: Fetch) -> Sequence[Option]:
    """What can name an account or a user, as an expression."""
    found = []
    for index, example in _counted(connector, fetch, _GROUPS):
        if index in ("0", "1", "2", "3", "4"):
            found.append(Option(f"$group_{index}", f"Group type {index}", "Group keys", example))
    for group, prefix, query in (
        ("Person properties", "person.properties", _PERSON_PROPERTIES),
        ("Event properties", "properties", _EVENT_PROPERTIES),
    ):
        for name, often in _counted(connector, fetch, query):
            found.append(Option(_property(prefix, name), name, group, often))
    return found


def _property(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if _PLAIN.fullmatch(name) else f"{prefix}[{hogql.literal(name)}]"


def _counted(connector: Connector, fetch: Fetch, query: str) -> Iterator[tuple[str, str]]:
    """Of a query that answers with a value and how often it is there, or what it is like."""
    for raw in ask(connector, fetch, query, {}, _DISCOVERY_MS):
        row = decode_value(bytes(raw))
        if isinstance(row, list) and len(row) == 2 and row[0] not in (None, ""):
            value, about = row
            yield str(value), f"{about:,} times" if isinstance(about, int) else str(about)


_PLAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_EVENTS: Final = (
    "SELECT event, count() AS times FROM events WHERE timestamp >= now() - INTERVAL 30 DAY"
    " GROUP BY event ORDER BY times DESC LIMIT 500"
)
_EVENT_PROPERTIES: Final = (
    "SELECT arrayJoin(JSONExtractKeys(properties)) AS name, count() AS times FROM"
    " (SELECT properties FROM events WHERE timestamp >= now() - INTERVAL 30 DAY ORDER BY timestamp DESC LIMIT 10000)"
    " GROUP BY name ORDER BY times DESC LIMIT 1000"
)
_PERSON_PROPERTIES: Final = (
    "SELECT arrayJoin(JSONExtractKeys(properties)) AS name, count() AS times FROM"
    " (SELECT properties FROM persons LIMIT 10000)"
    " GROUP BY name ORDER BY times DESC LIMIT 1000"
)
_GROUPS: Final = "SELECT index, concat('like ', any(key)) FROM groups GROUP BY index ORDER BY index LIMIT 5"


# ---- asking ----


def ask(
    connector: Connector, fetch: Fetch, query: str, values: Mapping[str, JSON], timeout_ms: int
) -> list[RawRecord]:
    """The rows that answer a query, waited for where PostHog answers later."""
    url = f"{connector.host}/api/projects/{connector.project_id}/query/"
    asked: dict[str, JSON] = {"kind": "HogQLQuery", "query": query}
    if values:
        asked["values"] = dict(values)
    body: dict[str, JSON] = {"query": asked, "refresh": "blocking", "name": "ropewalk"}
    answer = fetch(Request("POST", url, body=body, timeout_ms=timeout_ms))
    for poll in range(_POLLS):
        rows, status = _rows(answer)
        if rows is not None:
            return rows
        identity = status.get("id")
        if not isinstance(identity, str) or not identity.replace("-", "").replace("_", "").isalnum():
            raise _unreadable("it is neither rows nor a query that goes on")
        pause = _PAUSES_MS[min(poll, len(_PAUSES_MS) - 1)]
        answer = fetch(Request("GET", f"{url}{identity}/", timeout_ms=timeout_ms, pause_ms=pause))
    raise RetryLater("timeout", "PostHog was still working on the query after two minutes.")


def _rows(answer: Response) -> tuple[list[RawRecord] | None, Mapping[str, Any]]:
    """The rows; or how the query stands that will give them."""
    content_type = answer.headers.get("content-type", "")
    for place in _PLACES:
        try:
            found = split(answer.body, content_type, paths.parse(place), _WANTED)
        except MustFix as error:
            if error.code != "records_path":
                raise
            continue
        _refuse(found.found["error"])
        if not found.count and found.found["complete"] is False and found.found["id"]:
            return None, found.found
        return list(found.records), {}
    if not isinstance(answer.body, bytes):
        raise _unreadable("it has no results")
    try:
        said = whole(answer.body, content_type)
    except RowRefused as error:
        raise _unreadable(error.message) from None
    status = said.get("query_status") if isinstance(said, dict) else None
    if not isinstance(status, dict):
        raise _unreadable("it has no results")
    if status.get("error"):
        _refuse(status.get("error_message") or "it did not say why")
    if status.get("complete") is True:
        raise _unreadable("the query is complete, and has no results")
    return None, status


def _refuse(error: Any) -> None:
    if isinstance(error, str) and error:
        message = f"PostHog refused the query: {error[:300]}"
        raise MustFix("query_refused", message, [Problem("", message)])


def _unreadable(why: str) -> MustFix:
    message = f"PostHog’s answer can’t be read: {why}."
    return MustFix("not_json", message, [Problem("host", message)])
