"""The command line. Commands load what they need when they run: `ropewalk --help` needs neither Django nor DBOS."""

from __future__ import annotations

import gc
import os

# What is loaded stays: looking through it again and again takes 7 % of a command's start.
_OBJECTS_BEFORE_COLLECTING = 200_000


def main() -> None:
    """Where the `ropewalk` script enters."""
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTING)
    # We have none, and it looks for them in every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from ropewalk.cli.app import run

    run()
