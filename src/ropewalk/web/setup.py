"""The guided set-up of a stream: connect, test & discover, match & map, schedule. One page for what is new and for what
is edited, for accounts, contacts and events alike; each button of it is one step, and nothing is kept before the last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse

from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem, RopewalkError
from ropewalk.core.origins import origin
from ropewalk.engine.connectors import choosing, configure, tested
from ropewalk.engine.connectors.connection import to_install
from ropewalk.engine.operated import clock
from ropewalk.engine.probing import probe
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Kind, Option, Source
from ropewalk.store import connectors, fields, status, streams
from ropewalk.store.models import Connector, Stream
from ropewalk.web import authorizing, pages, sample, settingfields
from ropewalk.web.access import Signed, open_to
from ropewalk.web.forms import NOT_YET
from ropewalk.web.mappingform import MappingForm
from ropewalk.web.overtaking import Opened
from ropewalk.web.streamform import StreamForm

MOST_CHOICES: Final = 2_000
KINDS: Final[Mapping[str, str]] = {"accounts": "Accounts", "contacts": "Contacts", "events": "Events"}


@open_to("admin", "GET", "POST")
def connect(request: Signed) -> HttpResponseBase:
    """A new connector with its first stream."""
    source = REGISTRY.get(request.GET.get("source", next(iter(REGISTRY))))
    if source is None:
        raise NotFound("source")
    kind = _kind(source, request.GET.get("kind") or next(iter(source.kinds)))
    return _SetUp(request, source, kind).answer()


@open_to("admin", "GET", "POST")
def stream(request: Signed, connector_id: UUID, kind: str) -> HttpResponseBase:
    """A stream of a connector that is there: set up, or edited."""
    connector = connectors.get(request.access.organization_id, connector_id)
    source = REGISTRY.get(connector.source)
    if source is None:
        raise NotFound("stream")
    return _SetUp(request, source, _kind(source, kind), connector).answer()


def _kind(source: Source, kind: str) -> Kind:
    if kind not in source.kinds:
        raise NotFound("stream")
    return cast(Kind, kind)


class _SetUp:
    """One visit to the page."""

    def __init__(
        self, request: Signed, source: Source, kind: Kind, connector: Connector | None = None
    ) -> None:
        self.request = request
        self.source = source
        self.kind = kind
        self.connector = connector
        self.organization_id = request.access.organization_id
        self.reading = source.kinds[kind]
        self.stream, self.status = self._there()
        self.opened = Opened(request.POST, self._saved() if self.stream else {})
        self.found = self._carried()
        self.form = self._form()
        self.resets = self.withheld = False
        self.focus = ""
        self.mapping = self._mapping()
        mapped = self.reading.mapping if self.stream is None else self.stream.settings.get("mapping", ())
        self.mapping.rows = MappingForm.saved(mapped)

    def _there(self) -> tuple[Stream | None, status.StreamStatus | None]:
        if self.connector is None:
            return None, None
        found = status.of_connector(self.organization_id, self.connector, now=clock().now())
        return next(((each, of) for each, of in found.streams if each.kind == self.kind), (None, None))

    def _carried(self) -> dict[str, Any]:
        """What tests before have found, as the page has carried it along."""
        return sample.unpacked(self.organization_id, self.kind, self.request.POST.get("found", ""))

    def _form(self) -> StreamForm:
        own = self.status.secrets if self.status else ()
        offered = {
            name: [Option(*each) for each in options]
            for name, options in (self.found.get("choices") or {}).items()
        }
        return StreamForm(self.source, self.kind, self.connector, own, self._saved(), offered)

    def _saved(self) -> dict[str, Any]:
        if self.stream is not None:
            return streams.settings_now(self.stream)
        new: dict[str, Any] = {"pagination": {"type": ""}} if self.reading.first_request else {}
        if self.connector is None:
            taken = {each.name.casefold() for each in connectors.every(self.organization_id)}
            names = (f"{self.source.name}{f' {number}' if number > 1 else ''}" for number in range(1, 10_000))
            new |= {
                "name": next(name for name in names if name.casefold() not in taken),
                "settings": self.source.begins,
            }
        return new

    def _mapping(self) -> MappingForm:
        custom = [each.name for each in fields.custom(self.organization_id)]
        return MappingForm(self.kind, self.form.matching, custom, self.found, required=self.reading.required)

    # ---- what was asked for ----

    def answer(self) -> HttpResponseBase:
        if self.request.method != "POST":
            return self._page()
        sent = self.request.POST
        self.form.read(sent)
        self.mapping = self._mapping()
        self.mapping.read(sent)
        verb, _, about = sent.get("do", "save").partition(":")
        self.focus = "discover" if verb in ("test", "take") else "match"
        match verb:
            case "test":
                self._test()
            case "choose":
                self._choose(about)
            case "authorize" if self.connector is None and self.source.oauth is not None:
                return self._authorize(self.source.oauth.way)
            case "take":
                self._take([about])
            case "use":
                self.mapping.use(about)
            case "others":
                self.mapping.bring_others()
            case "add":
                self.mapping.add()
            case "drop":
                self.mapping.drop(about)
            case _:
                return self._save()
        return self._page()

    def _body(self) -> dict[str, Any]:
        """The stream's settings, without what isn't a setting of it."""
        body = self.form.body()
        self.about_connector = {name: body.pop(name, {}) for name in ("name", "settings")}
        return body

    def _test(self) -> None:
        stream = self._body()
        secrets = stream.pop("secrets", {})
        settings = self.about_connector["settings"] if self.connector is None else self.connector.settings
        if self.form.errors:
            self._refuse(RopewalkError(_UNREAD.code, _UNREAD.message))
            return
        if self.kind == "events" and not self.mapping.missing:
            stream["mapping"] = self.mapping.entries()
        draft = {
            "source": self.source.slug,
            "kind": self.kind,
            "settings": settings,
            "secrets": secrets,
            "stream": stream,
        }
        if self.connector is not None:
            draft["connector_id"] = str(self.connector.id)
        try:
            answer = probe.test_draft(self.organization_id, draft, clock())
        except MustFix as error:
            self._refuse(error)
            return
        carried = {"choices": self.found["choices"]} if "choices" in self.found else {}
        self.found = carried | sample.kept(answer) | {"auth": _auth(settings)}
        proposal = self.found["proposal"] or {}
        sure = [
            name
            for name in sample.PARTS
            if name in proposal and self._goes_without_saying(name, proposal[name])
        ]
        self._take([name for name in sure if self._is_unsaid(name)])
        if answer["ok"]:
            self.found["tested"] = tested.mark_of_draft(self.source.slug, self.kind, settings, self._body())
        self.mapping = MappingForm(
            self.kind,
            self.form.matching,
            self.mapping.custom,
            self.found,
            self.mapping.rows,
            self.reading.required,
        )
        if self.stream is None and not self.mapping.rows:
            self._match_as_proposed()

    def _choose(self, name: str) -> None:
        """Asks the source what there is to choose from, with what has been typed so far."""
        stream = self._body()
        body = {"source": self.source.slug, "choices": name, "secrets": stream.pop("secrets", {})}
        if self.connector is None:
            body["settings"] = self.about_connector["settings"]
        else:
            body |= {"settings": self.connector.settings, "connector_id": str(self.connector.id)}
        try:
            options = choosing.choose(self.organization_id, body, clock())
        except RopewalkError as error:
            self._refuse(error)
            return
        told = [[each.value, each.label, each.group, each.about] for each in options[:MOST_CHOICES]]
        self.found["choices"] = {**(self.found.get("choices") or {}), name: told}
        self.form = self._form()
        self.form.read(self.request.POST)

    def _authorize(self, way: str) -> HttpResponseBase:
        """Keeps the connector, whose stream is set up once its vendor has let us in."""
        self.form["settings.auth.type"].value = way
        secrets = self._body().pop("secrets", {})
        body = {**self.about_connector, "source": self.source.slug, "secrets": secrets}
        try:
            made = configure.create_connector(self.organization_id, self.request.access.actor, body, clock())
        except (MustFix, Conflict) as error:
            self._refuse(error)
            return self._page()
        if getattr(self.request, "htmx", False):
            path = reverse("authorize", kwargs={"connector_id": made.id})
            return pages.to_path(self.request, f"{path}?kind={self.kind}")
        # A form may not lead to another site: there it is one more click.
        return pages.to(self.request, "stream", connector_id=made.id, kind=self.kind)

    def _goes_without_saying(self, name: str, part: Mapping[str, Any]) -> bool:
        """What a sample was read with; and a single page, where nothing leads on."""
        if name == "records_path":
            return part["value"] is not None
        return part["proved"] or (name == "pagination" and (part["value"] or {}).get("type") == "none")

    def _is_unsaid(self, name: str) -> bool:
        said = self._body().get(name)
        return not (said.get("type") if isinstance(said, Mapping) and name == "pagination" else said)

    def _take(self, names: list[str]) -> None:
        """Puts what was found into the form."""
        proposal = self.found.get("proposal") or {}
        values = {name: proposal[name]["value"] for name in names if name in proposal}
        if values:
            now = self.form.body()
            self.form.fill({**now, **values, "headers": now.get("headers", {})})

    def _match_as_proposed(self) -> None:
        matching = ((self.found.get("proposal") or {}).get("matching") or {}).get("value")
        if matching:
            self.form.match_by(matching)
        self.mapping.matching = self.form.matching

    def _save(self) -> HttpResponseBase:
        stream = self._body() | {"mapping": self.mapping.entries()}
        if self.form.errors or (self.stream is None and not self.found.get("ok")):
            self._refuse(_UNREAD if self.form.errors else _UNTESTED)
            return self._page()
        access, sent = self.request.access, self.request.POST
        try:
            if self.connector is None:
                secrets = stream.pop("secrets", {})
                body = {
                    **self.about_connector,
                    "source": self.source.slug,
                    "secrets": secrets,
                    "streams": {self.kind: stream},
                }
                marks: dict[str, str] = {self.kind: self.found.get("tested", "")}
                made = configure.create_connector(
                    self.organization_id, access.actor, body, clock(), tested=marks
                )
                return self._saved_as(made)
            if self.opened.overtaken():
                return self._page()
            where = (self.organization_id, access.actor, self.connector.id, self.kind, stream, clock())
            also = sent.getlist("send_secret_to")
            if self._was_read and "sure" not in sent:
                self.resets = configure.save_stream(*where, send_secret_to=also, validate=True).baseline_reset
                if self.resets:
                    return self._page()
            configure.save_stream(*where, send_secret_to=also, tested=self.found.get("tested", ""))
            return self._saved_as(self.connector)
        except (MustFix, Conflict) as error:
            self._refuse(error)
        return self._page()

    @property
    def _was_read(self) -> bool:
        return (
            self.stream is not None and (self.stream.watermark or self.stream.last_completed_at) is not None
        )

    def _saved_as(self, connector: Connector) -> HttpResponseBase:
        if self.stream is not None or self.reading.live:
            pages.toast(self.request, _SAVED_LIVE if self.reading.live else "Saved.")
        return pages.to(self.request, "stream", connector_id=connector.id, kind=self.kind)

    def _refuse(self, error: RopewalkError) -> None:
        at = f"streams.{self.kind}."
        problems = list(error.problems) if isinstance(error, MustFix) else []
        if isinstance(error, Conflict):
            problems = [Problem("name", error.message)]
        told = [Problem(one.path.removeprefix(at).removeprefix("stream."), one.message) for one in problems]
        self.withheld = any(each.path.startswith(("secrets.", "headers.")) for each in told)
        left = self.mapping.refuse(told)
        message = _UNREAD.message if problems or self.form.errors else error.message
        self.form.refuse(RopewalkError(error.code, message), left)
        self.form.more = self.mapping.wrongs

    # ---- what is shown ----

    def _page(self) -> HttpResponseBase:
        form = self.form
        is_tested = bool(self.found.get("ok"))
        if self.stream is None and "pagination.type" in form.bound:
            form.offer_to_find()
        context = {
            "opened": self.opened,
            "resets": self.resets,
            "focus": "" if form.is_refused else self.focus,
            "form": form,
            "source": self.source,
            "kind": self.kind,
            "kinds": self._kinds(),
            "finds_out": self.reading.first_request is not None,
            "connector": self.connector,
            "stream": self.stream,
            "elsewhere": self._elsewhere(),
            "mapping": self.mapping,
            "found": self.found,
            "packed": sample.packed(self.organization_id, self.kind, self.found),
            "curl": sample.curl(self.found),
            "proposed": sample.proposed(self.found, form.body()) if self.found.get("proposal") else [],
            "is_tested": is_tested,
            "may_map": is_tested or self.stream is not None,
            "choices": self._choices(),
            "authorizing": authorizing.standing(self.source, self.connector),
            "to_install": to_install(self.source),
            "warnings": self.status.warnings if self.status else [],
            "steps": self._steps(is_tested),
        }
        return pages.render(self.request, "ropewalk/setup.html", context, status=form.status)

    def _choices(self) -> list[tuple[str, str]]:
        """What this stream's settings are chosen from."""
        models = [self.reading.settings, *([self.source.settings] if self.connector is None else [])]
        wanted = {name for model in models for name in settingfields.choices_named(model)}
        return [(name, each.title) for name, each in self.source.choices.items() if name in wanted]

    def _kinds(self) -> list[tuple[str, str, str]]:
        def href(kind: str) -> str:
            if self.connector is None:
                return f"{reverse('connect')}?source={self.source.slug}&kind={kind}"
            return reverse("stream", kwargs={"connector_id": self.connector.id, "kind": kind})

        return [(kind, KINDS.get(kind, kind), href(kind)) for kind in self.source.kinds]

    def _elsewhere(self) -> str:
        """An origin that the saved secrets haven't been entered for."""
        if self.connector is None or not self.withheld:
            return ""
        try:
            return origin(self.form.text("url")) if "url" in self.form.bound else ""
        except ValueError:
            return ""

    def _steps(self, is_tested: bool) -> list[tuple[str, str, str]]:
        """Each with its place on the page, and whether it is done."""
        tested_once = is_tested or (self.stream is not None and self.stream.tested_at is not None)
        mapped = not self.mapping.missing and (is_tested or self.stream is not None)
        steps = [
            ("connect", "Connect", tested_once),
            ("discover", "Test & discover", tested_once),
            ("match", "Match & map", mapped),
        ]
        if not self.reading.live:
            steps.append(("schedule", "Schedule", self.stream is not None))
        current = next((place for place, (_, _, done) in enumerate(steps) if not done), -1)
        return [
            (anchor, label, "done" if done else "now" if place == current else "later")
            for place, (anchor, label, done) in enumerate(steps)
        ]


def _auth(settings: Mapping[str, Any]) -> dict[str, Any]:
    auth = settings.get("auth") or {}
    return {name: auth.get(name) for name in ("type", "username")}


_SAVED_LIVE: Final = "Saved. Events are read whenever somebody opens an account."
_UNREAD: Final = RopewalkError("unread", NOT_YET)
_UNTESTED: Final = RopewalkError(
    "untested",
    "Test it first: Test & Discover Fields shows what the API answers, and what can be mapped.",
)
