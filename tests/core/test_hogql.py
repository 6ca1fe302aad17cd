"""What is accepted is one expression that only reads, by the word of PostHog's own parser."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.hogql import FIELDS, FUNCTIONS, expression, literal
from tests.fakes import hogql

HARMLESS = {
    "And", "ArrayAccess", "ArithmeticOperation", "BetweenExpr", "Call", "CompareOperation", "Constant", "Field", "Not",
    "Or", "Tuple",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("properties.$browser", "properties.$browser"),
        ("person.properties.`company name`", "person.properties['company name']"),
        ("properties['it\\'s']", "properties['it\\'s']"),
        ("$group_0", "$group_0"),
        ("lower( domain(properties.url) )", "lower(domain(properties.url))"),
        ("event='a'and not event in('b','c')", "event = 'a' AND NOT event IN ('b', 'c')"),
        ("properties.n between 1 and 2 or properties.s is not null", "properties.n BETWEEN 1 AND 2 OR properties.s IS NOT NULL"),
        ("properties.a<properties.b", "properties.a < properties.b"),
        ("event not ilike '%test%'", "event NOT ILIKE '%test%'"),
        ("properties.n * (2 + -1) >= 0.5", "properties.n * (2 + - 1) >= 0.5"),
        ("if(empty(properties.x), 'none', properties.x) || '!'", "if(empty(properties.x), 'none', properties.x) || '!'"),
        ("'-- no comment // at /* all'", "'-- no comment // at /* all'"),
    ],
)  # fmt: skip
def test_it_is_written_anew(text: str, sent: str) -> None:
    assert expression(text) == sent
    assert set(hogql.nodes(hogql.expression(sent))) <= HARMLESS


HOSTILE = {
    "a second statement": [
        "1; DROP TABLE events", "event; SELECT 1", ";", "event ;", "1;1", "event\n;\nselect 1", "properties.a;--", "';'; 1",
        "(event; event)", "lower(event;)",
    ],
    "DDL": [
        "DROP TABLE events", "CREATE TABLE x (y Int)", "ALTER TABLE events DELETE WHERE 1", "TRUNCATE events",
        "RENAME TABLE a TO b", "DROP DATABASE default", "CREATE VIEW v AS SELECT 1", "ATTACH TABLE x", "DETACH TABLE x",
        "OPTIMIZE TABLE events",
    ],
    "DML and queries": [
        "(SELECT 1)", "event IN (SELECT event FROM events)", "SELECT * FROM persons", "INSERT INTO events VALUES (1)",
        "UPDATE events SET event = ''", "DELETE FROM events", "1 UNION ALL SELECT 2", "EXISTS(SELECT 1)",
        "WITH x AS (SELECT 1) SELECT x", "(((SELECT 1)))", "event = ANY(SELECT 1)",
    ],
    "comments": [
        "event -- x", "event // x", "event /* x */", "--", "/**/event", "event/**/", "event--", "1 -- - 1", "event#",
        "event # x", "properties.a = 1 //",
    ],
    "functions that read or write elsewhere": [
        "file('/etc/passwd')", "url('http://169.254.169.254/')", "s3('http://x')", "remote('x')", "sleep(3)",
        "dictGet('d', 'a', 1)", "mysql('a')", "postgresql('a')", "executable('x')", "input('x')", "numbers(10)",
        "getSetting('x')", "currentUser()", "hostName()", "arrayJoin(properties.x)", "hogql('1')", "LOWER(event)",
    ],
    "unbalanced quotes and brackets": [
        "'abc", "abc'", "\"abc", "`abc", "(event", "event)", "properties['a", "properties['a'", "lower(event", "'\\'",
        "'a\\", "properties.`a\\`",
    ],
    "blocks, lambdas, templates, tags, placeholders": [
        "x -> x", "(x, y) -> x", "{account}", "event = {until}", "f'{event}'", "F'{event}'", "<a>1</a>", "<a />",
        "begin event end", "fn() { return 1 }", "let x := 1", "event ? 1 : 2", "event::String", "$$event$$",
        "CASE WHEN 1 THEN 2 END", "INTERVAL 1 DAY", "event OVER ()", "COLUMNS('.*')", "*",
    ],
    "other tables and odd spellings": [
        "events.event", "persons.properties.email", "system.users", "`events`.event", "groups.key", "team_id",
        "properties.*", "event event", "event AS x", "", " ", "\x00", "event\x00", "event\u00a0", "éclair", "event.",
        "properties..a", "properties.1a", "properties.'a'", "properties[event]", "1a", "0x10", "1e400", "event,", ", event", "not", "and event", "event or",
        "event in ()", "event is 1", "event not 1", "event between 1", "- - 1",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "text", [text for texts in HOSTILE.values() for text in texts], ids=lambda text: repr(text)[:40]
)
def test_hostile_expressions_are_refused(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        expression(text)

    assert refused.value.args[0]


def test_there_are_ten_of_each_kind() -> None:
    assert {kind: len(texts) >= 10 for kind, texts in HOSTILE.items()} == dict.fromkeys(HOSTILE, True)


def test_an_expression_is_neither_long_nor_deep() -> None:
    for text in (
        "event = '" + "a" * 1_000 + "'",
        "(" * 200 + "1" + ")" * 200,
        "lower(" * 100 + "event" + ")" * 100,
    ):
        with pytest.raises(ValueError):
            expression(text)


def joined(*parts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(parts)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12).map(literal)
NAMES = st.from_regex(r"[A-Za-z_$][A-Za-z0-9_$]{0,6}", fullmatch=True)
FIELD = st.one_of(
    joined("event", "distinct_id", "$group_0", "timestamp", "group_1.key"),
    st.builds("{}.{}".format, joined("properties", "person.properties"), NAMES),
    st.builds("{}[{}]".format, joined("properties", "person.properties"), TEXTS),
)
SINGLE = st.one_of(FIELD, TEXTS, st.integers(0, 10**6).map(str), joined("TRUE", "null", "1.5"))


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({})".format, inner),
        st.builds(
            "{} {} {}".format,
            inner,
            joined("and", "OR", "=", "<", ">=", "!=", "+", "-", "*", "/", "||", "like"),
            inner,
        ),
        st.builds("not {}".format, inner),
        st.builds("{} not in ({}, {})".format, FIELD, inner, inner),
        st.builds("{} is not null".format, FIELD),
        st.builds("{} between {} and {}".format, FIELD, SINGLE, SINGLE),
        st.builds("{}({})".format, st.sampled_from(FUNCTIONS), inner),
        st.builds("{}({}, {})".format, st.sampled_from(FUNCTIONS), inner, inner),
    )


@given(st.recursive(SINGLE, larger, max_leaves=6))
def test_what_is_sent_is_one_harmless_expression_to_posthog(text: str) -> None:
    try:
        sent = expression(text)
    except ValueError:
        return

    tree = hogql.expression(sent)

    assert set(hogql.nodes(tree)) <= HARMLESS
    assert expression(sent) == sent
    for kind, name in called(tree):
        assert name in (FUNCTIONS if kind == "Call" else FIELDS) or name in (
            "concat",
            "like",
            "notLike",
            "NOT",
        )


def called(tree: object) -> list[tuple[str, str]]:
    """Its functions, and what its fields begin with."""
    if isinstance(tree, list):
        return [each for one in tree for each in called(one)]
    if not isinstance(tree, dict):
        return []
    own = []
    if tree.get("node") == "Call":
        own.append(("Call", tree["name"]))
    elif tree.get("node") == "Field":
        own.append(("Field", tree["chain"][0]))
    return own + [each for one in tree.values() for each in called(one)]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30))
def test_a_property_s_name_is_a_text_and_nothing_more(name: str) -> None:
    tree = hogql.expression(f"properties[{literal(name)}]")

    assert (tree["node"], tree["property"]["node"], tree["property"]["value"]) == (
        "ArrayAccess",
        "Constant",
        name,
    )


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        expression(text)
