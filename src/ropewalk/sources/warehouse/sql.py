"""SQL that somebody wrote: one read-only SELECT or one read-only expression, or it isn't sent (sources.md §6).

It is read by a parser of the warehouse's dialect and then sent as it was written, its timestamp apart: a second spelling of
it could mean something else. Where that parser and the warehouse may differ about what is a comment, it is refused."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import sqlglot
from msgspec import Struct
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as Reader
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from ropewalk.sources.warehouse.dialect import Binding, Dialect

PLACEHOLDER: Final = "$LAST_SYNC_TIMESTAMP"
PARAMETER: Final = "last_sync_timestamp"
SQL_CHARS: Final = 100_000
EXPRESSION_CHARS: Final = 10_000

_STAND_IN: Final = "ROPEWALK_LAST_SYNC__"
"""As long as the placeholder, so that places in the one text are places in the other."""
_LITERALS: Final = frozenset({TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING})
_BLOCK = r"/\*(?:(?!/\*|\*/)[\s\S])*\*/"
_LINE = r"[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r?\n|\Z)"
_GAPS: Final = {
    "bigquery": re.compile(rf"(?:\s|{_BLOCK}|(?:--|\#){_LINE})*"),
    "snowflake": re.compile(rf"(?:\s|{_BLOCK}|(?:--|//){_LINE})*"),
}
_TYPES: Final = frozenset({"DATE", "DATETIME", "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "TIMESTAMP_TZ"})
_WRITES: Final = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Copy,
    exp.Create,
    exp.Drop,
    exp.Command,
    exp.Into,
    exp.Lock,
)
_PARAMETERS: Final = (exp.Placeholder, exp.Parameter, exp.SessionParameter)


class Unfit(ValueError):
    """A sentence for whoever wrote the SQL."""


class Prepared(Struct, frozen=True):
    """The text around the places where the timestamp goes; a place has the type that was written before it, like DATE."""

    dialect: Dialect
    pieces: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def incremental(self) -> bool:
        return bool(self.types)

    def text(self, binding: Binding, since: datetime) -> str:
        parts = [self.pieces[0]]
        for type, piece in zip(self.types, self.pieces[1:], strict=True):
            mark = binding.mark(PARAMETER, "timestamp", since)
            parts += [f"CAST({mark} AS {type})" if type else mark, piece]
        return "".join(parts)


def query(sql: str, dialect: Dialect, may_read: Callable[[tuple[str, ...]], str]) -> Prepared:
    """`may_read` answers why a table can't be read, or nothing. Raises `Unfit`."""
    if len(sql) > SQL_CHARS:
        raise Unfit(f"A query has at most {SQL_CHARS:,} characters.")
    prepared = _prepared(sql, dialect)
    root = _parsed(dialect.marker(PARAMETER).join(prepared.pieces), dialect)
    if not isinstance(root, exp.Query):
        raise Unfit("This is no SELECT; only a query that reads is sent.")
    _only_reads(root, dialect, parameters=len(prepared.types))
    for path in _tables(root):
        if wrong := may_read(path):
            raise Unfit(wrong)
    return prepared


def expression(sql: str, dialect: Dialect) -> exp.Expr:
    """One value of a row, made of its columns. Raises `Unfit`."""
    if len(sql) > EXPRESSION_CHARS:
        raise Unfit(f"An expression has at most {EXPRESSION_CHARS:,} characters.")
    if _STAND_IN in sql or PLACEHOLDER in sql:
        raise Unfit(f"{PLACEHOLDER} is for queries; events are asked for by their time as it is.")
    tokens = _tokens(sql, dialect)
    if any(gap.strip() for gap in _gaps(sql, tokens)):
        raise Unfit("An expression holds no comments; leave them out.")
    if any(each.token_type == TokenType.SEMICOLON for each in tokens):
        raise Unfit("An expression ends where it ends; leave out the semicolon.")
    root = _parsed(sql, dialect)
    if isinstance(root, exp.Query) or any(True for _ in root.find_all(exp.Query)):
        raise Unfit("An expression reads one row; it holds no SELECT.")
    if isinstance(root, exp.Alias | exp.Aliases | exp.Star) or not isinstance(
        root, exp.Condition | exp.Func | exp.Dot
    ):
        raise Unfit("This is not one expression; write a column, or what is made of columns, without a name.")
    if any(True for _ in root.find_all(exp.AggFunc, exp.Window, exp.Star)):
        raise Unfit("An expression is of one row; it holds no aggregate and no window.")
    _only_reads(root, dialect, parameters=0)
    return root


