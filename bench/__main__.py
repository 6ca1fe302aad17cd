"""Runs Ropewalk beside a bare floor and others, in turn, and says medians and ratios.

make bench                                  everything, five rounds: two hours on a quiet machine
make bench ARGS="--rounds 1 --only sqlite"  a part of it
make bench ARGS="--write"                   and keeps each result in its section of docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import (
    contacts,
    contestants,
    lists,
    measure,
    native,
    push,
    pushmillions,
    report,
    stripe,
    timeline,
    warehouse,
)  # fmt: skip
from bench.contestants import NAMES
from bench.postgres import Postgres

# First load, the same again, the same with one record in a hundred changed.
PHASES = (("first load", "/original"), ("nothing changed", "/original"), ("1 % changed", "/changed"))
OURS = NAMES[:2]


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    records: int
    page: int
    database: str
    names: tuple[str, ...] = OURS
    latency_ms: int = 0

    @property
    def title(self) -> str:
        latency = f", {self.latency_ms} ms latency" if self.latency_ms else ""
        return f"{self.records:,} records, pages of {self.page:,}, {self.database}{latency}"


SCENARIOS = (
    Scenario("sqlite", 100_000, 1_000, "SQLite", NAMES),
    Scenario("postgres", 100_000, 1_000, "PostgreSQL", NAMES[:3]),
    Scenario("small-pages", 100_000, 100, "SQLite"),
    Scenario("latency", 100_000, 1_000, "SQLite", latency_ms=50),
    Scenario("latency-small-pages", 100_000, 100, "SQLite", latency_ms=50),
    Scenario("million", 1_000_000, 1_000, "SQLite"),
    Scenario("million-postgres", 1_000_000, 1_000, "PostgreSQL"),
)

# What has figures of another kind, once whatever the number of rounds.
PARTS = {
    "contacts": contacts.text,
    "native": native.text,
    "stripe": stripe.text,
    "timeline": timeline.text,
    "lists": lists.text,
    "push": push.text,
    "push-millions": pushmillions.text,
    "warehouse": warehouse.text,
}


@contextmanager
def api(scenario: Scenario) -> Iterator[str]:
    of = (scenario.records, scenario.page, scenario.latency_ms)
    with subprocess.Popen(
        [sys.executable, "-m", "bench.api", *map(str, of)],
        cwd=measure.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def play(
    scenario: Scenario, names: tuple[str, ...], postgres: Postgres | None, results: report.Results
) -> None:
    """One round."""
    with api(scenario) as url:
        for name in names:
            with tempfile.TemporaryDirectory(prefix="ropewalk-bench-") as folder:
                database = postgres.new_database() if postgres else None
                contestant = contestants.ready(name, url, Path(folder) / "run", database)
                for phase, path in PHASES:
                    urllib.request.urlopen(urllib.request.Request(url + path, method="POST")).close()
                    measured = measure.run(contestant.command, contestant.environ)
                    results.add(scenario.title, name, phase, measured, contestant.size_mb)
                    print(f"{scenario.title}: {name}, {phase}: {report.shown(measured)}", flush=True)


def main() -> None:
    told = argparse.ArgumentParser(prog="make bench", description=__doc__, add_help=True)
    told.formatter_class = argparse.RawDescriptionHelpFormatter
    told.add_argument("--rounds", type=int, default=5)
    told.add_argument("--only", nargs="+", choices=[*(one.name for one in SCENARIOS), *PARTS], metavar="PART")
    told.add_argument("--records", type=int, help="instead of the scenarios' own")
    told.add_argument("--without-peers", action="store_true")
    told.add_argument(
        "--write", action="store_true", help=f"keep the results in {report.PLACE}, each in its section"
    )
    told.add_argument("--keep", type=Path, metavar="FOLDER", help="where the installations of lists stay")
    given = told.parse_args()
    chosen = [one for one in SCENARIOS if given.only is None or one.name in given.only]
    results = report.Results(given.rounds)
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="ropewalk-bench-", dir="/tmp")))
        postgres = None
        if any(one.database == "PostgreSQL" for one in chosen):
            postgres = Postgres(folder)
            ending.callback(postgres.stop)
        for _ in range(given.rounds if chosen else 0):
            results.add_start(*measure.start())
            for one in chosen:
                scenario = Scenario(
                    one.name, given.records or one.records, one.page, one.database, one.names, one.latency_ms
                )
                names = OURS if given.without_peers else one.names
                play(scenario, names, postgres if one.database == "PostgreSQL" else None, results)
    sections = results.sections()
    parts = PARTS | {"lists": partial(lists.text, keep=given.keep)}
    for name, measured in parts.items():
        if given.only is None or name in given.only:
            sections[f'make bench ARGS="--only {name}"'] = measured()
    print(report.shown_all(sections))
    if given.write:
        report.keep(sections)


if __name__ == "__main__":
    main()
