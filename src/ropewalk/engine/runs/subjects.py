"""What the rows of each kind of stream are about: the one place where runs tell accounts from contacts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from ropewalk.engine.runs import account_rows, contact_rows
from ropewalk.engine.runs.account_rows import AccountRows
from ropewalk.engine.runs.apply import Subject
from ropewalk.engine.runs.contact_rows import ContactRows
from ropewalk.engine.runs.stage import Stage
from ropewalk.sources.base import Kind


class About(NamedTuple):
    """`rows(organization, connector, settings, left out, stage)`: for one run. `tracked`: what the mapping names are
    fields of accounts (Settings → Data management). `waits`: rows without an account wait for it."""

    rows: Callable[[UUID, UUID, Any, Collection[str], Stage], Subject]
    link_key: Callable[[Any, dict[str, Any]], bytes]
    tracked: bool = False
    waits: bool = False


ABOUT: Mapping[Kind, About] = {
    "accounts": About(AccountRows, account_rows.link_key, tracked=True),
    "contacts": About(ContactRows, contact_rows.link_key, waits=True),
}
