"""What the audit log tells, in words that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropewalk.web import fieldtexts

KINDS: Final = {
    "user": "Sign-in and passwords",
    "member": "Members",
    "invitation": "Invitations",
    "key": "API keys",
    "organization": "Organization",
    "connector": "Connectors",
    "push_connector": "Push connectors",
    "event": "Pushed events",
    "run": "Runs",
    "account": "Accounts",
    "contact": "Contacts",
    "import": "Imports",
    "field": "Tracked fields",
    "view": "Saved views",
}
"""By what a verb begins with."""

VERBS: Final[dict[str, tuple[str, str]]] = {
    "user.signed_in": ("Signed in", ""),
    "user.signed_out": ("Signed out", ""),
    "user.sign_in_refused": ("Sign-in refused", "{reason}"),
    "user.signed_out_everywhere": ("All sessions ended", "of {email}"),
    "user.password_changed": ("Own password changed", ""),
    "user.password_set": ("Password set", "for {email}"),
    "user.reset_link_made": ("Link to a new password made", "for {email}"),
    "user.password_reset": ("New password chosen by link", ""),
    "user.renamed": ("Own name changed", "to {name}"),
    "member.added": ("Member added", "{email}, as {role}"),
    "member.role_set": ("Role changed", "of {email}, from {old} to {new}"),
    "member.removed": ("Member removed", "{email}, who was {role}"),
    "invitation.created": ("Somebody invited", "{email}, as {role}"),
    "invitation.revoked": ("Invitation revoked", "of {email}"),
    "invitation.accepted": ("Invitation accepted", "as {role}"),
    "key.created": ("API key made", "{name}, with {scopes}"),
    "key.revoked": ("API key revoked", "{name}"),
    "organization.created": ("Organization created", "{name}, with {owner} as its owner"),
    "organization.updated": (
        "Organization changed",
        "{name}, {own_domains}, {time_zone}, events kept for {keep_events_days} days",
    ),
    "connector.created": ("Connector made", "{name}"),
    "connector.changed": ("Connector changed", "{name}"),
    "connector.authorized": ("Connected at the vendor", "{name}"),
    "connector.disconnected": ("Disconnected from the vendor", "{name}"),
    "connector.deleted": ("Connector deleted", "{name}"),
    "connector.exported": ("Connectors exported", "{names}"),
    "connector.stream_tested": ("Connection tested", "{name}, {kind}"),
    "connector.stream_saved": ("Endpoint saved", "{name}, {kind}, secret sent to {send_secret_to} as well"),
    "connector.stream_deleted": ("Endpoint deleted", "{name}, {kind}"),
    "push_connector.created": ("Push connector made", "{name}, {source}"),
    "push_connector.changed": ("Push connector changed", "{name}, {changed}"),
    "push_connector.activated": ("Push connector activated", "{name}"),
    "push_connector.deactivated": ("Push connector deactivated", "{name}"),
    "event.erased": ("Events erased", "of {account}, {source}, {external_id}"),
    "run.requested": ("Run started", "{kind}, {mode}"),
    "run.dry_run_applied": ("Dry run applied", ""),
    "run.rows_retried": ("Rows retried", "{reason}"),
    "run.undone": ("Run undone", ""),
    "run.cancelled": ("Run cancelled", ""),
    "run.accepted": ("Run accepted", ""),
    "run.row_linked": ("Row linked to an account", "row {position}"),
    "account.created": ("Account created", "with {fields}"),
    "account.edited": ("Account edited", "{fields}"),
    "account.deleted": ("Account deleted", "{name}"),
    "account.restored": ("Account restored", "{name}"),
    "account.exported": ("Accounts exported", "{list}"),
    "contact.created": ("Contact created", "{email}"),
    "contact.edited": ("Contact edited", "{email}"),
    "contact.deleted": ("Contact deleted", "{email}"),
    "import.uploaded": ("File uploaded", "{name}, {rows} rows"),
    "import.read_again": ("File read otherwise", "{name}, {encoding}, {delimiter}"),
    "import.deleted": ("Import deleted", "{name}"),
    "field.switched": (
        "Field switched",
        "{object}, Periodic {periodic}, History {history}, Indexed {indexed}",
    ),
    "view.created": ("View saved", "{name}, {shared}"),
    "view.changed": ("View changed", "{name}, {shared}"),
    "view.deleted": ("View deleted", "{name}, {shared}"),
}
"""What happened, and what there is to add: its parts stand between commas, and one that wasn't noted is left out."""

_WORDS: Final[dict[str, dict[str | bool, str]]] = {
    "reason": {"wrong": "wrong email or password", "too_many_attempts": "too many attempts"},
    "shared": {True: "shared", False: "their own"},
    "periodic": {True: "on", False: "off"},
    "history": {True: "on", False: "off"},
    "indexed": {True: "on", False: "off"},
    "mode": {"sync": "sync", "dry_run": "dry run"},
}
_FIELDS: Final = ("fields",)


def label(verb: str) -> str:
    return VERBS[verb][0] if verb in VERBS else fieldtexts.label(verb.replace(".", " ").replace("_", " "))


def told(verb: str, object_id: str, detail: Mapping[str, Any]) -> str:
    known = {"object": object_id, **{name: each for name, each in detail.items() if each is not None}}
    parts = []
    for part in VERBS.get(verb, ("", ""))[1].split(", "):
        try:
            said = part.format_map({name: _said(name, value) for name, value in known.items()})
        except KeyError:
            continue
        if said:
            parts.append(said)
    return ", ".join(parts)


def _said(name: str, value: Any) -> str:
    if name in _WORDS and isinstance(value, str | bool):
        return _WORDS[name].get(value, str(value))
    if name in _FIELDS and isinstance(value, list):
        return ", ".join(fieldtexts.label(str(each)) for each in value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {each}" for key, each in value.items())
    return str(value)
