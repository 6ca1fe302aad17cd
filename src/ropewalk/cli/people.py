"""`init`, `users`, `keys`: who may do what. Passwords and keys are printed once, and never taken from the command line."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ropewalk.cli import exits
from ropewalk.cli.opening import Called, WrongUsage
from ropewalk.core.errors import MustFix

if TYPE_CHECKING:
    from uuid import UUID

    from ropewalk.store.models import ApiKey, Member

commands = typer.Typer()
users = typer.Typer(help="The members of the organization.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
commands.add_typer(users, name="users")
commands.add_typer(keys, name="keys")

PASSWORD = "ROPEWALK_PASSWORD"
EVERY_SCOPE = ("read", "write", "ingest", "admin")

Prompt = Annotated[
    bool,
    typer.Option(
        "--prompt", help=f"Type the password; it is made otherwise, or read from {PASSWORD}[_FILE]."
    ),
]
Email = Annotated[str, typer.Argument(help="The email address they sign in with.")]


def given_password(prompt: bool) -> str | None:
    """From the environment, a file or the keyboard; None: one is made."""
    text, path = os.environ.get(PASSWORD), os.environ.get(f"{PASSWORD}_FILE")
    if prompt:
        first = _typed("Password: ")
        if sys.stdin.isatty() and _typed("Once more: ") != first:
            raise MustFix("passwords_differ", "The two are not the same; nothing was changed.")
        return first
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            message = f"The file that {PASSWORD}_FILE names can't be read."
            raise MustFix("invalid_password", message, detail=repr(error)) from None
    return text or None


def _typed(prompt: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.readline().rstrip("\n")


# ---- init ----


@commands.command()
def init(
    context: typer.Context,
    organization: Annotated[str, typer.Option(metavar="NAME", help="The name of the new organization.")],
    owner: Annotated[str, typer.Option(metavar="EMAIL", help="The email address of its owner.")],
    api_key: Annotated[
        bool, typer.Option("--api-key", help="Make an API key as well, with every scope.")
    ] = False,
    prompt: Prompt = False,
) -> int:
    """Create an organization and its owner. The password, and the key, are printed once."""
    called: Called = context.obj
    password = given_password(prompt)
    called.open()
    from ropewalk.api import schemas
    from ropewalk.engine.members import people

    made = people.create_organization(organization, owner, password, called.actor, called.clock)
    key = None
    if api_key:
        key = people.create_key(made.organization.id, called.actor, "init", EVERY_SCOPE, None, called.clock)
    new_password = made.password if password is None else None
    if called.output.as_json:
        called.output.answer(
            {
                "organization": schemas.organization(made.organization),
                "owner": schemas.new_member(made.owner, new_password),
                "api_key": schemas.new_api_key(*key) if key else None,
            }
        )
        return exits.DONE
    called.output.say(f"Organization: {made.organization.name}")
    called.output.say(f"Owner:        {made.owner.user.email}")
    _say_password(called, made.owner, made.password, given=password is not None)
    if key:
        called.output.say(f"API key:      {key[1]}")
    return exits.DONE


def _say_password(called: Called, member: Member, password: str | None, *, given: bool) -> None:
    if password is None:
        called.output.say(f"{member.user.email} was a user before, and keeps their password.")
    elif not given:
        called.output.say(f"Password:     {password}")
        called.output.note("It is shown this once; only a hash of it is kept.")


# ---- users ----


@users.command("list")
def list_users(context: typer.Context) -> int:
    """List the members and their roles."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas

    found = _members(organization_id)
    if called.output.as_json:
        called.output.answer({"items": [schemas.member(one) for one in found], "next_cursor": None})
    called.output.table(
        ("email", "name", "role", "since"),
        [(one.user.email, one.user.name, one.role, one.created_at.date()) for one in found],
    )
    return exits.DONE


@users.command("add")
def add_user(
    context: typer.Context,
    email: Email,
    role: Annotated[str, typer.Option(help="owner, admin or member.")] = "member",
    name: Annotated[str, typer.Option(help="Their name.")] = "",
    prompt: Prompt = False,
) -> int:
    """Add a member. A new user's password is printed once."""
    called: Called = context.obj
    password = given_password(prompt)
    organization_id = called.organization_id()
    from ropewalk.api import schemas
    from ropewalk.engine.members import people

    added = people.add_user(
        organization_id, called.actor, email, role, called.clock, name=name, password=password
    )
    if called.output.as_json:
        called.output.answer(schemas.new_member(added.member, added.password if password is None else None))
        return exits.DONE
    called.output.say(f"{added.member.user.email} is {added.member.role} now.")
    _say_password(called, added.member, added.password, given=password is not None)
    return exits.DONE


