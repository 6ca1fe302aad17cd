"""A source that no product has: what a new source is made of, in one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import AfterValidator, Field

from ropewalk.core.auth import Bearer
from ropewalk.core.checking import Settings
from ropewalk.core.errors import MustFix
from ropewalk.core.exchange import Fetch, Request
from ropewalk.core.origins import origin
from ropewalk.core.paging import Ending
from ropewalk.sources.base import (
    Choices,
    KnownField,
    Needs,
    Option,
    Page,
    Secret,
    Source,
    StreamKind,
    Window,
)
from ropewalk.sources.streams import Accounts, Events, Live, Synced


class Connector(Settings):
    host: Annotated[str, AfterValidator(lambda host: origin(host) and host)] = Field(
        title="Host", description="Where the harbour office is.", examples=["https://harbour.example"]
    )


class Ships(Synced, Accounts):
    REQUIRED: ClassVar[tuple[str, ...]] = ("companyName",)

    fleet: str | None = Field(
        None, title="Fleet", description="Only its ships.", json_schema_extra={"choices": "fleets"}
    )

    @property
    def overlap_seconds(self) -> int:
        return 60


class Landings(Live, Events):
    what: Literal["arrivals", "departures"] = Field("arrivals", title="What")


class Ship(msgspec.Struct):
    left: bool = False


def _ships(
    connector: Connector, stream: Ships, window: Window, fetch: Fetch, state: Mapping[str, Any] | None
) -> Iterator[Page]:
    """Those that have left are left out, and counted."""
    after = "" if state is None else state["after"]
    params = {"after": after, "fleet": stream.fleet or "", "since": str(window.since or "")}
    said = _asked(connector, fetch, "ships", params)
    rows = [each for each in said if not msgspec.json.decode(each, type=Ship).left]
    ending = Ending("complete")
    yield Page(1, rows, len(rows), {"after": after}, ending=ending, filtered={"left": len(said) - len(rows)})


def _landings(
    connector: Connector, stream: Landings, window: Window, fetch: Fetch, state: Mapping[str, Any] | None
) -> Iterator[Page]:
    said = _asked(connector, fetch, stream.what, {"ship": window.account or "", "since": str(window.since)})
    yield Page(1, said, len(said), {}, ending=Ending("complete"))


def _asked(connector: Connector, fetch: Fetch, what: str, params: Mapping[str, str]) -> list[msgspec.Raw]:
    found: list[msgspec.Raw] = _read(connector, fetch, what, params, list[msgspec.Raw])
    for each in found:
        try:
            msgspec.json.decode(each, type=Ship)
        except msgspec.DecodeError:
            raise MustFix(
                "not_ships", f"The harbour office said {bytes(each)!r}, which is no ship."
            ) from None
    return found


def _read(connector: Connector, fetch: Fetch, what: str, params: Mapping[str, str], wanted: Any) -> Any:
    answer = fetch(Request("GET", f"{connector.host}/{what}", tuple(params.items())))
    assert isinstance(answer.body, bytes)
    try:
        return msgspec.json.decode(answer.body, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MustFix("not_ships", f"The harbour office has no list of {what}.") from None


def _fields(connector: Connector, stream: Ships, fetch: Fetch) -> Sequence[KnownField]:
    return [KnownField("name", "Name of the ship", "text", to="companyName"), KnownField("flag", "Flag")]


def _fleets(connector: Connector, fetch: Fetch) -> Sequence[Option]:
    return [Option(name) for name in _read(connector, fetch, "fleets", {}, list[str]) if name]


def _needs(connector: Connector, stream: Any) -> Needs:
    return Needs(Bearer(), frozenset({origin(connector.host)}))


SOURCE = Source(
    slug="toy",
    name="Toy harbour",
    about="Ships and their landings, from a harbour office that nobody has.",
    settings=Connector,
    kinds={
        "accounts": StreamKind(Ships, _ships, fields=_fields, tested=("fleet",)),
        "events": StreamKind(Landings, _landings, live=True, tested=("what",)),
    },
    needs=_needs,
    secrets={"token": Secret("Harbour pass", "From the harbour master.")},
    choices={"fleets": Choices("Fetch fleets", _fleets)},
)
