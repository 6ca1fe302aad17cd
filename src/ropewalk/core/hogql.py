"""Expressions in HogQL, PostHog's SQL, that an admin writes: one read-only expression over an event, or a refusal
(sources.md §6, decision 005).

What is accepted is a small language of its own: fields of an event, literals, operators, and functions that are named
here. It has no queries, no placeholders, no lambdas, no templates, no tags and no comments, and what is sent is written
anew from what has been understood, so that PostHog can't understand anything else by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

CHARS: Final = 1_000
_DEPTH: Final = 40

FIELDS: Final = (
    "event", "properties", "timestamp", "created_at", "uuid", "distinct_id", "elements_chain", "person", "person_id",
    "session", "$session_id", *(f"group_{place}" for place in range(5)), *(f"$group_{place}" for place in range(5)),
)  # fmt: skip

FUNCTIONS: Final = (
    "abs", "and", "arrayElement", "ceil", "coalesce", "concat", "cutToFirstSignificantSubdomain", "cutWWW", "dateDiff",
    "domain", "domainWithoutWWW", "empty", "endsWith", "equals", "extract", "floor", "greatest", "has", "if", "ifNull",
    "isNotNull", "isNull", "JSONExtractBool", "JSONExtractFloat", "JSONExtractInt", "JSONExtractRaw",
    "JSONExtractString", "JSONHas", "least", "left", "length", "like", "lower", "match", "multiIf", "not", "notEmpty",
    "now", "nullIf", "or", "path", "position", "replace", "replaceAll", "replaceOne", "right", "round", "splitByChar",
    "splitByString", "startsWith", "substring", "toBool", "toDate", "toDateTime", "toFloat", "toInt", "toStartOfDay",
    "toStartOfHour", "toStartOfMonth", "toStartOfWeek", "toString", "today", "topLevelDomain", "toUnixTimestamp", "trim",
    "tupleElement", "upper",
)  # fmt: skip

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<text>'(?:[^'\\\x00]|\\['\\]|'')*')
    |(?P<number>(?:[0-9]+(?:\.[0-9]+)?)(?![0-9A-Za-z_$.]))
    |(?P<quoted>`[^`\\\x00]+`|"[^"\\\x00]+")
    |(?P<name>[A-Za-z_$][A-Za-z0-9_$]*(?!['"`]))
    |(?P<sign><>|<=|>=|!=|==|\|\||[=<>+*%(),.\[\]]|-(?!-)|/(?![/*]))""",
    re.VERBOSE,
)
_COMPARISONS = ("=", "==", "!=", "<>", "<", "<=", ">", ">=")
_WORDS = frozenset({"and", "or", "not", "in", "is", "null", "like", "ilike", "between", "true", "false"})


class Token(NamedTuple):
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """In lower case, where it is one of the language's own."""
        folded = self.text.lower()
        return folded if self.kind == "name" and folded in _WORDS else ""


def expression(text: str) -> str:
    """The same expression, written by us. A ValueError says what is wrong with it."""
    if len(text) > CHARS:
        raise ValueError(f"an expression has at most {CHARS} characters")
    return _Parser(text).whole()