def _prepared(sql: str, dialect: Dialect) -> Prepared:
    if _STAND_IN in sql:
        raise Unfit(f"{_STAND_IN} is a name that Ropewalk needs for itself; choose another.")
    text = sql.replace(PLACEHOLDER, _STAND_IN)
    tokens = _tokens(text, dialect)
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    if not tokens:
        raise Unfit("Write a query: one SELECT.")
    pieces: list[str] = []
    types: list[str] = []
    last = 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        if not _is_place(token):
            continue
        start, type = token.start, ""
        if before is not None and token.token_type in _LITERALS and before.text.upper() in _TYPES:
            start, type = before.start, before.text
        pieces.append(sql[last:start])
        types.append(type)
        last = token.end + 1
    return Prepared(dialect, (*pieces, sql[last : tokens[-1].end + 1]), tuple(types))


def _is_place(token: Token) -> bool:
    if _STAND_IN not in token.text or token.token_type == TokenType.IDENTIFIER:
        return False
    if token.text == _STAND_IN:
        return token.token_type == TokenType.VAR or token.token_type in _LITERALS
    if token.token_type == TokenType.VAR:
        wrong = token.text.replace(_STAND_IN, PLACEHOLDER)
        raise Unfit(f"There is no {wrong}; did you mean {PLACEHOLDER}?")
    return False


def _tokens(text: str, dialect: Dialect) -> list[Token]:
    try:
        tokens = Reader.get_or_raise(dialect.name).tokenize(text)
    except SqlglotError:
        raise Unfit("A quote, a bracket or a comment is opened and never closed.") from None
    if any(each.token_type == TokenType.UNKNOWN for each in tokens):
        raise Unfit(f"There is a character that {dialect.label} SQL has no use for.")
    pattern = _GAPS[dialect.name]
    if not all(pattern.fullmatch(gap) for gap in _gaps(text, tokens)):
        raise Unfit("A comment holds another, or is not closed; leave it out.")
    return list(tokens)


def _gaps(text: str, tokens: list[Token]) -> Iterator[str]:
    """What stands between tokens: space and comments."""
    last = 0
    for token in tokens:
        yield text[last : token.start]
        last = token.end + 1
    yield text[last:]


def _parsed(text: str, dialect: Dialect) -> exp.Expr:
    try:
        statements: list[exp.Expr] = [
            each for each in sqlglot.parse(text, read=dialect.name) if each is not None
        ]
    except ParseError as error:
        raise Unfit(_where(error, dialect)) from None
    except RecursionError:
        raise Unfit("This is nested too deeply.") from None
    if len(statements) != 1:
        raise Unfit(
            "There is more than one statement; only one SELECT is sent."
            if statements
            else "There is nothing to read."
        )
    return statements[0]


def _where(error: ParseError, dialect: Dialect) -> str:
    first: dict[str, Any] = error.errors[0]
    near = str(first["highlight"])[:40]
    return f"This can’t be read as {dialect.label} SQL: see line {first['line']}, column {first['col']}, near “{near}”."


