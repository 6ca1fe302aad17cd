"""Settings → Members: who belongs to the organization, as what, and whom it has invited."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse

from ropewalk.core.errors import MustFix, Refused
from ropewalk.engine import ranks
from ropewalk.engine.members import invitations, passwords, people, signin
from ropewalk.engine.operated import clock, installation
from ropewalk.store import access as links, people as kept
from ropewalk.store.models import Invitation, Member
from ropewalk.web import access, pages, roletexts
from ropewalk.web.access import Signed, open_to
from ropewalk.web.confirming import Confirmation, page as confirmation_page
from ropewalk.web.forms import Choice, Field, Form
from ropewalk.web.lists import Address

# ---- the list ----


@open_to("admin")
def listing(request: Signed) -> HttpResponseBase:
    address = Address.of(request.GET, ("cursor", "invitations"))
    organization_id = request.access.organization_id
    found = kept.members(organization_id, cursor=address.get("cursor") or None)
    waiting = links.invitations(organization_id, cursor=address.get("invitations") or None)
    return pages.render(
        request,
        "ropewalk/members.html",
        {
            "members": [(each, roletexts.LABELS[each.role]) for each in found.items],
            "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
            "first": address.to() if address.get("cursor") else "",
            "waiting": [
                (each, roletexts.LABELS[each.role], each.expires_at <= clock().now(), _revoke(request, each))
                for each in waiting.items
            ],
            "waiting_next": address.to(invitations=waiting.next_cursor) if waiting.next_cursor else "",
            "waiting_first": address.to(invitations=None) if address.get("invitations") else "",
        },
    )


# ---- invitations ----


@open_to("admin", "GET", "POST")
def invite(request: Signed) -> HttpResponseBase:
    form = Form(
        Field("email", "Email address", "email", required=True, placeholder="mia@example.com"),
        _role_field(request),
        values={"email": request.GET.get("email"), "role": "member"},
    )
    if request.method == "POST":
        form.read(request.POST)
        mine = request.access
        try:
            made, token = invitations.invite(
                mine.organization_id, mine.actor, form.text("email"), form.text("role"), clock()
            )
        except (MustFix, Refused) as error:
            form.refuse(error)
        else:
            return _link(
                request,
                f"{invitations.PATH}{token}",
                title=f"Send this link to {made.email}",
                text=f"Whoever opens it joins {mine.organization} as {roletexts.LABELS[made.role]}. It works once, "
                f"for {invitations.DAYS} days, and is shown only now.",
            )
    return pages.with_form(request, "ropewalk/invite.html", form, {"days": invitations.DAYS})


def _link(request: Signed, path: str, *, title: str, text: str) -> HttpResponseBase:
    decided = installation()
    # Else by the address that this page was asked for at, which is one of ours.
    whole = decided.link(path) if decided.public_url else request.build_absolute_uri(path)
    context = {"title": title, "text": text, "link": whole}
    return pages.render(request, "ropewalk/new_link.html", context)


def _revoke(request: Signed, invitation: Invitation) -> Confirmation:
    return Confirmation(
        name=f"revoke-{invitation.id}",
        label="Revoke",
        about=f"the invitation of {invitation.email}",
        title=f"Revoke the invitation of {invitation.email}?",
        text="Its link stops working at once.",
        verb="Revoke",
        path=reverse("invitation-revoke", kwargs={"invitation_id": invitation.id}),
        back=reverse("members"),
        why_not=_only_owners(request, invitation.role),
    )


@open_to("admin", "GET", "POST")
def revoke(request: Signed, invitation_id: UUID) -> HttpResponseBase:
    mine = request.access
    if request.method != "POST":
        return confirmation_page(
            request, _revoke(request, links.invitation(mine.organization_id, invitation_id))
        )
    found = invitations.revoke(mine.organization_id, mine.actor, invitation_id, clock())
    pages.toast(request, f"The invitation of {found.email} is revoked.")
    return pages.to(request, "members")


# ---- one member ----


@open_to("admin")
def member(request: Signed, member_id: UUID) -> HttpResponseBase:
    found = kept.member(request.access.organization_id, member_id)
    return pages.render(
        request,
        "ropewalk/member.html",
        {
            "member": found,
            "role": roletexts.LABELS[found.role],
            "role_text": roletexts.TEXTS[found.role],
            "is_self": found.user_id == request.access.user.id,
            "change_role": _change_role(request, found),
            "reset_link": _reset_link(request, found),
            "sign_out": _sign_out(request, found),
            "remove": _remove(request, found),
        },
    )


def _change_role(request: Signed, found: Member) -> Confirmation:
    mine = request.access
    return Confirmation(
        name="role",
        label="Change role",
        title=f"Change the role of {_called(found)}",
        text="It counts from their next click.",
        verb="Change role",
        tone="main",
        path=_path("member-role", found),
        back=_path("member", found),
        why_not=_why_not(lambda: ranks.require(mine.organization_id, mine.actor, over=found.role))
        or _why_not(lambda: kept.require_another_owner(found)),
        form=Form(_role_field(request), values={"role": found.role}),
    )


@open_to("admin", "GET", "POST")
def change_role(request: Signed, member_id: UUID) -> HttpResponseBase:
    mine = request.access
    found = kept.member(mine.organization_id, member_id)
    asked = _change_role(request, found)
    if request.method == "POST" and asked.form is not None:
        asked.form.read(request.POST)
        try:
            changed = people.set_role(
                mine.organization_id, mine.actor, member_id, asked.form.text("role"), clock()
            )
        except MustFix as error:
            asked.form.refuse(error)
        else:
            label = roletexts.LABELS[changed.role]
            pages.toast(request, f"{_called(found)} has the role {label} now.")
            if changed.user_id == mine.user.id and changed.role == "member":
                return pages.to(request, "home")
            return pages.to(request, "member", member_id=member_id)
    return confirmation_page(request, asked)


def _reset_link(request: Signed, found: Member) -> Confirmation:
    return Confirmation(
        name="reset-link",
        label="Make a link",
        title=f"Make a link to a new password for {_called(found)}?",
        text="Whoever has the link can choose the password, and sign in with it. An earlier link ends.",
        verb="Make the link",
        tone="main",
        path=_path("member-reset-link", found),
        back=_path("member", found),
        why_not=_why_not(lambda: _require_over_person(request, found)),
    )


@open_to("admin", "GET", "POST")
def reset_link(request: Signed, member_id: UUID) -> HttpResponseBase:
    mine = request.access
    found = kept.member(mine.organization_id, member_id)
    if request.method != "POST":
        return confirmation_page(request, _reset_link(request, found))
    made = passwords.make_reset_link(mine.organization_id, mine.actor, member_id, clock())
    return _link(
        request,
        f"{passwords.PATH}{made.token}",
        title=f"Send this link to {made.email}",
        text=f"With it they choose a new password. It works once, for {passwords.RESET_HOURS} hours, and is shown "
        "only now. Send it so that nobody else reads it.",
    )


def _sign_out(request: Signed, found: Member) -> Confirmation:
    is_self = ranks.is_self(request.access.actor, found)
    return Confirmation(
        name="sign-out",
        label="Sign out",
        title=f"Sign {_called(found)} out everywhere?",
        text="All their sessions end with their next click. They can sign in again.",
        verb="Sign out",
        path=_path("member-sign-out", found),
        back=_path("member", found),
        why_not="" if is_self else _why_not(lambda: _require_over_person(request, found)),
    )


@open_to("admin", "GET", "POST")
def sign_out(request: Signed, member_id: UUID) -> HttpResponseBase:
    mine = request.access
    found = kept.member(mine.organization_id, member_id)
    if request.method != "POST":
        return confirmation_page(request, _sign_out(request, found))
    signin.sign_out_everywhere(mine.organization_id, mine.actor, member_id, clock())
    if ranks.is_self(mine.actor, found):
        access.drop(request)
    pages.toast(request, f"{_called(found)} is signed out everywhere.")
    return pages.to(request, "member", member_id=member_id)


def _remove(request: Signed, found: Member) -> Confirmation:
    mine = request.access
    is_self = ranks.is_self(mine.actor, found)
    lower = (
        "" if is_self else _why_not(lambda: ranks.require(mine.organization_id, mine.actor, over=found.role))
    )
    return Confirmation(
        name="remove",
        label="Remove",
        title=f"Remove {_called(found)} from {mine.organization}?",
        text="What they see of it ends at once, and accounts that they own have no owner then. API keys that they "
        "made are the organization's, and stay.",
        verb="Remove",
        path=_path("member-remove", found),
        back=_path("member", found),
        why_not=lower or _why_not(lambda: kept.require_another_owner(found)),
    )


@open_to("admin", "GET", "POST")
def remove(request: Signed, member_id: UUID) -> HttpResponseBase:
    mine = request.access
    found = kept.member(mine.organization_id, member_id)
    if request.method != "POST":
        return confirmation_page(request, _remove(request, found))
    people.remove_member(mine.organization_id, mine.actor, member_id, clock())
    pages.toast(request, f"{_called(found)} is no member of {mine.organization} any more.")
    return pages.to(request, "home" if ranks.is_self(mine.actor, found) else "members")


# ---- what one may ----


def _role_field(request: Signed) -> Field:
    choices = [
        Choice(role, label, roletexts.TEXTS[role], _only_owners(request, role))
        for role, label in roletexts.LABELS.items()
    ]
    return Field("role", "Role", "radio", choices=choices)


def _only_owners(request: Signed, role: str) -> str:
    if role != "owner" or request.access.is_owner:
        return ""
    return f"Only owners of {request.access.organization} can do this."


def _require_over_person(request: Signed, found: Member) -> None:
    mine = request.access
    ranks.require(mine.organization_id, mine.actor, over=found.role)
    ranks.require_over(mine.actor, found.user_id)


def _why_not(ask: Callable[[], None]) -> str:
    """What the verb would say."""
    try:
        ask()
    except Refused as error:
        return error.message
    return ""


def _called(found: Member) -> str:
    return found.user.name or found.user.email


def _path(name: str, found: Member) -> str:
    return reverse(name, kwargs={"member_id": found.id})