def literal(text: str) -> str:
    """A text as HogQL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"“{text[at : at + 12]}” can’t stand here, at character {at + 1}")
        if found.lastgroup != "space":
            yield Token(found.lastgroup or "", found[0], at)
        at = found.end()
    yield Token("end", "", at)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._depth = 0

    # ---- tokens ----

    @property
    def _now(self) -> Token:
        return self._tokens[self._place]

    def _next(self) -> Token:
        token = self._now
        self._place += token.kind != "end"
        return token

    def _is_sign(self, *signs: str) -> bool:
        return self._now.kind == "sign" and self._now.text in signs

    def _take_sign(self, sign: str) -> None:
        if not self._is_sign(sign):
            raise self._unexpected(f"“{sign}” is missing")
        self._next()

    def _take_word(self, *words: str) -> str:
        """Empty where it isn't one of these."""
        return self._next().text.upper() if self._now.word in words else ""

    def _unexpected(self, why: str = "an expression was expected") -> ValueError:
        token = self._now
        what = f"“{token.text[:40]}” can’t stand" if token.text else "it ends"
        return ValueError(f"{what} at character {token.at + 1}: {why}")

    # ---- the language ----

    def whole(self) -> str:
        found = self._any_of()
        if self._now.kind != "end":
            raise self._unexpected("the expression was over before")
        return found

    def _any_of(self) -> str:
        self._depth += 1
        if self._depth > _DEPTH:
            raise ValueError(f"an expression is at most {_DEPTH} levels deep")
        found = self._all_of()
        while self._take_word("or"):
            found += f" OR {self._all_of()}"
        self._depth -= 1
        return found

    def _all_of(self) -> str:
        found = self._negated()
        while self._take_word("and"):
            found += f" AND {self._negated()}"
        return found

    def _negated(self) -> str:
        nots = ""
        while self._take_word("not"):
            nots += "NOT "
        return nots + self._compared()

    def _compared(self) -> str:
        found = self._summed()
        if self._now.kind == "sign" and self._now.text in _COMPARISONS:
            return f"{found} {self._next().text} {self._summed()}"
        if self._take_word("is"):
            nots = "NOT " if self._take_word("not") else ""
            if not self._take_word("null"):
                raise self._unexpected("NULL was expected")
            return f"{found} IS {nots}NULL"
        nots = "NOT " if self._take_word("not") else ""
        if word := self._take_word("like", "ilike"):
            return f"{found} {nots}{word} {self._summed()}"
        if self._take_word("in"):
            return f"{found} {nots}IN {self._values()}"
        if self._take_word("between"):
            low = self._summed()
            if not self._take_word("and"):
                raise self._unexpected("AND was expected")
            return f"{found} {nots}BETWEEN {low} AND {self._summed()}"
        if nots:
            raise self._unexpected("LIKE, IN or BETWEEN was expected")
        return found

    def _summed(self) -> str:
        found = self._multiplied()
        while self._is_sign("+", "-", "||"):
            found += f" {self._next().text} {self._multiplied()}"
        return found

    def _multiplied(self) -> str:
        found = self._signed()
        while self._is_sign("*", "/", "%"):
            found += f" {self._next().text} {self._signed()}"
        return found

    def _signed(self) -> str:
        if not self._is_sign("-"):
            return self._single()
        self._next()
        # Two in a row would begin a comment.
        return f"- {self._single()}"

    def _single(self) -> str:
        token = self._now
        if token.kind in ("text", "number"):
            return self._next().text
        if word := self._take_word("true", "false", "null"):
            return word
        if self._is_sign("("):
            self._next()
            found = f"({self._any_of()}"
            self._take_sign(")")
            return found + ")"
        if token.kind == "name" and not token.word:
            self._next()
            return self._called(token) if self._is_sign("(") else self._field(token)
        raise self._unexpected()

    def _values(self) -> str:
        self._take_sign("(")
        found = self._listed(")")
        if not found:
            raise self._unexpected("a list of values was expected")
        return f"({found})"

    def _called(self, name: Token) -> str:
        if name.text not in FUNCTIONS:
            raise ValueError(f"{name.text} is no function that may be used; there are {', '.join(FUNCTIONS)}")
        self._next()
        return f"{name.text}({self._listed(')')})"

    def _listed(self, end: str) -> str:
        if self._is_sign(end):
            self._next()
            return ""
        found = [self._any_of()]
        while self._is_sign(","):
            self._next()
            found.append(self._any_of())
        self._take_sign(end)
        return ", ".join(found)

    def _field(self, name: Token) -> str:
        if name.text not in FIELDS:
            raise ValueError(f"{name.text} is no field of an event; there are {', '.join(FIELDS)}")
        found = name.text
        while self._is_sign(".", "["):
            if self._next().text == ".":
                found += self._member(self._next())
            else:
                if self._now.kind not in ("text", "number"):
                    raise self._unexpected("a name in quotes was expected")
                found += f"[{self._next().text}]"
                self._take_sign("]")
        return found

    def _member(self, name: Token) -> str:
        if name.kind == "name":
            return f".{name.text}" if not name.word else f"[{literal(name.text)}]"
        if name.kind == "quoted":
            return f"[{literal(name.text[1:-1])}]"
        raise ValueError(f"“{name.text[:40]}” at character {name.at + 1} is no name of a property")
