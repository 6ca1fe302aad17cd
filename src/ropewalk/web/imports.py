"""Accounts and contacts from a CSV file: handing it over, saying how it is read and what its columns mean, and its runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from ropewalk.core import csvfiles, limits
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem, RopewalkError
from ropewalk.core.values import JSON, canonical
from ropewalk.engine import imports
from ropewalk.engine.operated import clock
from ropewalk.sources import csv_file
from ropewalk.sources.base import Kind
from ropewalk.store import connectors, fields, runs, streams
from ropewalk.web import confirming, fieldtexts, pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.confirming import Confirmation
from ropewalk.web.forms import NOT_YET, Bound, Choice, Field, Form
from ropewalk.web.lists import Address
from ropewalk.web.mappingform import MappingForm
from ropewalk.web.runs import line
from ropewalk.web.settingfields import drawn
from ropewalk.web.settingsform import Group, SettingsForm

KINDS: Final[Mapping[Kind, str]] = {"accounts": "Accounts", "contacts": "Contacts"}
_ENCODINGS: Final = (
    Choice("utf-8", "UTF-8"),
    Choice("utf-16-le", "UTF-16, little-endian"),
    Choice("utf-16-be", "UTF-16, big-endian"),
    Choice("windows-1252", "Windows-1252 (Western European)"),
)
_DELIMITERS: Final = tuple(
    Choice(csvfiles.DELIMITER_NAMES[one], csvfiles.DELIMITER_NAMES[one].capitalize())
    for one in csvfiles.DELIMITERS
)
_RUNS: Final = 10


# ---- handing a file over ----


# The form's token stands in its body, which isn't read before it is known that somebody may send one.
@csrf_exempt
@open_to("admin", "GET", "POST")
def upload(request: Signed) -> HttpResponseBase:
    return _taken(request) if request.method == "POST" else _upload_page(request)


@csrf_protect
def _taken(request: HttpRequest) -> HttpResponseBase:
    signed = cast(Signed, request)
    access = signed.access
    given = signed.FILES.get("file")
    try:
        if given is None:
            raise MustFix("no_file", NOT_YET, [Problem("file", "Choose a file.")])
        made = imports.upload(access.organization_id, access.actor, given.name or "", given.chunks(), clock())
    except MustFix as error:
        return _upload_page(signed, error)
    return pages.to(signed, "import", import_id=made.connector.id)


def _upload_page(request: Signed, refused: MustFix | None = None) -> HttpResponseBase:
    organization_id = request.access.organization_id
    address = Address.of(request.GET, ("cursor",))
    found = imports.listing(organization_id, cursor=address.get("cursor") or None)
    last = runs.last_of(organization_id, [each.connector.id for each in found.items])
    now = clock().now()
    lines = [
        (each, line(last[each.connector.id], "", now) if each.connector.id in last else None)
        for each in found.items
    ]
    context = {
        "refused": refused,
        "lines": lines,
        "most": limits.CSV_BYTES // 2**20,
        "days": limits.CSV_DAYS,
        "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
        "first": address.to() if address.get("cursor") else "",
    }
    return pages.render(request, "ropewalk/imports.html", context, status=422 if refused else 200)


# ---- one ----


@open_to("admin", "GET", "POST")
def page(request: Signed, import_id: UUID) -> HttpResponseBase:
    kind = request.GET.get("kind", "")
    if kind and kind not in KINDS:
        raise NotFound("import")
    found = imports.get(request.access.organization_id, import_id)
    return _Setting(request, found, cast(Kind, kind or "accounts")).answer()


class ImportForm(SettingsForm):
    """How rows are matched."""

    def __init__(self, kind: Kind, values: Mapping[str, Any]) -> None:
        self._settings = csv_file.SOURCE.kinds[kind].settings
        super().__init__(*drawn(self._settings), values=values)

    @property
    def match(self) -> list[Bound | Group]:
        return self.parts(*self._settings.model_fields)

    @property
    def matching(self) -> str:
        bound = self.bound.get("matching") or self.bound["match_by"]
        return str(bound.value or "domain")


class _Setting:
    """One visit to the page of an import."""

    def __init__(self, request: Signed, found: imports.Import, kind: Kind) -> None:
        self.request = request
        self.organization_id = request.access.organization_id
        self.kind = kind
        self._take(found)
        there = streams.of_connector(self.organization_id, found.connector.id)
        self.stream = next((each for each in there if each.kind == kind), None)
        saved = self.stream.settings if self.stream is not None else self._proposed()
        self.form = ImportForm(kind, saved)
        self.mapping = self._mapping()
        self.mapping.rows = MappingForm.saved(saved.get("mapping", ()))

    def _take(self, found: imports.Import) -> None:
        self.found = found
        file = found.file
        self.format = Form(
            Field("encoding", "Encoding", "select", choices=_ENCODINGS),
            Field("delimiter", "Delimiter", "select", choices=_DELIMITERS),
            Field("header", "The first row holds the names of the columns", "checkbox"),
            Field(
                "typed",
                "Read numbers, and true and false, as such",
                "checkbox",
                help="Where a whole column is of one kind. Otherwise everything is text.",
            ),
            values={
                "encoding": file.encoding,
                "delimiter": csvfiles.DELIMITER_NAMES[file.delimiter],
                "header": file.header,
                "typed": file.typed,
            },
        )
        self.__dict__.pop("sample", None)

    @cached_property
    def sample(self) -> dict[str, Any]:
        if not self.found.is_there:
            return {}
        return imports.sample(self.organization_id, self.found.connector.id, self.kind)

    def _proposed(self) -> dict[str, Any]:
        """Matched by what looks like it; nothing is mapped by itself."""
        there = {each["to"] for each in self.sample.get("suggestions", ())}
        by = {"companyDomain": "domain", "externalCustomerId": "external_id"}
        ways = [way for target, way in by.items() if target in there] or ["domain"]
        if self.kind == "contacts":
            return {"match_by": ways[0]}
        return {"matching": "_and_".join(ways)}

    def _mapping(self) -> MappingForm:
        custom = [each.name for each in fields.custom(self.organization_id)]
        return MappingForm(self.kind, self.form.matching, custom, self.sample, only_found=True)

    def answer(self) -> HttpResponseBase:
        if self.request.method != "POST":
            return self._page()
        sent = self.request.POST
        self.form.read(sent)
        self.mapping = self._mapping()
        self.mapping.read(sent)
        verb, _, about = sent.get("do", "").partition(":")
        match verb:
            case "read":
                return self._read_again()
            case "use":
                self.mapping.use(about)
            case "others":
                self.mapping.bring_others()
            case "add":
                self.mapping.add()
            case "drop":
                self.mapping.drop(about)
            case "dry_run" | "sync":
                return self._start(verb)
        return self._page(focus="match")

    def _read_again(self) -> HttpResponseBase:
        body = self.format.read(self.request.POST)
        delimiters = {name: one for one, name in csvfiles.DELIMITER_NAMES.items()}
        body["delimiter"] = delimiters.get(str(body["delimiter"]), body["delimiter"])
        access, import_id = self.request.access, self.found.connector.id
        try:
            self._take(imports.read_again(access.organization_id, access.actor, import_id, body, clock()))
        except (MustFix, Conflict) as error:
            # Where in the file something is wrong is no input of this form.
            wrong = [Problem("", each.message) for each in getattr(error, "problems", ())]
            self.format.refuse(RopewalkError(error.code, error.message), wrong)
            return self._page()
        rows = self.mapping.rows
        self.mapping = self._mapping()
        self.mapping.rows = rows
        return self._page(focus="file")

    def _start(self, mode: str) -> HttpResponseBase:
        settings = self.form.body() | {"mapping": self.mapping.entries()}
        body = {"kind": self.kind, "mode": mode, "settings": settings}
        access, import_id = self.request.access, self.found.connector.id
        try:
            run, _ = imports.start(access.organization_id, access.actor, import_id, body, clock())
        except (MustFix, Conflict) as error:
            told = error.problems if isinstance(error, MustFix) else ()
            left = self.mapping.refuse(
                Problem(each.path.removeprefix("settings."), each.message) for each in told
            )
            message = NOT_YET if told else error.message
            self.form.refuse(RopewalkError(error.code, message), left)
            self.form.more = self.mapping.wrongs
            return self._page()
        return pages.to(self.request, "run", run_id=run.id)

    # ---- what is shown ----

    def _page(self, focus: str = "") -> HttpResponseBase:
        connector, now = self.found.connector, clock().now()
        is_refused = self.form.is_refused or self.format.is_refused
        listed = runs.listing(self.organization_id, connector_id=connector.id, limit=_RUNS)
        names = [each.name for each in self.found.file.columns]
        context = {
            "found": self.sample,
            "one": self.found,
            "kind": self.kind,
            "kinds": [(kind, label, self._href(kind)) for kind, label in KINDS.items()],
            "form": self.form,
            "format": self.format,
            "mapping": self.mapping,
            "names": names,
            "rows": [
                (each[csvfiles.LINE], [_cell(each.get(name)) for name in names])
                for each in self.sample.get("records", ())
            ],
            "lines": [line(each, "", now) for each in listed.items],
            "delete": _deletion(connector.id, connector.name),
            "focus": "" if is_refused else focus,
        }
        return pages.render(self.request, "ropewalk/import.html", context, status=422 if is_refused else 200)

    def _href(self, kind: Kind) -> str:
        return f"{reverse('import', kwargs={'import_id': self.found.connector.id})}?kind={kind}"


def _cell(value: JSON) -> SafeString:
    """As it stands in the file: a number may well be a name."""
    written = value if value is None or isinstance(value, str) else canonical(value).decode()
    return fieldtexts.shown(written, "text")


# ---- putting one away ----


@open_to("admin", "GET", "POST")
def delete(request: Signed, import_id: UUID) -> HttpResponseBase:
    access = request.access
    found = connectors.get_import(access.organization_id, import_id)
    if request.method == "POST":
        imports.delete(access.organization_id, access.actor, import_id, clock())
        pages.toast(request, f"{found.name} is deleted. What was imported from it stays.")
        return pages.to(request, "accounts-import")
    return confirming.page(request, _deletion(import_id, found.name))


def _deletion(import_id: UUID, name: str) -> Confirmation:
    here = {"import_id": import_id}
    return Confirmation(
        name="delete",
        label="Delete import",
        title=f"Delete {name}?",
        text="The file is erased. What was imported from it stays; its runs stay listed, but can’t be repeated.",
        verb="Delete",
        path=reverse("import-delete", kwargs=here),
        back=reverse("import", kwargs=here),
    )
