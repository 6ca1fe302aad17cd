"""A recording of a test: its requests and answers, without secrets, as a file that can be read and kept (§3).

Credentials are taken out by value, in every form they travel in; what is called like a secret is replaced by a
stand-in, the same one wherever that value stands, so that a cursor still leads to its page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, unquote_plus

import msgspec
from pydantic import Field

from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import GiveUp, MustFix, Problem, Refused, RetryLater, RopewalkError
from ropewalk.core.exchange import Request, Response
from ropewalk.core.redact import SHORTEST, Redactor, is_secret_name
from ropewalk.core.values import JSON, canonical

VERSION: Final = 1
_TELLING: Final = 8
"""A shorter value that is called a secret is no secret where it stands as a part of something longer."""

_KINDS: Final[tuple[tuple[str, type[RopewalkError]], ...]] = (
    ("retry_later", RetryLater),
    ("must_fix", MustFix),
    ("refused", Refused),
    ("give_up", GiveUp),
)


class Asked(Settings):
    """Without its headers: they are the stream's, or secret."""

    method: Literal["GET", "POST"]
    url: str
    params: list[tuple[str, str]] = []
    body: Any = None

    def key(self) -> bytes:
        pairs: list[JSON] = [list(pair) for pair in self.params]
        return canonical([self.method, self.url, pairs, self.body])


class Said(Settings):
    """`text` is the body as it was; `json` stands for a body that is JSON."""

    status: int
    url: str
    headers: dict[str, str] = {}
    milliseconds: int
    json_: Annotated[Any, Field(alias="json")] = None
    text: str | None = None


class Failed(Settings):
    kind: Literal["retry_later", "must_fix", "refused", "give_up"]
    code: str
    message: str
    after: float | None = None


class Exchange(Settings):
    request: Asked
    response: Said | None = None
    error: Failed | None = None


class Recording(Settings):
    ropewalk_recording: Literal[1] = Field(description="The version of this format.")
    recorded_at: datetime
    source: str
    kind: str
    exchanges: list[Exchange]

    def dump(self) -> str:
        value = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def load(text: str) -> Recording:
    try:
        value = json.loads(text)
    except ValueError:
        message = "This is no recording: it isn’t JSON. Make one with --record."
        raise MustFix("no_recording", message) from None
    if isinstance(value, dict) and value.get("ropewalk_recording", VERSION) != VERSION:
        message = f"This recording is of another version than {VERSION}; make a new one with --record."
        raise MustFix("no_recording", message, [Problem("ropewalk_recording", message)])
    try:
        return check(Recording, value)
    except MustFix as error:
        where = "; ".join(f"{one.path}: {one.message}" if one.path else one.message for one in error.problems)
        message = f"This is no recording that can be replayed. {where}"
        raise MustFix("no_recording", message, error.problems) from None


# ---- making one ----


class Exchanged(msgspec.Struct, frozen=True):
    request: Request
    outcome: Response | RopewalkError


def record(
    exchanged: Sequence[Exchanged], secrets: Iterable[str], *, at: datetime, source: str, kind: str
) -> Recording:
    redactor = Redactor(secrets)
    plain = [redactor.values(_plain(each)) for each in exchanged]
    stand_ins = _StandIns(plain)
    return check(
        Recording,
        {
            "ropewalk_recording": VERSION,
            "recorded_at": at,
            "source": source,
            "kind": kind,
            "exchanges": [stand_ins.replace(each) for each in plain],
        },
    )


def _plain(each: Exchanged) -> dict[str, Any]:
    request = {
        "method": each.request.method,
        "url": each.request.url,
        "params": [list(pair) for pair in each.request.params],
        "body": each.request.body,
    }
    outcome = each.outcome
    if isinstance(outcome, Response):
        said: dict[str, Any] = {
            "status": outcome.status,
            "url": outcome.url,
            "headers": dict(outcome.headers),
            "milliseconds": outcome.milliseconds,
        }
        return {"request": request, "response": said | _body(outcome.body)}
    kind = next(name for name, each_kind in _KINDS if isinstance(outcome, each_kind))
    error = {"kind": kind, "code": outcome.code, "message": outcome.message}
    if isinstance(outcome, RetryLater) and outcome.after is not None:
        error["after"] = outcome.after  # type: ignore[assignment]
    return {"request": request, "error": error}