@users.command("role")
def set_role(
    context: typer.Context, email: Email, role: Annotated[str, typer.Argument(help="owner, admin or member.")]
) -> int:
    """Give a member another role."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas
    from ropewalk.engine.members import people

    member = people.set_role(
        organization_id, called.actor, _member(organization_id, email).id, role, called.clock
    )
    if called.output.as_json:
        called.output.answer(schemas.member(member))
    called.output.say(f"{member.user.email} is {member.role} now.")
    return exits.DONE


@users.command("password")
def set_password(context: typer.Context, email: Email, prompt: Prompt = False) -> int:
    """Give a member a new password, printed once unless you gave it."""
    called: Called = context.obj
    password = given_password(prompt)
    organization_id = called.organization_id()
    from ropewalk.engine.members import passwords

    member = _member(organization_id, email)
    chosen = passwords.set_password(organization_id, called.actor, member.id, called.clock, password=password)
    if called.output.as_json:
        called.output.answer({"email": member.user.email, "password": None if password else chosen})
        return exits.DONE
    called.output.say(f"{member.user.email} has a new password.")
    _say_password(called, member, chosen, given=password is not None)
    return exits.DONE


@users.command("invite")
def invite(
    context: typer.Context,
    email: Email,
    role: Annotated[str, typer.Option(help="owner, admin or member.")] = "member",
) -> int:
    """Make a link by which somebody joins. It works once, for a week."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas
    from ropewalk.engine.members import invitations
    from ropewalk.engine.operated import installation

    made, token = invitations.invite(organization_id, called.actor, email, role, called.clock)
    link = installation().link(f"{invitations.PATH}{token}")
    if called.output.as_json:
        called.output.answer(schemas.new_invitation(made, link))
        return exits.DONE
    called.output.say(link)
    called.output.note(
        f"Whoever has it becomes {made.role} as {made.email}. It is shown this once, works once, and for "
        f"{invitations.DAYS} days."
    )
    return exits.DONE


@users.command("reset")
def reset(context: typer.Context, email: Email) -> int:
    """Make a link to a new password. It works once, for a day."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas
    from ropewalk.engine.members import passwords
    from ropewalk.engine.operated import installation

    member = _member(organization_id, email)
    made = passwords.make_reset_link(organization_id, called.actor, member.id, called.clock)
    link = installation().link(f"{passwords.PATH}{made.token}")
    if called.output.as_json:
        called.output.answer(schemas.reset_link(made, link))
        return exits.DONE
    called.output.say(link)
    called.output.note(
        f"Whoever has it can be {member.user.email}. It is shown this once, works once, and for "
        f"{passwords.RESET_HOURS} hours. All their sessions end with it."
    )
    return exits.DONE


@users.command("sign-out")
def sign_out(context: typer.Context, email: Email) -> int:
    """End all sessions of a member, everywhere and at once."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.engine.members import signin

    member = _member(organization_id, email)
    signin.sign_out_everywhere(organization_id, called.actor, member.id, called.clock)
    if called.output.as_json:
        called.output.answer({})
    called.output.say(f"{member.user.email} is signed out everywhere.")
    return exits.DONE


@users.command("remove")
def remove_user(context: typer.Context, email: Email) -> int:
    """Take somebody out of the organization."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.engine.members import people

    member = _member(organization_id, email)
    people.remove_member(organization_id, called.actor, member.id, called.clock)
    if called.output.as_json:
        called.output.answer({})
    called.output.say(f"{member.user.email} is no member any more.")
    return exits.DONE


def _members(organization_id: UUID) -> list[Member]:
    from ropewalk.store import people

    found, cursor = [], None
    while True:
        page = people.members(organization_id, limit=500, cursor=cursor)
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found


def _member(organization_id: UUID, email: str) -> Member:
    from ropewalk.store import people

    found = people.member_by_email(organization_id, email)
    if found is None:
        there = ", ".join(one.user.email for one in _members(organization_id)[:10])
        raise WrongUsage(f"{email} is no member of this organization; there is {there}.")
    return found


# ---- keys ----


@keys.command("list")
def list_keys(context: typer.Context) -> int:
    """List the API keys; their text is nowhere."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas

    found = _keys(organization_id)
    if called.output.as_json:
        called.output.answer({"items": [schemas.api_key(one) for one in found], "next_cursor": None})
    called.output.table(
        ("id", "name", "begins", "scopes", "made", "used", "state"),
        [
            (
                one.id,
                one.name,
                one.prefix,
                " ".join(one.scopes),
                one.created_at.date(),
                one.last_used_at.date() if one.last_used_at else None,
                _state(one, called.clock.now()),
            )
            for one in found
        ],
    )
    return exits.DONE


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "live"


@keys.command("create")
def create_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read, write, ingest, admin; may be repeated.")
    ] = None,
    expires_in: Annotated[int | None, typer.Option(metavar="DAYS", min=1, max=3_650)] = None,
) -> int:
    """Make an API key, printed once."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas
    from ropewalk.engine.members import people

    ends = called.clock.now() + timedelta(days=expires_in) if expires_in else None
    key, text = people.create_key(organization_id, called.actor, name, scope or ["read"], ends, called.clock)
    if called.output.as_json:
        called.output.answer(schemas.new_api_key(key, text))
        return exits.DONE
    called.output.say(text)
    called.output.note(f"The key {key.name} has the scopes {', '.join(key.scopes)}. It is shown this once.")
    return exits.DONE


@keys.command("revoke")
def revoke_key(
    context: typer.Context, key: Annotated[str, typer.Argument(help="Its id, its name, or how it begins.")]
) -> int:
    """Revoke an API key, at once and everywhere."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas
    from ropewalk.engine.members import people

    live = [one for one in _keys(organization_id) if one.revoked_at is None]
    meant = [one for one in live if key in (str(one.id), one.name, one.prefix)]
    if len(meant) != 1:
        there = ", ".join(f"{one.name} ({one.id})" for one in meant or live) or "no live key"
        problem = f"{len(meant)} keys are called {key}" if meant else f"There is no live key {key}"
        raise WrongUsage(f"{problem}; there is {there}.")
    revoked = people.revoke_key(organization_id, called.actor, meant[0].id, called.clock)
    if called.output.as_json:
        called.output.answer(schemas.api_key(revoked))
    called.output.say(f"The key {revoked.name} is revoked.")
    return exits.DONE


def _keys(organization_id: UUID) -> list[ApiKey]:
    from ropewalk.store import keys

    found, cursor = [], None
    while True:
        page = keys.listing(organization_id, limit=500, cursor=cursor)
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found
