"""How a stream's standing is said: a badge, and the sentence of what to do next."""

from __future__ import annotations

from typing import Final

from django.urls import reverse
from msgspec import Struct
from msgspec.structs import replace

from ropewalk.engine.overview import Standing, State, Step, StepKind

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


class Told(Struct, frozen=True):
    title: str
    text: str
    icon: str
    tone: str
    href: str = ""


_WORDS: Final[dict[StepKind, Told]] = {
    "no_worker": Told(
        "Start a worker",
        "No worker is alive, so nothing is synced now. Run ropewalk serve, or ropewalk worker beside it.",
        "alert",
        "bad",
    ),
    "connect": Told(
        "Connect your first source",
        "Point Ropewalk at an API that knows your customers, and they become accounts here.",
        "connector",
        "info",
    ),
    "reconnect": Told(
        "Reconnect {stream}",
        "Its credentials were refused twice, so its schedule is paused.",
        "key",
        "bad",
    ),
    "failed": Told(
        "See why {stream} failed",
        "Its last run ended with an error; below it says which.",
        "alert",
        "bad",
    ),
    "suspicious": Told(
        "Look at {stream}",
        "Its last run can’t have read everything. Accept it if it is meant to be like this.",
        "alert",
        "warn",
    ),
    "test": Told("Test {stream}", "Nobody has seen yet what it answers.", "connector", "info"),
    "first_sync": Told("Sync {stream}", "It is tested, and has never run.", "arrow-right", "info"),
    "schedule": Told(
        "Put {stream} on a schedule",
        "Its last run was complete. From now on it can keep itself up to date.",
        "clock",
        "info",
    ),
    "invite": Told(
        "Invite your team", "You are the only one here. Members read; admins connect.", "members", "info"
    ),
}
"""`{stream}`: the stream that it is about."""


def badge(standing: Standing) -> tuple[str, str]:
    return BADGES[standing.state]


def told(step: Step) -> Told:
    words, of = _WORDS[step.kind], step.standing
    stream = f"{of.connector.name} {of.stream.kind}" if of else ""
    return replace(words, title=words.title.format(stream=stream), href=_place(step))


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
