"""How a stream's standing is said: a badge, and the sentence of what to do next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from django.urls import reverse

from ropewalk.engine.overview import Standing, State, Step

BADGES: Final[dict[State, tuple[str, str]]] = {
    "healthy": ("good", "Healthy"),
    "live": ("good", "Read live"),
    "running": ("busy", "Running"),
    "waiting": ("quiet", "Not synced yet"),
    "untested": ("quiet", "Untested"),
    "off": ("quiet", "Off"),
    "paused": ("warn", "Paused"),
    "truncated": ("warn", "Truncated"),
    "cancelled": ("quiet", "Cancelled"),
    "suspicious": ("warn", "Suspicious"),
    "failed": ("bad", "Failed"),
    "reconnect": ("bad", "Reconnect"),
}


@dataclass(frozen=True, slots=True)
class Told:
    title: str
    text: str
    icon: str
    tone: str
    href: str = ""


def badge(standing: Standing) -> tuple[str, str]:
    return BADGES[standing.state]


def told(step: Step) -> Told:
    return replace(_words(step), href=_place(step))


def _place(step: Step) -> str:
    """Where it is done; nowhere for what is done beside the app."""
    of = step.standing
    match step.kind:
        case "connect":
            return reverse("gallery")
        case "failed" | "suspicious" if of and of.last_run:
            return reverse("run", kwargs={"run_id": of.last_run.id})
        case "reconnect" if of:
            return reverse("connection", kwargs={"connector_id": of.connector.id})
        case "test" if of:
            return reverse("stream", kwargs={"connector_id": of.connector.id, "kind": of.stream.kind})
        case "first_sync" | "schedule" if of:
            return reverse("connector", kwargs={"connector_id": of.connector.id})
    return ""


def _words(step: Step) -> Told:
    of = step.standing
    stream = f"{of.connector.name} {of.stream.kind}" if of else ""
    match step.kind:
        case "no_worker":
            return Told(
                "Start a worker",
                "No worker is alive, so nothing is synced now. Run ropewalk serve, or ropewalk worker beside it.",
                "alert",
                "bad",
            )
        case "connect":
            return Told(
                "Connect your first source",
                "Point Ropewalk at an API that knows your customers, and they become accounts here.",
                "connector",
                "info",
            )
        case "reconnect":
            return Told(
                f"Reconnect {stream}",
                "Its credentials were refused twice, so its schedule is paused.",
                "key",
                "bad",
            )
        case "failed":
            return Told(
                f"See why {stream} failed",
                "Its last run ended with an error; below it says which.",
                "alert",
                "bad",
            )
        case "suspicious":
            return Told(
                f"Look at {stream}",
                "Its last run can’t have read everything. Accept it if it is meant to be like this.",
                "alert",
                "warn",
            )
        case "test":
            return Told(f"Test {stream}", "Nobody has seen yet what it answers.", "connector", "info")
        case "first_sync":
            return Told(f"Sync {stream}", "It is tested, and has never run.", "arrow-right", "info")
        case "schedule":
            return Told(
                f"Put {stream} on a schedule",
                "Its last run was complete. From now on it can keep itself up to date.",
                "clock",
                "info",
            )
        case "invite":
            return Told(
                "Invite your team",
                "You are the only one here. Members read; admins connect.",
                "members",
                "info",
            )
