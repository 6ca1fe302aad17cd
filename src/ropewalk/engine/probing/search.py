"""How the records of an answer are paged: candidates, asked for one after the other until one proves itself (§4.5).

A pagination is proved when its first page is where the bare answer begins, and its second page holds exactly the
records that come next: no record of page 1 again, none left out as far as the bare answer shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from ropewalk.core import detect, paths
from ropewalk.core.detect import Paging
from ropewalk.core.envelope import Answer, Array, identities, key_of, squeezed
from ropewalk.core.limits import DEFAULT_PAGE_SIZE, PAGE_SIZE, PROOF_PAGES
from ropewalk.core.pagination import SinglePage
from ropewalk.core.paths import Path
from ropewalk.core.values import JSON, Missing
from ropewalk.engine.probing.trying import Tried, Trying

Outcome = Literal[
    "proved", "refused", "ignored", "elsewhere", "overlaps", "left_out", "ended", "empty", "failed", "loops", "same_number",
    "fewer",
]  # fmt: skip

_PARENTS = frozenset("pagination paging page pager pageinfo cursor options variables params".split())  # noqa: SIM905


class Size(Struct):
    param: str
    count: int


class Proof(Struct, frozen=True):
    paging: Paging
    size: Size | None
    tried: Tried


class Search:
    """The search for how the records at one path are paged."""

    def __init__(self, trying: Trying, bare: Answer, array: Array) -> None:
        self.trying = trying
        self.bare = bare
        self.array = array
        self.path: Path = array.path
        self.text = paths.join(array.path)
        records = bare.records(array.path)
        self._key = key_of(records)
        self.all = identities(records, self._key)
        self.small: Answer = bare
        self.size: Size | None = None
        self.outcomes: list[tuple[Paging, Outcome]] = []
        self.ignores = False
        self.answers: list[Answer] = [bare]
        self.whole: Tried | None = None
        self.page_size: int | None = None
        self.proof: Proof | None = None

    def search(self) -> None:
        if not self.all:
            return
        if self._as_said():
            self._settle()
            return
        places = (True, False) if self.trying.method == "POST" else (False,)
        for in_body in places:
            self.trying.in_body = in_body
            self.size, self.small = None, self.bare
            if self._found(detect.leads(self.bare, self.path), None):
                self._add_size()
                break
            self._find_size()
            if self.size is not None and self._found(detect.leads(self.small, self.path), self.size):
                break
            if self._find_number() or self._find_last_id():
                break
        if self.proof is None:
            self.trying.in_body = self.trying.method == "POST"
        else:
            self._settle()

    # ---- candidates ----

    def _as_said(self) -> bool:
        """As the stream is set to be read, its page size included."""
        said = self.trying.said
        if isinstance(said.pagination, SinglePage) or said.records_path not in ("", self.text):
            return False
        settings = said.pagination.model_dump(exclude_unset=True, exclude_none=True) | {
            "type": said.pagination.type
        }
        settings |= said.pagination.model_dump(include={"size_param", "page_size"})
        self.trying.in_body = said.pagination.params_in == "body"
        return self._proves(Paging(settings, "It is set to be read like this"), None)

    def _found(self, candidates: Sequence[Paging], size: Size | None) -> bool:
        """Those that the answer shows one by one; the names that a cursor's parameter may have, together."""
        cursors: dict[str, list[Paging]] = {}
        for paging in candidates:
            if paging.settings["type"] == "cursor":
                cursors.setdefault(paging.settings["next_cursor_path"], []).append(paging)
        for paging in candidates:
            same = cursors.get(paging.settings.get("next_cursor_path", ""), [])
            if same and paging is not same[0]:
                continue
            if len(same) > 1:
                if self._cursor(same, size):
                    return True
            elif self._proves(paging, size):
                return True
        return False

    def _cursor(self, same: Sequence[Paging], size: Size | None) -> bool:
        answer = self.bare if size is None else self.small
        value = paths.get(answer.value, paths.parse(same[0].settings["next_cursor_path"]))
        assert not isinstance(value, Missing)
        by_param = {each.settings["cursor_param"]: each for each in same}
        by_name = {
            name: by_param.get(name) or by_param[name.rpartition(".")[2]] for name in self._spread(*by_param)
        }
        if not by_name:
            return False
        here = self.ids(answer)

        def works(names: Sequence[str]) -> bool | None:
            params: dict[str, JSON] = dict.fromkeys(names, value)
            asked = self.trying.ask(params | _sized(size))
            return None if asked is None else self.ids(asked) not in ([], here)

        first = next(iter(by_name))
        found = (
            first if works([first]) else self.trying.find([name for name in by_name if name != first], works)
        )
        if found is None:
            self.outcomes.append((same[0], "ignored"))
            return False
        settings = {**by_name[found].settings, "cursor_param": found}
        return self._proves(Paging(settings, by_name[found].why), size)

    def _find_size(self, *, only_spoken: bool = False) -> None:
        count = min(len(self.all) // 2, DEFAULT_PAGE_SIZE)
        if count < 1:
            return

        def works(names: Sequence[str]) -> bool | None:
            asked = self.trying.ask(dict.fromkeys(names, count))
            return None if asked is None else self.ids(asked) == self.all[:count]

        spoken, usual = detect.sizes(self.bare, self.path)
        found = None
        for name in (each for one in spoken[:4] for each in self._spread(one)[:2]):
            if works([name]):
                found = name
                break
        if found is None and not only_spoken:
            found = self.trying.find(self._spread(*usual), works)
        if found is not None and (small := self.trying.ask({found: count})) is not None:
            self.size, self.small = Size(found, count), small
            self.answers.append(small)

    def _add_size(self) -> None:
        """To a cursor that is proved, what its pages' size is asked by."""
        assert self.proof is not None
        proof, leads_on = self.proof, by_url(self.proof.paging)
        self._find_size(only_spoken=leads_on)
        if self.size is not None and not leads_on and not self._proves(proof.paging, self.size):
            self.size, self.proof = None, proof

    def _find_number(self) -> bool:
        spoken = detect.numbered(self.small, self.path)
        for paging in spoken:
            named = paging.settings.get("page_param") or paging.settings["offset_param"]
            for name in self._spread(named)[:2]:
                if self._proves(_renamed(paging, name), self.size):
                    return True
        here = self.ids(self.small)

        def works(names: Sequence[str]) -> bool | None:
            params: dict[str, JSON] = {name: len(here) if detect.is_offset(name) else 2 for name in names}
            asked = self.trying.ask(params | _sized(self.size))
            if asked is None:
                return None
            found = self.ids(asked)
            # Several at once may lead beyond the end.
            return found != here if found else len(names) > 1

        tried = {each.settings.get("page_param") or each.settings.get("offset_param") for each in spoken}
        usual = [name for name in self._spread(*detect.usual_numbers(self.small)) if name not in tried]
        led = self.trying.find(usual, works)
        if led is None:
            self.ignores = True
            return False
        why = f"Nothing speaks of a page, but {led} leads on"
        if detect.is_offset(led):
            kinds = [{"type": "offset", "offset_param": led, "first_offset": first} for first in (0, 1)]
        else:
            kinds = [{"type": "page", "page_param": led, "first_page": first} for first in (1, 0)]
        return any(self._proves(Paging(each, why), self.size) for each in kinds)

    def _find_last_id(self) -> bool:
        candidates = detect.last_ids(self.small, self.path)
        mores = detect.has_mores(self.small, self.path)
        if not candidates or (mores and not any(each.value for each in mores)):
            return False
        return self._cursor(candidates, self.size)

    def _spread(self, *named: str) -> list[str]:
        """In a body, a parameter may also stand where the others of its sort do."""
        if not self.trying.in_body:
            return list(named)
        posted = self.bare.posted
        parents = [key for key in posted if squeezed(key) in _PARENTS] if isinstance(posted, dict) else []
        plain = [name for name in named if "[" not in name and "$" not in name]
        inside = [
            f"{paths.join([parent])}.{name}"
            for parent in parents
            if isinstance(posted, dict) and isinstance(posted[parent], dict)
            for name in plain
            if "." not in name
        ]
        made = [] if parents else [f"pagination.{name}" for name in plain if "." not in name]
        return [name for name in [*inside, *plain, *made] if self.trying.fits(name)]

    # ---- proof ----

    def _proves(self, paging: Paging, size: Size | None) -> bool:
        leads_on = by_url(paging)
        settings = dict(paging.settings)
        if not leads_on and "size_param" not in settings:
            settings |= {"size_param": size.param, "page_size": size.count} if size else {"size_param": None}
        beside = _sized(size) if leads_on and not self.trying.in_body else {}
        try:
            tried = self.trying.read(self.text, settings, 2, beside)
        except ValueError:
            return False
        outcome = self._outcome(tried, paging.echo)
        self.outcomes.append((paging, outcome))
        if outcome != "proved":
            return False
        self.proof = Proof(paging, size, tried)
        self.answers += tried.pages
        return True

    def _outcome(self, tried: Tried, echo: Path | None) -> Outcome:
        pages = tried.pages
        if not pages:
            return "refused"
        first = self.ids(pages[0])
        if not first or first[: len(self.all)] != self.all[: len(first)]:
            return "elsewhere"
        if len(pages) < 2:
            return "failed" if tried.failed else "ended"
        second = self.ids(pages[1])
        if not second:
            return "empty"
        if second == first:
            return "ignored"
        if not set(first).isdisjoint(second):
            return "overlaps"
        known = self.all[len(first) :][: len(second)]
        if second[: len(known)] != known:
            return "left_out"
        if echo is not None and paths.get(pages[0].value, echo) == paths.get(pages[1].value, echo):
            return "same_number"
        return "proved"

    def ids(self, answer: Answer) -> list[bytes]:
        return identities(answer.records(self.path), self._key)

    def _settle(self) -> None:
        """With the size that the proposal has, and to the end where that is near: for total and has-more. Pages that
        lead back to others don't prove anything."""
        assert self.proof is not None
        for settings, beside in self._ways(self.proof.paging):
            tried = self.trying.read(self.text, settings, PROOF_PAGES, beside)
            if tried.verdict == "suspicious":
                self._disproved("loops")
                return
            if tried.complete and self._too_few(tried):
                self._disproved("fewer")
                return
            first = self.ids(tried.pages[0]) if tried.pages else []
            if first and first[: len(self.all)] == self.all[: len(first)]:
                self.whole, self.page_size = tried, settings.get("page_size")
                self.answers += tried.pages
                return

    def _too_few(self, tried: Tried) -> bool:
        """Of as many as every page says there are."""
        rows = sum(len(page.records(self.path)) for page in tried.pages)
        for place in detect.totals(self.bare, self.path):
            path = paths.parse(place.path)
            said = {
                str(paths.get(page.value, path)) for page in (*self.answers, *tried.pages) if self.ids(page)
            }
            if place.sure and len(said) == 1 and isinstance(place.value, int) and rows < place.value:
                return True
        return False

    def _disproved(self, outcome: Outcome) -> None:
        assert self.proof is not None
        paging, self.proof = self.proof.paging, None
        self.outcomes = [each for each in self.outcomes if each[1] != "proved"]
        self.outcomes.append((paging, outcome))

    def _ways(self, paging: Paging) -> Iterator[tuple[dict[str, Any], dict[str, JSON]]]:
        size = self.size
        if "size_param" in paging.settings:
            yield dict(paging.settings), {}
            return
        if size is None:
            yield dict(paging.settings) | ({} if by_url(paging) else {"size_param": None}), {}
            return
        for count in dict.fromkeys((DEFAULT_PAGE_SIZE, min(len(self.all), PAGE_SIZE[1]), size.count)):
            if by_url(paging):
                yield dict(paging.settings), {} if self.trying.in_body else {size.param: count}
            else:
                yield {**paging.settings, "size_param": size.param, "page_size": count}, {}


def by_url(paging: Paging) -> bool:
    return paging.settings["type"] in ("next_url", "link_header")


def _sized(size: Size | None) -> dict[str, JSON]:
    return {} if size is None else {size.param: size.count}


def _renamed(paging: Paging, name: str) -> Paging:
    param = "page_param" if paging.settings["type"] == "page" else "offset_param"
    return replace(paging, settings={**paging.settings, param: name})
