"""The names that APIs give to paging: data of core.detect. Compared without case and separators (`squeezed`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from ropewalk.core.envelope import Answer, squeezed
from ropewalk.core.values import JSON

Style = Literal["snake", "camel", "plain"]

BACK: Final = frozenset(
    """prev previous before back first last self start""".split()  # noqa: SIM905
)
ON: Final = frozenset(
    """next after cursor cursors token continuation continue marker bookmark scroll end""".split()  # noqa: SIM905
)
CURSOR: Final = frozenset(
    """cursor token id key value offset page string""".split()  # noqa: SIM905
)
CURSORS: Final = frozenset(
    """cursor next nextcursor endcursor after nextpagetoken pagetoken nexttoken continuationtoken
    continuation bookmark marker nextmarker scrollid scroll nextpage nextpageid nextkey startingafter
    nextstartingafter nextid nextoffset pagecursor nextpagecursor offset""".split()  # noqa: SIM905
)
NOT_CURSORS: Final = frozenset(
    """endtime endoffset accesstoken hasnext hasnextpage nextsteps""".split()  # noqa: SIM905
)
CURSOR_PARAMS: Final = CURSORS | {"startcursor", "pageafter", "startafter", "afterid", "sinceid"}
CURSOR_NAMES: Final = (
    "cursor", "after", "page_token", "starting_after", "next", "start_cursor", "next_token", "token", "page_cursor",
    "page[after]", "page[cursor]", "continuation_token", "offset", "page", "scroll_id", "marker",
)  # fmt: skip
LAST_ID_NAMES: Final = (
    "starting_after", "after", "after_id", "since_id", "last_id", "start_after", "cursor", "page[after]",
)  # fmt: skip

PAGES: Final = frozenset(
    """page currentpage nextpage pagenumber pageno pageindex pagenum p pg number thispage paged""".split()  # noqa: SIM905
)
OFFSETS: Final = frozenset(
    """offset currentoffset nextoffset skip start startindex startat from pageoffset firstresult startrow
    startposition startrecord begin""".split()  # noqa: SIM905
)
SIZES: Final = frozenset(
    """limit perpage pagesize size itemsperpage resultsperpage maxresults take top count pagelimit rows
    hitsperpage recordsperpage max maxrecords maxitems pagelength first num itemscount entriesperpage
    fetch pagelen batchsize n results""".split()  # noqa: SIM905
)
NUMBER_NAMES: Final = (
    "page", "offset", "page_number", "skip", "start", "$skip", "page[number]", "page[offset]", "p",
    "page_no", "page_index", "start_index", "start_at", "from", "pg", "current_page", "page_num", "_page",
    "_skip", "_offset", "_start", "start_position", "first_result", "start_row", "paged", "pagenumber",
    "pageno", "startindex",
)  # fmt: skip
SIZE_NAMES: Final = (
    "limit", "per_page", "page_size", "size", "count", "max_results", "page[size]", "page[limit]", "$top",
    "take", "top", "rows", "results_per_page", "items_per_page", "page_limit", "max", "num",
    "hits_per_page", "max_records", "length", "first", "_limit", "_per_page", "_page_size", "perpage",
    "pagesize", "pagelen", "batch_size", "results", "maxresults", "n",
)  # fmt: skip
TOTALS: Final = frozenset(
    """total totalcount totalresults totalrecords totalitems totalelements totalsize totalhits totalrows
    totalentries recordstotal numfound odatacount totalnumber totalnumberofitems totalobjects hits
    totalamount counttotal itemstotal resultstotal resultcount totalresultcount grandtotal allcount
    totalaccounts totalcompanies totalcustomers""".split()  # noqa: SIM905
)
PERHAPS_TOTALS: Final = frozenset(
    """count itemcount recordcount found matches rowcount size length objectcount""".split()  # noqa: SIM905
)

_CAMEL = re.compile(r"[a-z][A-Z]")


def style(value: JSON) -> Style:
    """How the keys of an answer are written."""
    counts = {"snake": 0, "camel": 0}
    seen: list[JSON] = [value]
    for _ in range(200):
        if not seen:
            break
        one = seen.pop(0)
        if isinstance(one, dict):
            for key, inner in one.items():
                counts["snake"] += "_" in key.strip("_")
                counts["camel"] += _CAMEL.search(key) is not None
                seen.append(inner)
        elif isinstance(one, list):
            seen.extend(one[:1])
    if counts["snake"] == counts["camel"]:
        return "plain"
    return "snake" if counts["snake"] > counts["camel"] else "camel"


def spelled(parts: Sequence[str], *, like: str) -> str:
    """These words, written as `like` is."""
    if "_" in like:
        return "_".join(parts)
    if "-" in like:
        return "-".join(parts)
    return parts[0] + "".join(part[:1].upper() + part[1:] for part in parts[1:])


def styled(usual: Iterable[str], how: Style, answer: Answer | None = None) -> list[str]:
    """In the answer's style first, then in the other; what only some families of APIs know, behind what all may."""
    found: list[str] = []
    other: list[str] = []
    for name in usual:
        camel = name if "[" in name or name[0] == "_" else spelled(name.split("_"), like="")
        first, second = (camel, name) if how == "camel" else (name, camel)
        found.append(first)
        if second != first:
            other.append(second)
    ranked = list(dict.fromkeys([*found, *other]))
    return sorted(ranked, key=lambda name: _rank(name, answer))


def _rank(name: str, answer: Answer | None) -> int:
    if answer is None:
        return 0
    family = _family(answer)
    if name.startswith("$") or "[" in name:
        return -1 if name[0] == family or family in name else 1
    return 0


def is_odata(answer: Answer) -> bool:
    return _family(answer) == "$"


def _family(answer: Answer) -> str:
    """The mark of the parameters of OData (`$`) and JSON:API (`[`); a character of none of them otherwise."""
    value = answer.value
    if isinstance(value, dict):
        if any(squeezed(key).startswith("odata") for key in value):
            return "$"
        data = value.get("data")
        kind = answer.headers.get("content-type", "")
        if "vnd.api+json" in kind or (
            isinstance(data, list)
            and data
            and isinstance(data[0], dict)
            and {"type", "attributes"} <= data[0].keys()
        ):
            return "["
    return "\0"
