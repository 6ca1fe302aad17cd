"""What an actor may do by their role: the doors ask first and say it kindly, the verbs ask again."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.core.errors import Refused
from ropewalk.store import keys, people
from ropewalk.store.models import Member

_RANKS: Final = {"member": 0, "admin": 1, "owner": 2}
_KEY_RANK: Final = _RANKS["admin"]


def is_self(actor: Actor, member: Member) -> bool:
    return actor.type == "user" and actor.id == str(member.user_id)


def require_admin(organization_id: UUID, actor: Actor) -> None:
    if _rank(organization_id, actor) < _RANKS["admin"]:
        raise Refused("admin_required", "Only an admin or an owner can do this. Ask one of the organization.")


def require(organization_id: UUID, actor: Actor, *, over: str) -> None:
    """To do something to members of this role, or to make somebody one: an admin does; to owners an owner alone, and
    no key."""
    if over == "owner" and _rank(organization_id, actor) < _RANKS["owner"]:
        raise Refused(
            "owner_required", "Only an owner can do this to an owner. Ask an owner of the organization."
        )
    require_admin(organization_id, actor)


def require_over(actor: Actor, user_id: UUID) -> None:
    """Whoever can set somebody's password can be them: so nobody can who stands below them in any of their
    organizations, or outside of one."""
    for one in people.memberships(user_id):
        if _rank(one.organization_id, actor) < _RANKS[one.role]:
            raise Refused(
                "outranked",
                "This person is an owner, or belongs to an organization in which you can't do this. They can change "
                "their password themselves, or whoever runs this installation can make a link: "
                "`ropewalk users reset EMAIL`.",
            )


def _rank(organization_id: UUID, actor: Actor) -> int:
    """Below all roles for who is outside. Whoever has the installation's shell stands above them; a key was made by
    an admin, and has shown its scopes at the door."""
    if actor.type in ("cli", "system"):
        return max(_RANKS.values())
    if actor.type == "api_key":
        return _KEY_RANK if keys.is_live(organization_id, UUID(actor.id)) else -1
    found = people.membership(organization_id, UUID(actor.id))
    return -1 if found is None else _RANKS[found.role]
