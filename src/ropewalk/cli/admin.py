"""`rotate-key`, `doctor`: looking after an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from msgspec.structs import asdict

from ropewalk.cli import exits
from ropewalk.cli.opening import Called
from ropewalk.core.errors import MustFix

if TYPE_CHECKING:
    from ropewalk.engine.doctor import Finding

commands = typer.Typer()


@commands.command("rotate-key")
def rotate_key(context: typer.Context) -> int:
    """Encrypt all stored credentials with a new key. Killed half-way, it goes on when called again."""
    called: Called = context.obj
    called.open()
    from ropewalk.engine import rotation

    count = rotation.rotate_key(called.actor, called.clock)
    if called.output.as_json:
        called.output.answer({"credentials": count})
    called.output.say(f"{count:,} credential{'s'[: count != 1]} encrypted with the new key.")
    return exits.DONE


@commands.command()
def doctor(context: typer.Context) -> int:
    """Look for what is wrong with this installation, and say how to mend it.

    Exit status: 0 nothing, 1 something.
    """
    called: Called = context.obj
    found = _findings(called)
    if called.output.as_json:
        called.output.answer([asdict(one) for one in found])
    for one in found:
        called.output.say(f"{'ok   ' if one.ok else 'WRONG'}  {one.message}")
        if not one.ok:
            called.output.say(f"       {one.code}: {one.remedy}")
    return exits.DONE if all(one.ok for one in found) else exits.FAILED


def _findings(called: Called) -> list[Finding]:
    from ropewalk.engine import doctor

    try:
        installation = called.settings()
    except MustFix as error:
        # Nothing else can be looked at before these are right.
        return [
            doctor.Finding(
                "settings_invalid",
                False,
                f"{one.path} can't be used: {one.message}",
                f"Set {one.path} right.",
            )
            for one in error.problems
        ]
    found = doctor.outside(installation)
    if any(one.code in ("key_missing", "key_unreadable") for one in found):
        return found
    called.load()
    from ropewalk.engine import vitals

    return [*found, *vitals.inside(installation, called.clock)]
