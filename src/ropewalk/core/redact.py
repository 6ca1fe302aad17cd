"""Secrets out of whatever is written down: by value in every form a secret travels in, and by the name it goes under."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

SHORTEST = 4
"""Shorter secrets can't be told from ordinary text; they are redacted by name only."""

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
        forms = sorted(
            {form for secret in known for form in _forms(secret)}, key=lambda form: (-len(form), form)
        )
        self.marker = _marker(known)
        self._pattern = re.compile("|".join(map(_spellings, forms))) if forms else None

    def text(self, text: str) -> str:
        """Without any of the secrets: as they are, in base64, URL-encoded or JSON-escaped, alone or inside."""
        if self._pattern is None:
            return text
        return self._pattern.sub(self.marker, text)

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
    """A character as it is, or URL-encoded, or escaped in JSON."""
    data = character.encode("utf-8", "surrogatepass")
    ways = [re.escape(character), "".join(f"%{_hex(f'{byte:02x}')}" for byte in data)]
    units = character.encode("utf-16-be", "surrogatepass")
    ways.append("".join(rf"\\u{_hex(units[i : i + 2].hex())}" for i in range(0, len(units), 2)))
    if character == " ":
        ways.append(r"\+")
    if character in _JSON_ESCAPES:
        ways.append(re.escape("\\" + _JSON_ESCAPES[character]))
    return f"(?:{'|'.join(reversed(ways))})"


_JSON_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


def _hex(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)
