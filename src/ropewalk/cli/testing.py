"""`test`: asking, or replaying a recording; and what it shows."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ropewalk.cli.output import Output, short, shown
from ropewalk.core import recording
from ropewalk.core.errors import MustFix
from ropewalk.engine.probing import probe

if TYPE_CHECKING:
    from ropewalk.cli.opening import Called
    from ropewalk.store.models import Connector

SETTINGS = ("records_path", "pagination", "total_path", "has_more_path", "incremental", "matching", "mapping")


def test(
    called: Called, connector: Connector, kind: str, *, record: Path | None, replay: Path | None
) -> dict[str, Any]:
    organization_id = connector.organization_id
    if replay is not None:
        kept = recording.load(_text(replay))
        return probe.replay_stream(organization_id, connector.id, kind, kept)
    if record is None:
        return probe.test_stream(organization_id, called.actor, connector.id, kind, called.clock)
    # Before anything is asked: a file that can't be written is no reason to ask.
    unfinished = _beside(record)
    try:
        answer, made = probe.record_stream(organization_id, called.actor, connector.id, kind, called.clock)
        unfinished.write_text(made.dump(), encoding="utf-8")
        unfinished.replace(record)
    finally:
        unfinished.unlink(missing_ok=True)
    called.output.note(
        f"{len(made.exchanges)} exchanges are kept in {record}. Customers’ data is in it as it came."
    )
    return answer


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise MustFix("unreadable", f"{file} can’t be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise MustFix("no_recording", f"{file} is no recording: it isn’t text.") from None


def _beside(file: Path) -> Path:
    """An empty file that only its owner reads, to take the place of `file`."""
    try:
        if file.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise MustFix("unwritable", f"The recording can’t be written to {file}: {error.strerror}.") from None
    os.close(handle)
    return Path(name)


def show(output: Output, answer: dict[str, Any]) -> None:
    request, response = answer.get("request"), answer.get("response")
    if request:
        parameters = "&".join(f"{name}={value}" for name, value in (request.get("params") or {}).items())
        output.say(f"{request['method']} {request['url']}{'  with ' + parameters if parameters else ''}")
    if response:
        output.say(f"{response['status']} {response['content_type']} in {response['milliseconds']:,} ms")
    if error := answer.get("error"):
        output.say(f"The test failed ({error.get('about', error['code'])}): {error['message']}")
    if answer["fields"]:
        to = {one["from"]: f"{one['to']} ({one['reason']})" for one in answer["suggestions"]}
        output.say()
        output.table(
            ("field", "type", "filled", "for example", "could be"),
            [
                (
                    one["path"],
                    one["type"],
                    f"{one['fill_rate'] * 100:.0f}%",
                    short(", ".join(shown(example) for example in one["examples"]), 50),
                    to.get(one["path"]),
                )
                for one in answer["fields"]
            ],
        )
    if proposal := answer["proposal"]:
        _show_proposal(output, proposal)
    if message := answer.get("message"):
        output.say(message)
    if preview := answer.get("preview"):
        _show_events(output, preview)
    if answer["ok"]:
        output.say("The test passed.")


def _show_events(output: Output, preview: dict[str, Any]) -> None:
    output.say()
    output.table(
        ("time", "event", "account", "user", "properties"),
        [
            (
                event["time"],
                short(event["name"], 40),
                event["account"]["name"] if event["account"] else f"none has {event['account_key']}",
                short(event["user_id"], 30),
                short(event["properties"]),
            )
            for event in preview["events"]
        ],
    )
    for note in preview["notes"]:
        output.say(note)


def _show_proposal(output: Output, proposal: dict[str, Any]) -> None:
    output.say()
    output.table(
        ("setting", "found", "proved", "why"),
        [
            (
                name,
                _as_setting(found["value"]),
                "yes" if found["proved"] else "a guess",
                short(found["why"], 160),
            )
            for name in SETTINGS
            if (found := proposal[name])["value"] is not None
        ],
    )


def _as_setting(value: Any) -> str:
    """As it would stand in a connector file."""
    if isinstance(value, str):
        return value or '""'
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).strip()
