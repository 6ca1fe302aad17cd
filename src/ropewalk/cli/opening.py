"""Opening the installation that a command works on: its settings, its database, the organization meant."""

from __future__ import annotations

import atexit
import gc
import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from msgspec import Struct, field

from ropewalk.cli.output import Output
from ropewalk.core.actors import Actor
from ropewalk.core.errors import MustFix, Problem, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ropewalk.engine.clock import Clock
    from ropewalk.installation import Installation
    from ropewalk.store.models import Connector, Organization


class WrongUsage(Refused):
    """An argument that names nothing there is; the message lists what there is."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_request", message)


def run_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise WrongUsage(f"{text} is not the id of a run; `ropewalk runs` lists them.") from None


class Called(Struct):
    """How `ropewalk` was called: the options before the command. A command gets it as `context.obj`."""

    data: Path | None = None
    organization: str | None = None
    output: Output = field(default_factory=Output)

    @property
    def actor(self) -> Actor:
        return Actor("cli", str(os.getuid()), _shell_user())

    @property
    def clock(self) -> Clock:
        from ropewalk.engine.clock import SystemClock

        return SystemClock()

    def settings(self) -> Installation:
        """All problems of the environment at once, before Django reads it."""
        from ropewalk.installation import PREFIX, Installation

        if self.data is not None:
            # Processes that this one starts are to open the same installation.
            os.environ[f"{PREFIX}DATA_DIR"] = str(self.data.expanduser().absolute())
        return Installation.load()

    def open(self, *, logging_as: str | None = None) -> Installation:
        """Migrations run forward. `logging_as` is the least level that goes to standard error."""
        installation = self.load(logging_as=logging_as)
        from ropewalk.store import schema, secrets

        schema.migrate()
        secrets.settle_key()
        return installation

    def load(self, *, logging_as: str | None = None) -> Installation:
        """Everything but the database: for whoever looks after one that may be broken."""
        installation = self.settings()
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ropewalk.settings")
        import django

        from ropewalk.engine import logs

        level = installation.log_level
        logs.know(_secrets(installation))
        logs.set_up("error" if logging_as is None and level == "info" else level)
        logs.redact_tracebacks()
        django.setup()
        from ropewalk.store import transactions

        # What is loaded stays: at its end the process needn't look through it for what can go, which takes a tenth of a
        # second. With it stays the connection, which is closed for that.
        gc.freeze()
        atexit.register(transactions.close)
        return installation

    def organization_id(self) -> UUID:
        self.open()
        return self.chosen().id

    def chosen(self) -> Organization:
        from ropewalk.store import people

        there = people.organizations()
        if not there:
            raise MustFix(
                "no_organization",
                "There is no organization here yet. Make one: ropewalk init --organization NAME --owner EMAIL",
            )
        if self.organization is not None:
            for one in there:
                if one.name.casefold() == self.organization.strip().casefold():
                    return one
            raise WrongUsage(f"There is no organization {self.organization}; there is {listed(there)}.")
        if len(there) > 1:
            raise WrongUsage(
                f"Say which organization: ropewalk --organization NAME …; there is {listed(there)}."
            )
        return there[0]

    def connector(self, organization_id: UUID, name: str) -> Connector:
        """By name or by id."""
        from ropewalk.store import connectors

        there = connectors.every(organization_id)
        for one in there:
            if name.strip().casefold() in (one.name.casefold(), str(one.id)):
                return one
        if not there:
            raise WrongUsage(
                "There is no connector here yet. Describe one in a file: ropewalk apply FILE.yaml"
            )
        raise WrongUsage(f"There is no connector {name}; there is {listed(there)}.")


def listed(names: Iterable[Any]) -> str:
    return ", ".join(str(name) for name in names)


def _secrets(installation: Installation) -> Iterable[str]:
    """Of the operator: those that come in a URL count without it as well."""
    yield from installation.given_keys
    for url in (installation.database_url, installation.smtp_url, installation.proxy):
        if url is not None:
            yield url.get_secret_value()
            yield unquote(urlsplit(url.get_secret_value()).password or "")


def _shell_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def problem(path: str, message: str) -> MustFix:
    return MustFix("invalid", message, [Problem(path, message)])