def _only_reads(root: exp.Expr, dialect: Dialect, *, parameters: int) -> None:
    for node in root.walk():
        if isinstance(node, _WRITES):
            raise Unfit(f"{_word(node)} writes; only what reads is sent.")
        if isinstance(node, exp.DynamicIdentifier):
            raise Unfit(_BY_NAME)
        if isinstance(node, _PARAMETERS):
            parameters -= 1
        elif isinstance(node, exp.Func) and not isinstance(node, exp.And | exp.Or):
            _check_function(node, dialect)
        elif isinstance(node, exp.Column) and node.name.upper() in dialect.refused:
            raise Unfit(f"{node.name} is not read-only; leave it out.")
    if parameters:
        raise Unfit(f"There are no parameters (?, @name, :name, $name) but {PLACEHOLDER}.")


def _word(node: exp.Expr) -> str:
    return str(node.this) if isinstance(node, exp.Command) else node.key.upper()


def _check_function(node: exp.Func, dialect: Dialect) -> None:
    name = (node.name if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) else node.sql_name()).upper()
    above = node.parent
    space = ""
    if isinstance(above, exp.Dot) and above.expression is node:
        space = above.this.sql().upper()
    elif isinstance(above, exp.NetFunc):
        space = "NET"
    elif isinstance(above, exp.Table) and above.this is node:
        space = ".".join(
            part.name.upper() for part in (above.args.get("catalog"), above.args.get("db")) if part
        )
    if space and space not in dialect.spaces:
        raise Unfit(
            f"{space}.{name} is a function that is not built in, or may do more than read; read a view of it instead."
        )
    unknown = (
        isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) and not space and name not in dialect.functions
    )
    if unknown or name in dialect.refused or _MORE_THAN_READS.match(name):
        raise Unfit(f"{name} is a function that is not known to only read rows; read a view of it instead.")


_MORE_THAN_READS: Final = re.compile(
    r"(AI|ML)_|AI[A-Z]+\Z|TO_FILE|READ_|PREDICT|GENERATE_(TEXT|EMBEDDING|TABLE|BOOL)|VECTOR_SEARCH|FEATURES_AT|LOAD_"
)
"""Functions that sqlglot knows, and that call a model or read a file."""


def _tables(root: exp.Expr) -> Iterator[tuple[str, ...]]:
    """The paths of tables that are read, without the query's own names."""
    own = {each.alias_or_name.casefold() for each in root.find_all(exp.CTE)}
    if any(not isinstance(each.this, exp.Func) for each in root.find_all(exp.TableFromRows)):
        raise Unfit(_BY_NAME)
    for table in root.find_all(exp.Table):
        if not all(isinstance(part, exp.Identifier) for part in table.parts):
            raise Unfit(_BY_NAME)
        path = tuple(part.name for part in table.parts)
        if len(path) == 1 and path[0].casefold() in own:
            continue
        # An array of a table that stands before it.
        if len(path) != 2 or path[0].casefold() not in _seen_from(table):
            yield path


def _seen_from(table: exp.Table) -> set[str]:
    """What the rows of other tables are called there: of those before it in its FROM, and of the queries around; but a
    query in a FROM sees none of that FROM."""
    found: set[str] = set()
    inside = {id(table)}
    node: exp.Expr | None = table.parent
    while node is not None:
        inside.add(id(node))
        before: set[str] = set()
        for source in _sources(node) if isinstance(node, exp.Select) else ():
            if id(source) in inside:
                if isinstance(source, exp.Subquery):
                    before.clear()
                break
            before.update(each.casefold() for each in (source.alias_or_name, *source.alias_column_names))
        found |= before
        node = node.parent
    return found


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    if (first := select.args.get("from_")) is not None:
        # Tables that are joined in brackets are a subquery of no SELECT.
        whole = first.this.this if isinstance(first.this.this, exp.Table) else first.this
        yield whole
        yield from (each.this for each in whole.args.get("joins") or ())
    for name in ("laterals", "joins"):
        yield from (each.this if isinstance(each, exp.Join) else each for each in select.args.get(name) or ())


_BY_NAME: Final = "A query reads tables by their name: no stage, no file, no name that is made up on the way."

logging.getLogger("sqlglot").setLevel(logging.ERROR)
