"""A form of a page as a browser without scripts has it: what it would send, to be changed and sent."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

from tests.web.conftest import Browser


class _Form(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.inside = False
        self.sent: dict[str, list[str]] = {}
        self.buttons: list[str] = []
        self.select = ""
        self.textarea = ""

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        if tag == "form":
            self.inside = attributes.get("id") == self.form_id
        name = attributes.get("name", "")
        if not self.inside:
            return
        match tag:
            case "input" if attributes.get("type") == "checkbox":
                if "checked" in attributes:
                    self.sent.setdefault(name, []).append(attributes.get("value", "on"))
            case "input":
                self.sent.setdefault(name, []).append(attributes.get("value", ""))
            case "select":
                self.select = name
            case "option" if self.select and (self.select not in self.sent or "selected" in attributes):
                self.sent[self.select] = [attributes.get("value", "")]
            case "textarea":
                self.textarea = name
                self.sent[name] = [""]
            case "button" if name == "do":
                self.buttons.append(attributes["value"])

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.sent[self.textarea] = [data]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.textarea = ""


class Sent:
    """`wrong` is what the page says is wrong, by the label of the field that it is said at."""

    def __init__(self, browser: Browser, path: str, form_id: str = "setup") -> None:
        self.browser = browser
        self.path = path
        self.form_id = form_id
        self._shown(browser.get(path))

    def _shown(self, answer: Any) -> None:
        self.answer = answer
        self.status = answer.status_code
        self.html = answer.content.decode()
        form = _Form(self.form_id)
        form.feed(self.html)
        self.fields, self.buttons = form.sent, form.buttons

    def do(self, verb: str, **changes: str | None) -> Sent:
        """`changes` by the names of inputs, `__` standing for a dot and `_v_` for a colon; None takes one away."""
        for name, value in changes.items():
            key = name.replace("_v_", ":").replace("__", ".")
            if value is None:
                self.fields.pop(key, None)
            else:
                self.fields[key] = [value]
        self._shown(self.browser.post(self.path, {**self.fields, "do": verb}))
        return self

    @property
    def wrong(self) -> dict[str, str]:
        summary = re.search(r"<ul>(.*?)</ul>", self.html.partition('role="alert"')[2], re.DOTALL)
        told = re.findall(r'<li><a href="#[^"]+">(.*?)</a>: (.*?)</li>', summary[1] if summary else "")
        found: dict[str, str] = {}
        for label, error in told:
            found[unescape(label)] = " ".join(filter(None, (found.get(unescape(label)), unescape(error))))
        return found

    @property
    def said(self) -> str:
        """The first alert, as one reads it."""
        alert = self.html.partition('role="alert"')[2].partition("</div></div>")[0].partition(">")[2]
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", alert)).split())
