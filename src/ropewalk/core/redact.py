"""Secrets out of whatever is written down: by value in every form a secret travels in, and by the name it goes under."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote

SHORTEST = 4
"""Shorter secrets can't be told from ordinary text; they are redacted by name only."""

HEAD = 64
"""So many characters of a secret are looked for by an expression. One for all of a long secret would take seconds to
compile; what follows is compared where the head was found."""

_NAME = re.compile(
    r"authori[sz]ation|cookie|passw(or)?d|passphrase|secret|credential|bearer|signature|jwt"
    r"|(api|access|private|auth|subscription|account|app|application|client|master|service|shared|write|read)key"
    r"|^(auth|key|pwd|pass|sig|sid|session(id)?)$"
    r"|(^|auth|access|refresh|id|api|bearer|session|csrf|xsrf|security|personal|private|user|app|client|bot)token$"
)
_PARAMETER = re.compile(r"([?&;]([^=&;#\s\"'<>]+)=)[^&;#\s\"'<>]*")
_MARKERS = ("***", "•••")


def is_secret_name(name: str) -> bool:
    """Whether a header, a parameter or a key of this name holds a credential."""
    return _NAME.search(re.sub(r"[^a-z0-9]", "", name.lower())) is not None


def named_secrets(value: Any) -> Iterator[str]:
    """The texts in a structure that are called like a secret, and whatever stands under `secrets`."""
    if isinstance(value, list):
        for item in value:
            yield from named_secrets(item)
    if not isinstance(value, Mapping):
        return
    for name, item in value.items():
        if isinstance(item, str) and is_secret_name(str(name)):
            yield item
        elif name == "secrets" and isinstance(item, Mapping):
            yield from (text for text in item.values() if isinstance(text, str))
        else:
            yield from named_secrets(item)


class Redactor:
    """Knows a set of secrets; has no other state, and may be shared by threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= SHORTEST}
        # The longest first: a secret may be a part of another.
        self._forms = sorted(
            {form for secret in known for form in _forms(secret)}, key=lambda form: (-len(form), form)
        )
        self._long = [form for form in self._forms if len(form) > HEAD]
        self.marker = _marker(known)

    @cached_property
    def _heads(self) -> re.Pattern[str]:
        return re.compile("|".join({_spellings(form[:HEAD]): None for form in self._long}))

    @cached_property
    def _short(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_spellings, self._forms[len(self._long) :])))

    def text(self, text: str) -> str:
        """Without any of the secrets: as they are, in base64, URL-encoded or JSON-escaped, alone or inside."""
        if self._long:
            text = self._without_long(text)
        return self._short.sub(self.marker, text) if len(self._forms) > len(self._long) else text

    def _without_long(self, text: str) -> str:
        pieces, taken, start = [], 0, 0
        while found := self._heads.search(text, start):
            end = max(_end(form, text, found.start()) for form in self._long)
            start = found.start() + 1
            if end:
                pieces += [text[taken : found.start()], self.marker]
                taken = start = end
        return "".join([*pieces, text[taken:]])

    def quote(self, text: str) -> str:
        """For a message: also without what parameters carry that are called like a secret of somebody else's."""
        return _PARAMETER.sub(self._by_name, self.text(text))

    def _by_name(self, found: re.Match[str]) -> str:
        return f"{found[1]}{self.marker}" if is_secret_name(unquote(found[2])) else found[0]

    def values(self, value: Any) -> Any:
        """A structure without the secrets, whatever they are called; customers' data is otherwise left alone."""
        return self._walk(value, by_name=False)

    def redact(self, value: Any) -> Any:
        """A structure without the secrets, and without what is called like one. For logs."""
        return self._walk(value, by_name=True)

    def _walk(self, value: Any, *, by_name: bool) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self._walk(key, by_name=by_name): self.marker
                if by_name and item is not None and isinstance(key, str) and is_secret_name(key)
                else self._walk(item, by_name=by_name)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._walk(item, by_name=by_name) for item in value]
        if isinstance(value, bytes | bytearray | memoryview):
            data = bytes(value)
            return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if value is None or isinstance(value, bool):
            return value
        shown = self.text(str(value))
        # Numbers and the like stay what they are, unless they are a secret.
        return value if shown == str(value) else shown


def _marker(secrets: Iterable[str]) -> str:
    """One that shares no character with any secret, so that it can't become part of one beside its neighbours."""
    characters = set(itertools.chain.from_iterable(secrets))
    private_use = (chr(code) for code in range(0xE000, 0xF8FF))
    return next(marker for marker in itertools.chain(_MARKERS, private_use) if characters.isdisjoint(marker))


def _forms(secret: str) -> Iterable[str]:
    yield secret
    data = secret.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Inside something longer ("user:secret") it may begin at each of three places of a group; what its
        # neighbours decide at either end is cut off.
        for before in range(3):
            encoded = encode(bytes(before) + data).decode()
            yield encoded[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]


def _spellings(form: str) -> str:
    return "".join(map(_spelling, form))


def _spelling(character: str) -> str:
    hexadecimal, exact = _ways(character)
    return f"(?:{'|'.join([*map(_in_either_case, hexadecimal), *map(re.escape, exact)])})"


def _end(form: str, text: str, start: int) -> int:
    """Where the form ends that begins there, whichever way each of its characters is written; 0 if it doesn't."""
    ends = {start}
    for character in form:
        hexadecimal, exact = _ways(character)
        ends = {end + len(way) for end in ends for way in exact if text.startswith(way, end)} | {
            end + len(way) for end in ends for way in hexadecimal if text[end : end + len(way)].lower() == way
        }
    return max(ends, default=0)


def _ways(character: str) -> tuple[list[str], list[str]]:
    """URL-encoded or escaped by its number in JSON; otherwise escaped, and as it is."""
    units = character.encode("utf-16-be", "surrogatepass")
    hexadecimal = [
        "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)),
        "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass")),
    ]
    escaped = ["\\" + _JSON_ESCAPES[character]] if character in _JSON_ESCAPES else []
    return hexadecimal, [*escaped, *("+" * (character == " ")), character]


_JSON_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


def _in_either_case(way: str) -> str:
    return re.sub("[a-f]", lambda digit: f"[{digit[0]}{digit[0].upper()}]", re.escape(way))
