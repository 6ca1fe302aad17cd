"""Suggestions: which target a discovered field is likely to be (product.md §3). Nothing is better than a wrong one.

A field's path is read as words, and every word must have its place in what a rule calls a target: `owner.email` is
the owner's, `plan.name` is nobody's. Its values confirm the name, forbid it, or, where the name says nothing, speak
for themselves.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Literal, Protocol

from msgspec import Struct
from rapidfuzz.distance import OSA

from ropewalk.core import limits, paths, synonyms
from ropewalk.core.mapping import BUILT_IN, INGEST_ONLY, is_field_name
from ropewalk.core.shapes import colleagues, shapes_of
from ropewalk.core.values import JSON

Kind = Literal["accounts", "contacts", "events"]


class Found(Protocol):
    """A discovered field (core.discover)."""

    @property
    def path(self) -> str: ...
    @property
    def examples(self) -> Sequence[JSON]: ...


class Suggestion(Struct, frozen=True):
    from_: str
    to: str
    score: float
    reason: str


class _Rule(Struct, frozen=True):
    """`needs`: for each group a word that stands for one of its tags. `allows`: what the other words may stand for.
    `values`: shapes that the values may have; `must`: they must be there to have one. `not_values`: nor these."""

    to: str
    score: float
    needs: tuple[str, ...]
    allows: str
    values: str
    must: bool = False
    not_values: str = ""


_OF_OWNER = "self address external vendor primary id role_of_owner person manager"
_ACCOUNTS = (
    _Rule("accountOwnerEmail", 0.95, ("owner", "email"), _OF_OWNER, "email"),
    _Rule("accountOwnerEmail", 0.90, ("manager", "self role_of_owner", "email"), _OF_OWNER, "email"),
    _Rule("accountOwnerEmail", 0.75, ("manager", "email"), "address", "email"),
    _Rule("accountOwnerEmail", 0.85, ("owner",), _OF_OWNER, "email", must=True),
    _Rule("accountOwnerEmail", 0.80, ("manager", "self role_of_owner"), _OF_OWNER, "email", must=True),
    _Rule("accountOwnerId", 0.90, ("owner", "id"), _OF_OWNER, "id"),
    _Rule("accountOwnerId", 0.80, ("manager", "self role_of_owner", "id"), _OF_OWNER, "id"),
    _Rule("accountOwnerId", 0.70, ("owner",), "self external vendor role_of_owner", "token", must=True),
    _Rule("contactEmail", 0.90, ("email",), "self person primary address billing work admin", "email"),
    _Rule("contactEmail", 0.80, ("emails",), "self person primary address billing", "email", must=True),
    _Rule("contactEmail", 0.80, ("primary", "user", "email"), "self", "email"),
    _Rule("contactEmail", 0.80, ("person",), "self primary billing work admin", "email", must=True),
    _Rule("endUsers", 0.90, ("people user", "email emails"), "end self address", "emails"),
    _Rule("endUsers", 0.85, ("people",), "end self", "emails", must=True),
    _Rule("endUsers", 0.80, ("end", "people"), "self", "emails email"),
    _Rule("endUsers", 0.80, ("emails email",), "end self address person work billing", "emails", must=True),
    _Rule(
        "companyDomain",
        0.95,
        ("site",),
        "self person primary email name address url official work",
        "host hosts link",
    ),
    _Rule("companyDomain", 0.75, ("url",), "self primary official address work", "site", must=True),
    _Rule("externalCustomerId", 0.97, ("external", "id code"), "self", "id"),
    _Rule("externalCustomerId", 0.95, ("self", "id"), "external primary", "id"),
    _Rule("externalCustomerId", 0.90, ("id",), "primary", "id"),
    _Rule("externalCustomerId", 0.85, ("self", "code"), "external id", "id"),
    _Rule("externalCustomerId", 0.80, ("vendor", "id code"), "self external", "id"),
    _Rule("externalCustomerId", 0.55, ("reference",), "", "token", must=True),
    _Rule("externalCustomerId", 0.65, ("self",), "", "token", must=True),
    _Rule("companyName", 0.97, ("self", "name"), "official primary full", "text"),
    _Rule("companyName", 0.90, ("name",), "", "text"),
    _Rule("companyName", 0.85, ("official", "name"), "self full", "text"),
    _Rule("companyName", 0.80, ("self",), "", "text", not_values="token"),
    _Rule("companyName", 0.70, ("title",), "", "text"),
)
_CONTACTS = (
    _Rule("email", 0.95, ("email",), "person user primary address work self", "email"),
    _Rule("email", 0.80, ("emails",), "person user primary address work", "email"),
    _Rule("name", 0.95, ("full", "name"), "person user", "text"),
    _Rule("name", 0.93, ("person user", "name"), "full", "text", not_values="token email"),
    _Rule("name", 0.90, ("name",), "", "text"),
    _Rule("name", 0.85, ("official", "name"), "person user", "text", not_values="token email"),
    _Rule("phone", 0.95, ("phone",), "number person user primary work", "phone number"),
    _Rule("role", 0.90, ("role",), "person user job work name", "text", not_values="email token"),
    _Rule(
        "companyDomain", 0.95, ("self", "site"), "primary email name address url official", "host hosts link"
    ),
    _Rule("companyDomain", 0.80, ("site",), "name email address url", "host hosts link"),
    _Rule("externalCustomerId", 0.90, ("self", "id"), "external vendor associated primary", "id"),
    _Rule("externalCustomerId", 0.80, ("self", "code"), "external vendor associated", "id"),
)
_EVENTS = (
    _Rule("eventTime", 0.95, ("moment",), "happening", "date number"),
    _Rule("eventTime", 0.85, ("made",), "moment happening", "date number"),
    _Rule("eventName", 0.95, ("happening", "name"), "full", "text"),
    _Rule("eventName", 0.90, ("happening",), "", "text"),
    _Rule("eventName", 0.60, ("name",), "", "text"),
    _Rule("accountKey", 0.95, ("self", "id code"), "external vendor primary", "id"),
    _Rule("accountKey", 0.90, ("self", "site"), "primary name url", "site"),
    _Rule("accountKey", 0.70, ("site",), "name", "site", must=True),
    _Rule("accountKey", 0.65, ("self",), "", "token site", must=True),
    _Rule("userId", 0.95, ("user doer person", "id email"), "user doer address", "id email"),
    _Rule("userId", 0.80, ("user doer",), "", "token email", must=True),
    _Rule("userId", 0.60, ("email",), "address", "email", must=True),
)
_RULES = {"accounts": _ACCOUNTS, "contacts": _CONTACTS, "events": _EVENTS}
# Where the name says nothing.
_BY_VALUES = {
    "accounts": {
        "front": ("companyDomain", 0.6),
        "emails": ("endUsers", 0.6),
        "email": ("contactEmail", 0.55),
    },
    "contacts": {"email": ("email", 0.6)},
    "events": {},
}
_LOOK_LIKE = {
    "companyDomain": "domains",
    "accountOwnerEmail": "emails",
    "contactEmail": "emails",
    "endUsers": "lists of emails",
    "email": "emails",
    "externalCustomerId": "ids",
    "accountOwnerId": "ids",
    "phone": "phone numbers",
    "eventTime": "times",
    "accountKey": "domains or ids",
    "userId": "emails or ids",
}
TYPO_COSTS = 0.1
UNSEEN_COSTS = 0.05
CONFIRMED_ADDS = 0.03


def suggest(fields: Iterable[Found], kind: Kind = "accounts", matching: str = "") -> list[Suggestion]:
    """At most one for a field, the surest first; a target may have several fields to choose from.

    For contacts `matching` leaves only the match field that the stream uses.
    """
    unused = {"domain": "externalCustomerId", "external_id": "companyDomain"}.get(matching)
    found = [suggestion for item in fields if (suggestion := _suggest_one(item, kind)) is not None]
    if kind == "contacts":
        found = [suggestion for suggestion in found if suggestion.to != unused]
    return sorted(found, key=lambda suggestion: -suggestion.score)


def _suggest_one(field: Found, kind: Kind) -> Suggestion | None:
    words = _words(field.path)
    examples = [value for value in field.examples if value is not None and value != "" and value != []]
    shapes = shapes_of(examples)
    read = [_read(word) for word in words]
    if read and all(read):
        best = _by_name(field, [part for parts in read for part in parts], shapes, bool(examples), kind)
        if best is not None:
            return best
    elif synonyms.NEVER.isdisjoint(words):
        for shape, (target, score) in _BY_VALUES[kind].items():
            if shape in shapes and not (shape == "email" and colleagues(examples)):
                return Suggestion(field.path, target, score, f"Its values look like {_LOOK_LIKE[target]}.")
    return None


def _by_name(
    field: Found, words: list[_Word], shapes: frozenset[str], seen: bool, kind: Kind
) -> Suggestion | None:
    best: Suggestion | None = None
    typo = next((word for word in words if word.typo), None)
    for rule in _RULES[kind]:
        if not _fits(rule, [word.tags for word in words]):
            continue
        if seen and (
            shapes.isdisjoint(rule.values.split()) or not shapes.isdisjoint(rule.not_values.split())
        ):
            continue
        if rule.must and not seen:
            continue
        score = rule.score - (TYPO_COSTS if typo else 0) + (CONFIRMED_ADDS if seen else -UNSEEN_COSTS)
        if best is None or score > best.score:
            best = Suggestion(
                field.path,
                rule.to,
                round(min(score, 1), 2),
                _reason(field, rule, words, typo, seen, "hosts" in shapes),
            )
    return best


def _fits(rule: _Rule, tags: list[frozenset[str]]) -> bool:
    groups = [group.split() for group in rule.needs]
    known = {tag for group in groups for tag in group}.union(rule.allows.split())
    return (
        len(tags) >= len(groups)
        and all(not word.isdisjoint(known) for word in tags)
        and all(any(not word.isdisjoint(group) for word in tags) for group in groups)
    )


def _reason(
    field: Found, rule: _Rule, words: list[_Word], typo: _Word | None, seen: bool, lists: bool
) -> str:
    last = paths.parse(field.path)[-1] if field.path else ""
    if typo is not None:
        text = f'"{last}" reads like "{typo.meant}", a word for {rule.to}'
    elif "".join(word.meant for word in words) == rule.to.lower():
        text = f'"{last}" has the name of {rule.to}'
    else:
        text = f'"{last}" is another word for {rule.to}'
    look = _LOOK_LIKE.get(rule.to)
    text = f"{text}, and its values look like {look}." if seen and look else f"{text}."
    return f"{text} They are lists: add the transform first." if lists else text


# ---- words ----


class _Word(Struct, frozen=True):
    meant: str
    tags: frozenset[str]
    typo: bool = False


_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+")


def _words(path: str) -> list[str]:
    """Each once, without wrappers, numbers and accents."""
    # Elasticsearch's wrapper; other sources are somebody's.
    segments = [segment for segment in paths.parse(path) if segment != "_source"]
    if segments and "self" in synonyms.tags().get(segments[-1].casefold(), ()):
        # An address names the company that it is the address of.
        segments = [segment for segment in segments if not segment.casefold().endswith("address")]
    plain = unicodedata.normalize("NFKD", " ".join(segments))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    words = list(dict.fromkeys(part.casefold() for part in _PARTS.findall(plain)))
    return [word for word in words if word not in synonyms.DROPPED]


@lru_cache(maxsize=4096)
def _read(word: str) -> tuple[_Word, ...]:
    """The word, or the words run together in it, or the one it is a typo of; nothing if it isn't in our vocabulary."""
    known = synonyms.tags()
    if word in known:
        return (_Word(word, known[word]),)
    if word in synonyms.NOT_TYPOS or word in synonyms.NEVER or len(word) < 5:
        return ()
    if parts := _split(word):
        return tuple(_Word(part, known[part]) for part in parts)
    near = [(OSA.normalized_similarity(word, other), other) for other in known if len(other) >= 5]
    likeness, meant = max(near)
    return (_Word(meant, known[meant], typo=True),) if likeness >= 0.8 else ()


