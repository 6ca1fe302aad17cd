"""The `Link` header (RFC 8288)."""

from __future__ import annotations

import re

_PARAM_NAME, _QUOTED = r"[\w!#$%&'*+.^`|~-]+", r'"(?:[^"\\]|\\.)*"'
_LINK = re.compile(rf"<([^<>]*)>((?:\s*;\s*{_PARAM_NAME}(?:\s*=\s*(?:{_QUOTED}|[^\s\",;]*))?)*)", re.ASCII)
_LINK_PARAM = re.compile(rf";\s*({_PARAM_NAME})(?:\s*=\s*({_QUOTED}|[^\s\",;]*))?", re.ASCII)


def next_link(header: str) -> str | None:
    """The target of the first link with `rel="next"`."""
    for target, params in _LINK.findall(header):
        for name, value in _LINK_PARAM.findall(params):
            if name.lower() == "rel" and "next" in value.strip('"').lower().split():
                return str(target)
    return None