def _body(body: Any) -> dict[str, Any]:
    if not isinstance(body, bytes):
        raise MustFix(
            "too_large_to_record",
            "An answer is too large for a recording; ask for smaller pages, by the page size or in the URL.",
        )
    try:
        return {"json": msgspec.json.decode(body)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"text": body.decode("utf-8", "replace")}


class _StandIns:
    """For each value that is called like a secret, one that says nothing."""

    def __init__(self, values: Any) -> None:
        self._names: dict[str, str] = {}
        self._collect(values, secret=False)
        self._rest = Redactor(value for value in self._names if len(value) >= _TELLING)

    def _collect(self, value: Any, *, secret: bool) -> None:
        if isinstance(value, str):
            if secret:
                self._name(value)
            for name, given in _parameters(value):
                if is_secret_name(name):
                    self._name(given)
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                self._collect(inner, secret=secret or is_secret_name(key))
        elif isinstance(value, list | tuple):
            if len(value) == 2 and isinstance(value[0], str) and is_secret_name(value[0]):
                self._collect(value[1], secret=True)
            for inner in value:
                self._collect(inner, secret=secret)

    def _name(self, value: str) -> None:
        if len(value) >= SHORTEST:
            self._names.setdefault(value, f"redacted-{len(self._names) + 1}")

    def replace(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {self._text(key): self.replace(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.replace(inner) for inner in value]
        return value

    def _text(self, text: str) -> str:
        if text in self._names:
            return self._names[text]
        for _, given in _parameters(text):
            if given in self._names:
                for spelled in (quote(given, safe=""), quote(given), given):
                    text = text.replace(f"={spelled}", f"={self._names[given]}")
        return self._rest.text(text)


def _parameters(text: str) -> list[tuple[str, str]]:
    query = text.partition("?")[2].partition("#")[0]
    pairs = (pair.partition("=") for pair in query.split("&") if query)
    return [(unquote_plus(name), unquote_plus(value.rstrip(">\"' "))) for name, _, value in pairs]


# ---- answering from one ----


class NotRecorded(Exception):
    """Not an error of the endpoint, so nothing that asks it may take it for one."""

    def __init__(self, asked: Asked) -> None:
        with_params = "&".join(f"{name}={value}" for name, value in asked.params)
        self.asked = f"{asked.method} {asked.url}" + (f" with {with_params}" if with_params else "")
        if asked.body is not None:
            self.asked += f" and the body {canonical(asked.body).decode()[:200]}"
        super().__init__(self.asked)


class Replay:
    """A `Fetch` that answers what a recording holds. `secrets` are those that requests may hold by now."""

    def __init__(self, recording: Recording, secrets: Iterable[str] = ()) -> None:
        self._redactor = Redactor(secrets)
        self._kept = {each.request.key(): each for each in recording.exchanges}

    def __call__(self, request: Request) -> Response:
        asked = Asked.model_validate(
            self._redactor.values(
                {
                    "method": request.method,
                    "url": request.url,
                    "params": [list(pair) for pair in request.params],
                    "body": request.body,
                }
            )
        )
        kept = self._kept.get(asked.key())
        if kept is None:
            raise NotRecorded(asked)
        if kept.response is None:
            raise _error(kept.error or Failed(kind="give_up", code="", message=""))
        said = kept.response
        body = said.text.encode() if said.text is not None else msgspec.json.encode(said.json_)
        return Response(said.status, said.headers, body, said.url, said.milliseconds)

    def ahead(self, requests: Sequence[Request]) -> None:
        """Nothing here takes long."""


def _error(failed: Failed) -> RopewalkError:
    if failed.kind == "retry_later":
        return RetryLater(failed.code, failed.message, after=failed.after)
    return dict(_KINDS)[failed.kind](failed.code, failed.message)