def _split(word: str) -> tuple[str, ...]:
    known = synonyms.tags()
    for end in range(len(word) - 2, 2, -1):
        head, tail = word[:end], word[end:]
        if head in known and (tail in known or tail in synonyms.DROPPED):
            return (head, tail) if tail in known else (head,)
        if head in known and (rest := _split(tail)):
            return (head, *rest)
    return ()


# ---- names of custom fields ----


def field_name(path: str, taken: Collection[str] = ()) -> str:
    """A camelCase name for a field that has no target: `plan.tier` is planTier. `taken` are left alone, in any case."""
    used = {
        name.casefold() for name in (*BUILT_IN, *INGEST_ONLY, *taken, "accountId", "fields", "goneAtSource")
    }
    segments = [str(segment) for segment in paths.parse(path)]
    kept = [segment for segment in segments if segment.casefold() not in synonyms.DROPPED] or segments
    words = _name_words(kept)
    if not words or not words[0][0].isalpha():
        words = ["field", *words]
    stem = (words[0][:1].lower() + words[0][1:] + "".join(word[:1].upper() + word[1:] for word in words[1:]))[
        : limits.FIELD_NAME_CHARS
    ]
    name, number = stem, 2
    while name.casefold() in used:
        name = f"{stem[: limits.FIELD_NAME_CHARS - len(str(number))]}{number}"
        number += 1
    assert is_field_name(name)
    return name


def _name_words(segments: Iterable[str]) -> list[str]:
    spelled = " ".join(segments).replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    plain = re.sub(r"__[cr]\b", "", plain)
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+", plain)
    return [word.lower() for word in words]
