"""House rules that no linter knows. `broken(path, source)` yields a line for each place, which names the right way."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns", "time.monotonic",
    "time.perf_counter", "time.sleep", "timezone.now",
}  # fmt: skip
SOCKETS = {
    "socket",
    "ssl",
    "http.client",
    "urllib.request",
    "pycurl",
    "httpx",
    "requests",
    "urllib3",
    "ftplib",
}
NOT_WORDS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "manager",
    "managers",
    "service",
    "services",
    "misc",
}
SQL = re.compile(r"\s*(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM)\s", re.DOTALL)

Rule = Callable[[str, ast.Module], Iterator[tuple[int, str]]]


def broken(path: str, source: str) -> list[str]:
    """`path` is relative to src/ropewalk."""
    found = []
    tree = ast.parse(source)
    for rule in RULES:
        found += [f"{path}:{line}: {message}" for line, message in rule(path, tree)]
    return sorted(found)


def room(path: str) -> str:
    first = PurePosixPath(path).parts[0]
    return first.removesuffix(".py")


def dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
    return "?"


def imports(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [module, *(f"{module}.{alias.name}" for alias in names)]
    return []


def only_store_asks_the_database(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    # What is asked of a customer's warehouse is no matter of our own database.
    if room(path) == "store" or path.startswith("sources/warehouse/") or path == "net/snowflake.py":
        return
    how = "only the store talks to the database: write a function in ropewalk/store and call it"
    # Sources can't reach a database of ours: what they write is for a vendor's.
    is_ours = room(path) != "sources"
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="objects" | "raw_sql", lineno=line):
                yield line, how
            case ast.Constant(value=str(text), lineno=line) if is_ours and SQL.match(text):
                yield line, how
            case ast.Import() | ast.ImportFrom() if {"django.db.connection", "django.db.connections"} & {
                *imports(node)
            }:
                yield node.lineno, how


def only_net_opens_sockets(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    # The client is what other programs take along.
    if room(path) in ("net", "demo", "client"):
        return
    for node in ast.walk(tree):
        for name in imports(node):
            if name in SOCKETS:
                line = getattr(node, "lineno", 0)
                yield (
                    line,
                    f"only net opens sockets, not {name}: take a `fetch`, or add what is missing to ropewalk/net",
                )


def time_is_an_argument(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    if room(path) not in ("core", "sources"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ".".join(dotted(node.func).split(".")[-2:])
            if name in CLOCKS:
                yield node.lineno, f"{room(path)} has no clock, so no {name}(): take `now` as an argument"


_LATE = (
    "store/apps.py",
    "store/events/installed.py",
    "engine/jobs.py",
    "engine/logs.py",
    "engine/connectors/warehouses.py",
)


def imports_stand_at_the_top(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    # The CLI loads Django only for the commands that need it, jobs the queue engine only where there is a job;
    # apps.py has to wait until Django is ready; vendors' clients are optional, and large; what makes lines of the log,
    # and PostgreSQL's driver, take a tenth of a command's start each (docs/decisions/004).
    if room(path) == "cli" or path in _LATE:
        return
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield (
                        node.lineno,
                        "imports stand at the top; if that makes a cycle, move what both need one floor down",
                    )


def names_are_words(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for part in PurePosixPath(path).with_suffix("").parts:
        if part in NOT_WORDS:
            yield (
                1,
                f"{part!r} says nothing: name it after its one job, with a word of docs/reference/glossary.md",
            )


def no_decision_reads_a_text(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    how = "no decision reads an error's text: ask for its class, its `code`, or a number it carries"
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        texts = {
            f"str({handler.name})",
            f"repr({handler.name})",
            f"{handler.name}.message",
            f"{handler.name}.args[0]",
        }
        for node in ast.walk(handler):
            match node:
                case ast.Compare(left=left, comparators=others):
                    read = {ast.unparse(side) for side in (left, *others)}
                case ast.Call(func=ast.Attribute(value=value, attr="startswith" | "endswith" | "find")):
                    read = {ast.unparse(value)}
                case ast.Call(func=ast.Attribute(attr="search" | "match" | "fullmatch"), args=args):
                    read = {ast.unparse(argument) for argument in args}
                case _:
                    continue
            if read & texts:
                yield node.lineno, how


_ONLY_DATACLASSES = re.compile(r"\bfield\(.*\b(repr|init)=False|@cached_property")


def values_are_structs(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    # The client has nothing but the standard library.
    if room(path) == "client":
        return
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(decorator_list=[decorator, *_]) if "dataclass" in ast.unparse(
                decorator
            ) and not _ONLY_DATACLASSES.search(ast.unparse(node)):
                yield (
                    node.lineno,
                    "a value is a msgspec.Struct, which every command defines forty times faster than a dataclass;"
                    " a dataclass is for fields that repr() hides",
                )


RULES: tuple[Rule, ...] = (
    only_store_asks_the_database,
    only_net_opens_sockets,
    time_is_an_argument,
    imports_stand_at_the_top,
    names_are_words,
    no_decision_reads_a_text,
    values_are_structs,
)
