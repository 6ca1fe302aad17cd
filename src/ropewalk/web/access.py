"""Who is at the page, and what they may: the one seam between pages and sign-in. Every view is `open_to` somebody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails
from msgspec import Struct

from ropewalk.core.actors import Actor
from ropewalk.core.errors import NotFound, Refused
from ropewalk.engine.members import signin
from ropewalk.engine.operated import clock
from ropewalk.store import people
from ropewalk.store.models import Member, Organization, User
from ropewalk.web import pages

Somebody = Literal["everybody", "member", "admin", "owner"]

_RANKS: Final = ("member", "admin", "owner")
_ORGANIZATION: Final = "organization"
_REFUSALS: Final = {
    "admin": "Only admins and owners of {organization} can do this. Ask one of them, or to be made an admin.",
    "owner": "Only owners of {organization} can do this. Ask one of them.",
}


class Access(Struct, frozen=True):
    """`memberships`: in all organizations that the user belongs to."""

    user: User
    member: Member
    memberships: Sequence[Member]
    ip: str

    @property
    def organization(self) -> Organization:
        return self.member.organization

    @property
    def organization_id(self) -> UUID:
        return self.member.organization_id

    @property
    def actor(self) -> Actor:
        return signin.actor(self.user, self.ip)

    @property
    def is_admin(self) -> bool:
        return self.may("admin")

    @property
    def is_owner(self) -> bool:
        return self.may("owner")

    def may(self, role: Somebody) -> bool:
        return role == "everybody" or _RANKS.index(self.member.role) >= _RANKS.index(role)

    def why_not(self, role: Somebody) -> str:
        """What stands beside what somebody may not do; empty where they may."""
        return "" if self.may(role) else _REFUSALS[role].format(organization=self.organization)


class Visit(HttpRequest):
    htmx: HtmxDetails


class Signed(Visit):
    """A request of somebody who is signed in, and may what the view is about."""

    access: Access


_View = Callable[..., HttpResponseBase]


def open_to(somebody: Somebody, *methods: str) -> Callable[[_View], _View]:
    """`methods` are GET where none are given; GET takes HEAD along. tests/web asks every view for what this notes."""
    taken = methods or ("GET",)

    def opened(view: _View) -> _View:
        @wraps(view)
        def guarded(request: Any, /, **parts: Any) -> HttpResponseBase:
            if ("GET" if request.method == "HEAD" else request.method) not in taken:
                return HttpResponseNotAllowed(taken)
            if somebody == "everybody":
                return view(request, **parts)
            access = _access(request)
            if access is None:
                return _to_sign_in(request)
            request.access = access
            if why := access.why_not(somebody):
                raise Refused("permission_denied", why)
            with timezone.override(ZoneInfo(access.organization.time_zone)):
                return view(request, **parts)

        guarded.open_to = somebody  # type: ignore[attr-defined]
        guarded.methods = taken  # type: ignore[attr-defined]
        return guarded

    return opened


def _access(request: HttpRequest) -> Access | None:
    if not request.user.is_authenticated:
        return None
    mine = people.memberships(request.user.id)
    if not mine:
        logout(request)
        pages.toast(
            request,
            "You belong to no organization here any more. Ask an admin of yours to invite you.",
            "warning",
        )
        return None
    chosen = request.session.get(_ORGANIZATION)
    member = next((each for each in mine if str(each.organization_id) == chosen), mine[0])
    return Access(request.user, member, mine, address(request))


def address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR") or "")


def _to_sign_in(request: Visit) -> HttpResponse:
    asked = request.htmx.current_url_abs_path if request.htmx else request.get_full_path()
    after = asked if asked and request.method in ("GET", "HEAD") and asked != reverse("home") else ""
    return pages.to_path(request, reverse("sign-in") + (f"?{urlencode({'next': after})}" if after else ""))


def after_sign_in(request: HttpRequest) -> str:
    """Where somebody wanted to go; to pages of ours only."""
    wanted = str(request.POST.get("next") or request.GET.get("next") or "")
    inside = wanted.startswith(reverse("home")) and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts=None
    )
    return wanted if inside else reverse("home")


def sign_in(request: HttpRequest, email: str, password: str) -> None:
    """The one way in. A new session: what was in an older one's cookie is worth nothing."""
    login(request, signin.sign_in(email, password, address=address(request), clock=clock()))


def sign_out(request: HttpRequest) -> None:
    if isinstance(request.user, User):
        signin.sign_out(request.user, address=address(request), clock=clock())
    logout(request)


def drop(request: HttpRequest) -> None:
    """A session that has ended already."""
    logout(request)


def stay(request: HttpRequest, user: User) -> None:
    """All sessions of this user have ended but the one at hand."""
    update_session_auth_hash(request, user)


def enter(request: HttpRequest, organization_id: UUID) -> None:
    request.session[_ORGANIZATION] = str(organization_id)


def switch(request: Signed, organization_id: str) -> Organization:
    for each in request.access.memberships:
        if str(each.organization_id) == organization_id:
            enter(request, each.organization_id)
            return each.organization
    raise NotFound("organization")
