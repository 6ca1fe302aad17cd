"""What a source is: a declaration, and a reader that receives `fetch` and yields pages.

The gallery, the guided set-up, the API's schemas, connector files and what goes where are drawn from it: nobody else
asks which source it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from pydantic import BaseModel

from ropewalk.core.auth import NoAuth, Proof
from ropewalk.core.exchange import Request
from ropewalk.core.fieldtypes import FieldType
from ropewalk.core.paging import Ending
from ropewalk.sources.baseline import of as baseline_of, resets as resets_baseline, same as same_baseline

Kind = Literal["accounts", "contacts", "events"]

HEADER: Final = "header:"
"""Before the name of a header whose value is kept as a secret."""


class Window(msgspec.Struct, frozen=True):
    """`since` is None for a full run, else the instant (overlap already taken off) to read from. A live query also
    has an `until`, and the match value of an `account` where the source can filter by one. `sample`: for a test, whose
    records show every field that there is."""

    since: datetime | None = None
    until: datetime | None = None
    account: str | None = None
    max_records: int | None = None
    max_pages: int | None = None
    sample: bool = False


class Page(msgspec.Struct):
    """`state` resumes the reading after this page. The last page, and only it, has an `ending`. `filtered`: rows that the
    source has left out, by filter; they are neither among the records nor processed."""

    number: int
    records: Iterable[msgspec.Raw | bytes]
    count: int
    state: dict[str, Any]
    total: int | None = None
    ending: Ending | None = None
    notices: dict[str, int] = msgspec.field(default_factory=dict)
    filtered: dict[str, int] = msgspec.field(default_factory=dict)


Reader = Callable[[Any, Any, Window, Any, "dict[str, Any] | None"], Iterator[Page]]
"""(connector settings, stream settings, window, fetch, state of the last page applied or None) -> pages. `fetch` is what
the source's `client` gives: a `core.exchange.Fetch`, where it doesn't say otherwise."""


class Needs(msgspec.Struct, frozen=True):
    """What a stream has to be sent with, and the only `origins` it may go to: the secret of its `auth`, the secret
    `headers`, and `secrets` that the source's client takes."""

    auth: Proof = msgspec.field(default_factory=NoAuth)
    origins: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = ()

    def names(self) -> Iterator[str]:
        if self.auth.secret is not None:
            yield self.auth.secret
        yield from self.secrets
        for name in sorted(self.headers):
            yield HEADER + name


class Secret(msgspec.Struct, frozen=True):
    """`lines`: it is more than one line, like a key file."""

    title: str
    help: str = ""
    lines: bool = False


class KnownField(msgspec.Struct, frozen=True):
    """A field that the source itself tells of. `to`: the target that it is made for; `is_text`: its values are texts,
    whatever its type."""

    path: str
    label: str = ""
    type: FieldType | None = None
    to: str = ""
    is_text: bool = False


class Option(msgspec.Struct, frozen=True):
    """`group`: what it stands under; `about` is said beside it, like a column's type."""

    value: str
    label: str = ""
    group: str = ""
    about: str = ""


class Choices(msgspec.Struct, frozen=True):
    """What a source can be asked for to choose from, once it lets us in: `fetch(connector settings, fetch)`. A setting
    whose `json_schema_extra` says `{"choices": NAME}` is chosen from it; `title` is on the button, like Fetch tables."""

    title: str
    fetch: Callable[[Any, Any], Sequence[Option]]


class Extra(msgspec.Struct, frozen=True):
    """An optional part of the installation: its name, and a module that is there only with it."""

    name: str
    module: str


class OAuthApp(msgspec.Struct, frozen=True):
    """How a vendor is asked for access tokens (authorization code). `way`: the `type` of the connector's auth by which it
    is chosen. Whoever runs this installation brings the app: its client id and secret stand in the connector, or in
    ROPEWALK_<SLUG>_CLIENT_ID and _SECRET. `parameters` go along when somebody is asked for their yes."""

    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    way: str = "oauth"
    pkce: bool = False
    parameters: Mapping[str, str] = msgspec.field(default_factory=dict)


class Derivation(msgspec.Struct, frozen=True):
    """What a source makes of a record by itself: of nothing but the record and its stream's settings, without a clock and
    without look-ups. So a record that is what it was last time is recognised before anything is derived (engine.runs.apply).

    `add` answers what is added to it once it is decoded, `left_out` by which filter it is left out before (None: it stays).
    `version` goes up whenever a record that stays the same becomes something else: records that were read before are derived
    anew."""

    version: int
    add: Callable[[dict[str, Any]], Mapping[str, Any]]
    left_out: Callable[[bytes], str | None] | None = None


class StreamKind(msgspec.Struct, frozen=True):
    """One kind of data that a source gives: its settings, and how they are read.

    `baseline` is the fingerprint of what the settings say that records are and become. `resets(old, new)`: the next
    run has to be a full one; `keeps_place(old, new)`: a truncated run's place is still good. Settings have `.enabled`,
    `.schedule`, `.overlap_seconds` (None: no incremental runs), `.place_expires`, and what their kind needs beside
    (`sources.streams` has classes for those without a URL of their own).
    """

    settings: type[BaseModel]
    read: Reader
    baseline: Callable[[Any], bytes] = baseline_of
    resets: Callable[[Any, Any], bool] = resets_baseline
    keeps_place: Callable[[Any, Any], bool] = same_baseline
    derivation: Callable[[Any], Derivation] | None = None
    """(stream settings) -> what is made of each record that `read` gives."""
    live: bool = False
    """Read when an account is looked at; it has no runs and no schedule."""
    first_request: Callable[[Any, Any, Window], Request] | None = None
    """For what the source doesn't know of itself: auto-setup (§4.5) begins with it, and finds out."""
    fields: Callable[[Any, Any, Any], Sequence[KnownField]] | None = None
    """(connector settings, stream settings, fetch) -> the fields that the source tells of, for a test."""
    tested: tuple[str, ...] = ()
    """Settings of the stream that a test is a test of."""
    shown: int = 10
    """Records that a test shows."""
    connect: tuple[str, ...] | None = None
    """Settings that have to be said before a test can be made; None: all that are the source's own."""

    @property
    def mapping(self) -> list[Mapping[str, Any]]:
        """What is mapped where nothing is said: by a source whose answers are its own."""
        entries = self.settings.model_fields["mapping"].get_default(call_default_factory=True)
        return [each.model_dump(mode="json", by_alias=True) for each in entries]

    @property
    def required(self) -> tuple[str, ...]:
        """Targets that a mapping can't do without, beside those of its kind."""
        found: tuple[str, ...] = getattr(self.settings, "REQUIRED", ())
        return found


def _no_budget(_: Any) -> Mapping[str, float]:
    return {}


class Source(msgspec.Struct, frozen=True):
    """`needs(connector settings, stream settings or None)`. `client` names what readers receive (engine.connectors.connection)."""

    slug: str
    name: str
    about: str
    settings: type[BaseModel]
    kinds: Mapping[Kind, StreamKind]
    needs: Callable[[Any, Any], Needs]
    secrets: Mapping[str, Secret]
    choices: Mapping[str, Choices] = msgspec.field(default_factory=dict)
    oauth: OAuthApp | None = None
    budgets: Callable[[Any], Mapping[str, float]] = _no_budget
    """(connector settings) -> requests a minute, by the lane that requests name; under "" those of all."""
    wait_header: str = ""
    """Of a 429 without Retry-After: the header that says for how many milliseconds to wait."""
    client: str = "http"
    extra: Extra | None = None
    begins: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What the form of a new connector begins with, where that isn't the settings' own default."""
