"""What the person who looks at events should know about where they came from (troubleshooting.md, events)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from ropewalk.core import limits, times
from ropewalk.core.events import MatchBy, Tally

_MANY = 500
_MUCH_MORE = 5
_WORDS = {"domain": "company domain", "external_id": "external customer id"}
_TARGETS = {"record": "record", "time": "eventTime", "name": "eventName", "account": "accountKey"}


class Asked(Struct, frozen=True):
    """A stream's settings, as far as they explain what came."""

    match_by: MatchBy
    start_param: str | None
    end_param: str | None
    account_param: str | None
    lookback_days: int
    timeout_ms: int


class Came(Struct, frozen=True):
    """`of_account`: events of the account; `found`: those of the time that was asked for; `outside`: those of any account
    that are not. `cut`: why reading ended before the end. `order_proven`: the source gives its newest first; `oldest` is
    how far back that led."""

    tally: Tally
    found: int
    of_account: int
    wanted: str
    cut: str = ""
    order_proven: bool = False
    oldest: datetime | None = None
    outside: int = 0
    others: bool = False


def without_value(match_by: MatchBy) -> str:
    return f"This account has no {_WORDS[match_by]}, by which this stream finds its events; it was not asked."


def out_of_reach(asked: Asked) -> str:
    return (
        f"The time that was asked for is not within the last {asked.lookback_days} days (lookback_days), as far as this "
        "stream's timeline goes back; it was not asked."
    )


def notes(asked: Asked, came: Came) -> list[str]:
    told = []
    if came.cut:
        told.append(_cut(came))
    if came.others and asked.account_param is not None:
        told.append(
            f"The API gave events of other accounts too: it ignores the account parameter {asked.account_param}."
        )
    elif asked.account_param is None and came.tally.records >= max(_MANY, _MUCH_MORE * came.found):
        told.append(
            f"{came.tally.records:,} records were read to show {came.found:,}. Set an account parameter "
            "(account_param), so that the API filters by itself."
        )
    told += unreadable(came.tally)
    if came.outside:
        named = " and ".join(name for name in (asked.start_param, asked.end_param) if name)
        told.append(
            f"{came.outside:,} records are not of the time that was asked for: the API ignores {named}."
        )
    if not came.found:
        told.append(_nothing(asked, came))
    return told


def _cut(came: Came) -> str:
    """Says "newest" only where that is proved."""
    records = f"{came.tally.records:,} records were read"
    match came.cut:
        case "max_records":
            read = f"{records}, the most that one query reads"
        case "max_pages":
            read = f"{records}, on as many pages as the stream allows (max_pages)"
        case "bytes":
            read = f"{records}, {limits.LIVE_BYTES // 1024**2} MiB, the most that one query keeps"
        case reason:
            return (
                f"{records}, and pages that made no sense ended it ({reason}): check the pagination settings."
            )
    if came.order_proven and came.oldest is not None:
        return f"{read}: the newest, back to {times.iso(came.oldest)}. What is older is not shown."
    return f"{read}. There are more, and nothing proves that these are the newest: have the API give its newest first."


def unreadable(tally: Tally) -> list[str]:
    told = []
    for about, count in tally.unreadable.items():
        example = tally.examples[about]
        of = f", for example {example}" if example else ""
        if about == "record":
            told.append(f"{count:,} of {tally.records:,} records can’t be read{of}")
        elif example:
            told.append(
                f"{count:,} of {tally.records:,} records have no {_TARGETS[about]} that can be read{of}."
            )
        else:
            told.append(
                f"{count:,} of {tally.records:,} records have nothing at the path of {_TARGETS[about]}."
            )
    if tally.spellings["no_zone"] or tally.spellings["date"]:
        told.append("Times without a zone were taken for UTC.")
    return told


def _nothing(asked: Asked, came: Came) -> str:
    if came.of_account:
        return (
            f"{came.of_account:,} events of this account are of another time than was asked for; a timeline goes back "
            f"{asked.lookback_days} days (lookback_days)."
        )
    if not came.tally.records:
        return (
            f"The API gave no records at all for the last {asked.lookback_days} days (lookback_days)."
            if asked.start_param
            else "The API gave no records at all."
        )
    if keys := [*came.tally.keys]:
        return (
            f"None of {came.tally.records:,} records is of this account: the account field holds {listed(keys)}, the "
            f"account has {came.wanted}. Case makes no difference."
        )
    return f"None of {came.tally.records:,} records could be read: check the paths of time, name and account."


def listed(keys: Iterable[str]) -> str:
    return ", ".join(f"“{key[:100]}”" for key in keys)


def slow(asked: Asked, seconds: float) -> str:
    """For a stream that gave no whole answer in time."""
    told = f"It gave no whole answer within {seconds:.3g} s."
    if asked.account_param is None:
        told += " Set an account parameter (account_param), so that the API filters by itself and has less to send."
    if asked.timeout_ms < limits.LIVE_SECONDS * 1_000:
        told += f" Or raise the timeout (timeout_ms, {asked.timeout_ms:,} now); a timeline waits up to {limits.LIVE_SECONDS} s."
    return told


def crowded(seconds: float) -> str:
    """For a stream whose turn did not come in time."""
    return (
        f"It was not asked: within {seconds:.3g} s other queries of this organization did not end, and only so many run at "
        "once. Their sources are the slow ones."
    )


def hint(about: str, auth: str, records_path: str | None) -> str:
    """Which setting to look at, and what it is now; `records_path` None: there is no such setting."""
    match about:
        case "credential":
            return f" The auth type is {auth}."
        case "records_path" if records_path is not None:
            return f" The records path is {f'“{records_path}”' if records_path else 'empty: the whole body'}."
    return ""


def resolved(
    sampled: int, readable: int, matched: int, keys: Sequence[str], held: Sequence[str], by: MatchBy
) -> str:
    """How much of a sample is of accounts that there are."""
    told = (
        f"{readable:,} of {sampled:,} records could be read as events, {matched:,} of them are of an account."
    )
    if readable and not matched and keys:
        told += f" The account field holds {listed(keys)}; as {_WORDS[by]} accounts have "
        told += f"{listed(held)}." if held else "nothing yet."
    return told
