"""The command line. Commands load what they need when they run: `ropewalk --help` needs neither Django nor DBOS."""

from __future__ import annotations


def main() -> None:
    """Where the `ropewalk` script enters."""
    from ropewalk.cli.app import run

    run()
