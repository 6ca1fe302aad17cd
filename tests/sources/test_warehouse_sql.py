"""SQL that somebody wrote is sent only where it is one read-only SELECT, or one read-only expression (sources.md §6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.checking import check
from ropewalk.core.errors import MustFix
from ropewalk.sources import bigquery, snowflake
from ropewalk.sources.base import Window
from ropewalk.sources.warehouse import sql
from ropewalk.sources.warehouse.dialect import Binding, Dialect

BIGQUERY, SNOWFLAKE = bigquery.DIALECT, snowflake.DIALECT
both = pytest.mark.parametrize("dialect", [BIGQUERY, SNOWFLAKE], ids=["bigquery", "snowflake"])
CONNECTOR = bigquery.Connector(datasets=["crm", "partner.shared"])

QUERIES: dict[str, list[str]] = {
    "second statement": [
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE crm.t",
        "SELECT 1;; DELETE FROM crm.t WHERE TRUE",
        "SELECT 1 -- harmless\n; DROP TABLE crm.t",
        "SELECT 1 /* ; */ ; DROP TABLE crm.t",
        "SELECT ';' ; TRUNCATE TABLE crm.t",
        "DROP TABLE crm.t; SELECT 1",
        "SELECT * FROM crm.t WHERE a = 'x'; UPDATE crm.t SET a = 1 WHERE TRUE",
        "WITH a AS (SELECT 1) SELECT * FROM a; CALL crm.p()",
        "(SELECT 1); (SELECT 2)",
        "SELECT 1;\n\n\tCREATE TABLE crm.x AS SELECT 1",
    ],
    "DDL": [
        "DROP TABLE crm.t",
        "CREATE TABLE crm.x AS SELECT * FROM crm.t",
        "CREATE OR REPLACE VIEW crm.v AS SELECT 1",
        "ALTER TABLE crm.t ADD COLUMN x INT64",
        "TRUNCATE TABLE crm.t",
        "CREATE SCHEMA x",
        "DROP SCHEMA crm CASCADE",
        "CREATE FUNCTION crm.f() AS (1)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "GRANT SELECT ON crm.t TO 'user:x'",
        "SELECT 1 INTO x",
        "UNDROP TABLE crm.t",
    ],
    "DML": [
        "INSERT INTO crm.t VALUES (1)",
        "INSERT INTO crm.t SELECT * FROM crm.u",
        "UPDATE crm.t SET a = 1 WHERE TRUE",
        "DELETE FROM crm.t WHERE TRUE",
        "DELETE FROM crm.t",
        "MERGE INTO crm.t USING crm.u ON t.a = u.a WHEN MATCHED THEN DELETE",
        "WITH a AS (INSERT INTO crm.t VALUES (1)) SELECT 1",
        "WITH a AS (DELETE FROM crm.t) SELECT * FROM a",
        "SELECT * FROM (UPDATE crm.t SET a = 1)",
        "SELECT * FROM crm.t FOR UPDATE",
        "INSERT OVERWRITE INTO crm.t SELECT 1",
    ],
    "comments": [
        "SELECT 1 /* open",
        "/* SELECT 1",
        "SELECT 1 /* /* */ ; DROP TABLE crm.t -- */",
        "SELECT 1 /* a /* b */ */",
        "SELECT 1 -- x\r; DROP TABLE crm.t",
        "SELECT 1 -- x\u2028; DROP TABLE crm.t",
        "SELECT 1 -- x\x0b; DROP TABLE crm.t",
        "SELECT 1 -- x\x85; DROP TABLE crm.t",
        "-- only a comment",
        "/* only a comment */",
        "SELECT /* a */ 1; -- b\nDROP TABLE crm.t",
        "SELECT 1 */ FROM crm.t",
    ],
    "unbalanced quotes": [
        "SELECT 'x",
        "SELECT 'it's'",
        "SELECT \"x",
        "SELECT `x",
        "SELECT * FROM crm.t WHERE a = 'x'' ; DROP TABLE crm.t",
        "SELECT * FROM crm.t WHERE a = 'x' OR 'y",
        "SELECT 'a' 'b",
        "SELECT (1",
        "SELECT 1)",
        "SELECT [1",
        "SELECT * FROM (SELECT 1",
    ],
    "scripting blocks": [
        "BEGIN SELECT 1; END",
        "BEGIN TRANSACTION; SELECT 1",
        "DECLARE x INT64 DEFAULT 1; SELECT x",
        "SET x = 1",
        "IF TRUE THEN SELECT 1; END IF",
        "LOOP SELECT 1; END LOOP",
        "WHILE TRUE DO SELECT 1; END WHILE",
        "EXECUTE IMMEDIATE 'DROP TABLE crm.t'",
        "CALL crm.p()",
        "FOR r IN (SELECT 1) DO SELECT 2; END FOR",
        "ASSERT TRUE",
        "RAISE USING MESSAGE = 'x'",
        "EXPLAIN SELECT 1",
        "SHOW TABLES",
        "USE ROLE accountadmin",
    ],
}  # fmt: skip

FILES = {
    BIGQUERY: [
        "EXPORT DATA OPTIONS (uri = 'gs://x/*', format = 'CSV') AS SELECT 1",
        "LOAD DATA INTO crm.t FROM FILES (format = 'CSV', uris = ['gs://x/y'])",
        "SELECT * FROM EXTERNAL_QUERY('c', 'SELECT 1')",
        "SELECT * FROM ML.PREDICT(MODEL crm.m, TABLE crm.t)",
        "SELECT ML.GENERATE_TEXT('x')",
        "SELECT AI.GENERATE('x')",
        "SELECT OBJ.GET_ACCESS_URL(x, 'r') FROM crm.t",
        "SELECT crm.remote_function(x) FROM crm.t",
        "SELECT `other.crm`.f(x) FROM crm.t",
        "SELECT KEYS.KEYSET_CHAIN('gcp-kms://x', b'y')",
        "SELECT READ_CSV('gs://x/y')",
        "SELECT * FROM VECTOR_SEARCH(TABLE crm.t, 'a', TABLE crm.u)",
        "SELECT LOAD_FILE('/etc/passwd')",
    ],
    SNOWFLAKE: [
        "COPY INTO @stage FROM crm.t",
        "PUT file:///etc/passwd @stage",
        "GET @stage file:///tmp",
        "SELECT $1 FROM @stage/x",
        "SELECT * FROM @~/x (FILE_FORMAT => 'f')",
        "SELECT * FROM TABLE(INFER_SCHEMA(LOCATION => '@s', FILE_FORMAT => 'f'))",
        "SELECT GET_PRESIGNED_URL(@stage, 'x')",
        "SELECT BUILD_SCOPED_FILE_URL(@stage, 'x')",
        "SELECT SYSTEM$CANCEL_ALL_QUERIES(1)",
        "SELECT SYSTEM$WAIT(5)",
        "SELECT SNOWFLAKE.CORTEX.COMPLETE('m', 'x')",
        "SELECT crm.external_function(x) FROM crm.t",
        "SELECT an_external_function(x) FROM crm.t",
        "SELECT TO_FILE('@stage', 'x')",
        "SELECT * FROM IDENTIFIER('crm.t')",
        "SELECT * FROM TABLE('crm.t')",
        "SELECT * FROM '@s/x'",
        "SELECT a_sequence.NEXTVAL",
    ],
}

ELSEWHERE = [
    "SELECT * FROM `other-project.crm.*`",
    "SELECT * FROM `other-project.crm.events_*`",
    "SELECT * FROM other-project.crm.t",
    "SELECT * FROM `other-project`.crm.t",
    "SELECT * FROM `other-project.*.t`",
    "SELECT * FROM `*.crm.t`",
    "SELECT * FROM `acme.*`",
    "SELECT * FROM `acme.cr*.t`",
    "SELECT * FROM `acme.hidden.*`",
    "SELECT * FROM `hidden.*`",
    "SELECT * FROM `partner.*`",
    "SELECT * FROM `partner.private.events_*`",
    "SELECT * FROM crm.t, `partner.private.*`",
    "SELECT * FROM crm.t UNION ALL SELECT * FROM `other-project.crm.*`",
    "SELECT * FROM crm.t WHERE id IN (SELECT id FROM `hidden.u_*` WHERE _TABLE_SUFFIX = '1')",
    "SELECT * FROM hidden.t",
    "SELECT * FROM crm.t, hidden.u",
    "SELECT * FROM crm.t JOIN `other.crm.u` USING (id)",
    "SELECT * FROM crm.t WHERE id IN (SELECT id FROM hidden.u)",
    "WITH a AS (SELECT * FROM hidden.u) SELECT * FROM a",
    "SELECT * FROM crm.t UNION ALL SELECT * FROM hidden.u",
    "SELECT * FROM hidden.u AS hidden",
    "SELECT * FROM hidden.u, crm.t AS hidden",
    "SELECT * FROM crm.t JOIN hidden.u ON TRUE JOIN crm.v AS hidden ON TRUE",
    "SELECT * FROM (SELECT 1 FROM crm.t AS hidden), hidden.u",
    "SELECT * FROM (SELECT * FROM hidden.u), crm.t AS hidden",
    "SELECT * FROM crm.t AS hidden, (SELECT * FROM hidden.u)",
    "SELECT 1 FROM crm.t AS hidden UNION ALL SELECT * FROM hidden.u",
    "WITH hidden AS (SELECT 1) SELECT * FROM hidden.u",
    "SELECT * FROM `region-eu`.INFORMATION_SCHEMA.JOBS",
    "SELECT * FROM hidden.INFORMATION_SCHEMA.TABLES",
    "SELECT * FROM t",
    "SELECT (SELECT MAX(id) FROM hidden.u) FROM crm.t",
]

EXPRESSIONS: dict[str, list[str]] = {
    "second statement": [
        "a; b", "a; DROP TABLE t", ";", "a;", "a); DROP TABLE t; --", "a) FROM crm.t; DELETE FROM crm.t; SELECT (1",
        "1; SELECT 1", "a, b", "a AS b, (1", "a\n;\nb", "a ; ; b",
    ],
    "DDL": [
        "DROP TABLE t", "CREATE TABLE t (a INT64)", "ALTER TABLE t ADD COLUMN a INT64", "TRUNCATE TABLE t", "CREATE VIEW v AS SELECT 1",
        "DROP SCHEMA s", "(DROP TABLE t)", "CREATE SCHEMA s", "GRANT SELECT ON t TO u", "UNDROP TABLE t", "COMMENT ON TABLE t IS 'x'",
    ],
    "DML": [
        "INSERT INTO t VALUES (1)", "UPDATE t SET a = 1", "DELETE FROM t", "MERGE INTO t USING u ON TRUE WHEN MATCHED THEN DELETE",
        "(DELETE FROM t)", "(SELECT 1)", "a IN (SELECT b FROM c)", "EXISTS (SELECT 1 FROM hidden.u)", "a + (SELECT MAX(b) FROM hidden.u)",
        "(WITH x AS (SELECT 1) SELECT * FROM x)", "ARRAY(SELECT 1)", "SELECT a",
    ],
    "comments": [
        "a -- b", "a /* b */", "-- a", "/* a */", "a /* b", "a -- b\n", "/* a */ b", "a /* */ + b", "a --", "LOWER(a /* x */)", "a -- \r, b",
    ],
    "unbalanced quotes": [
        "'a", '"a', "`a", "a'", "'it's'", "LOWER('a)", "(a", "a)", "a))((b", "LOWER(a", "'a' || 'b",
    ],
    "scripting blocks": [
        "BEGIN SELECT 1; END", "IF TRUE THEN a; END IF", "DECLARE x INT64", "SET x = 1", "CALL p()", "EXECUTE IMMEDIATE 'x'",
        "LOOP a; END LOOP", "WHILE TRUE DO a; END WHILE", "RAISE USING MESSAGE = a", "BEGIN", "RETURN a", "@x", "@@x", "?",
    ],
    "not one row's": ["*", "t.*", "COUNT(*)", "SUM(a)", "ROW_NUMBER() OVER (ORDER BY a)", "a AS b", "", " ", "$LAST_SYNC_TIMESTAMP", "MAX(a) + 1"],
}  # fmt: skip

EXPRESSION_FILES = {
    BIGQUERY: [
        "EXTERNAL_QUERY('c', 'x')", "ML.PREDICT(a)", "AI.GENERATE(a)", "AI.CLASSIFY(a)", "OBJ.GET_ACCESS_URL(a, 'r')", "crm.f(a)", "`other.crm`.f(a)",
        "READ_CSV('gs://x')", "LOAD_FILE('x')", "KEYS.KEYSET_CHAIN('x', a)", "unknown_function(a)", "SAFE.unknown_function(a)", "crm.NET(a)",
    ],
    SNOWFLAKE: [
        "GET_PRESIGNED_URL(@s, 'x')", "BUILD_STAGE_FILE_URL(@s, 'x')", "SYSTEM$CANCEL_QUERY('x')", "SYSTEM$TYPEOF(a)", "SNOWFLAKE.CORTEX.COMPLETE('m', a)",
        "AI_COMPLETE('m', a)", "crm.f(a)", "unknown_function(a)", "TO_FILE('@s/x')", "a_sequence.NEXTVAL", "READ_CSV('x')", "AI_CLASSIFY(a, ['x'])",
    ],
}  # fmt: skip

FINE = {
    BIGQUERY: [
        "user.id", "LOWER(TRIM(email))", "JSON_VALUE(payload, '$.plan')", "TIMESTAMP_MICROS(event_timestamp)", "CAST(a AS STRING)", "a || '-' || b",
        "CASE WHEN a > 1 THEN 'x' ELSE 'y' END", "NET.REG_DOMAIN(url)", "SAFE.PARSE_DATE('%Y%m%d', d)", "items[SAFE_OFFSET(0)].name", "IF(a, b, c)",
        "a IS NULL OR b = 'it\\'s; DROP TABLE x'", "`odd name`", "REGEXP_EXTRACT(a, r'^(.*)$')", "TIMESTAMP_BUCKET(a, INTERVAL 1 DAY)", "NET.IP_TO_STRING(a)", "HLL_COUNT.EXTRACT(a)",
        "KLL_QUANTILES.EXTRACT_INT64(a, 4)",
    ],
    SNOWFLAKE: [
        "payload:user.id::string", "LOWER(TRIM(email))", "GET_PATH(payload, 'a.b')", "TO_TIMESTAMP_NTZ(epoch)", "payload['a'][0]", "a || '-' || b",
        'IFF(a, b, c)', "PARSE_JSON(a):b", "TRY_TO_TIMESTAMP_TZ(a)", '"odd name"', "SPLIT_PART(email, '@', 2)", "a IS NULL OR b = 'it''s; DROP TABLE x'",
        "CONVERT_TIMEZONE('UTC', at)", "COALESCE(a, b)::varchar",
    ],
}  # fmt: skip


def cases(found: dict[str, list[str]]) -> list[Any]:
    assert all(len(each) >= 10 for each in found.values())
    return [pytest.param(text, id=f"{kind}: {text[:40]}") for kind, texts in found.items() for text in texts]


def of_dialects(found: dict[Dialect, list[str]]) -> list[Any]:
    assert all(len(each) >= 10 for each in found.values())
    return [
        pytest.param(dialect, text, id=f"{dialect.name}: {text[:40]}")
        for dialect, texts in found.items()
        for text in texts
    ]


def prepare(text: str, dialect: Dialect) -> sql.Prepared:
    return sql.query(
        text, dialect, lambda path: bigquery.may_read(CONNECTOR, "acme", path) if dialect is BIGQUERY else ""
    )


@both
@pytest.mark.parametrize("text", cases(QUERIES))
def test_a_hostile_query_is_refused(dialect: Dialect, text: str) -> None:
    with pytest.raises(sql.Unfit):
        prepare(text, dialect)


@pytest.mark.parametrize(("dialect", "text"), of_dialects(FILES))
def test_a_query_that_reads_or_writes_files_is_refused(dialect: Dialect, text: str) -> None:
    with pytest.raises(sql.Unfit):
        prepare(text, dialect)


@pytest.mark.parametrize(
    ("path", "may"),
    [
        (("crm", "t"), True),
        (("acme", "crm", "t"), True),
        (("other", "crm", "t"), False),
        (("other", "crm", "INFORMATION_SCHEMA", "TABLES"), False),
        (("region-eu", "INFORMATION_SCHEMA", "TABLES"), True),
    ],
)
def test_without_a_list_the_datasets_of_its_own_project_may_be_read(path: tuple[str, ...], may: bool) -> None:
    assert (bigquery.may_read(bigquery.Connector(), "acme", path) == "") is may


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM crm.t AS c, c.tags",
        "SELECT * FROM crm.t, t.tags",
        "SELECT * FROM crm.t AS c LEFT JOIN c.tags AS u",
        "SELECT * FROM crm.t AS c JOIN crm.u AS d USING (id), d.tags",
        "SELECT * FROM (crm.t AS c JOIN crm.u AS d USING (id)), c.tags",
        "SELECT * FROM (SELECT * FROM crm.t) AS c, c.tags",
        "SELECT * FROM crm.t AS c, UNNEST(c.days) AS day, day.tags",
        "SELECT (SELECT COUNT(*) FROM c.tags) FROM crm.t AS c",
        "SELECT (SELECT COUNT(*) FROM crm.t AS c, c.tags)",
        "SELECT * FROM crm.t AS c, UNNEST(ARRAY(SELECT x FROM c.tags AS u))",
        "SELECT id FROM crm.t AS c WHERE EXISTS (SELECT 1 FROM c.tags AS u, u.names WHERE u.x = 1)",
        "WITH c AS (SELECT * FROM crm.t) SELECT * FROM c, c.tags",
    ],
)
def test_an_array_of_a_table_before_it_is_no_table(text: str) -> None:
    assert prepare(text, BIGQUERY).pieces == (text,)


@pytest.mark.parametrize("text", ELSEWHERE)
def test_a_query_of_tables_elsewhere_is_refused(text: str) -> None:
    assert sum("*" in each.partition("`")[2] for each in ELSEWHERE) >= 10
    with pytest.raises(sql.Unfit, match=r"list|Write before|may only end"):
        prepare(text, BIGQUERY)


@pytest.mark.parametrize(
    "table",
    [
        "other-project.crm.*",
        "other-project.crm.events_*",
        "other-project.*.events",
        "*.crm.events",
        "*",
        "*.*",
        "cr*.events",
        "hidden.*",
        "acme.hidden.events_*",
        "partner.private.*",
        "crm.ev*ents",
        "crm.events; DROP TABLE crm.t",
        "crm.events` WHERE TRUE --",
        "(SELECT * FROM hidden.t)",
        "`crm.events` AS t, hidden.u",
    ],
)
def test_tables_of_events_are_names_of_what_may_be_read(table: str) -> None:
    asked: list[str] = []

    class Nothing:
        home = "acme"

        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            raise AssertionError(name)

    kind = bigquery.SOURCE.kinds["events"]
    mapping = [
        {"from": "at", "to": "eventTime"},
        {"from": "what", "to": "eventName"},
        {"from": "who", "to": "accountKey"},
    ]

    def read() -> None:
        stream = check(kind.settings, {"tables": [table], "mapping": mapping})
        list(kind.read(CONNECTOR, stream, Window(account="acme.example"), Nothing(), None))

    with pytest.raises(MustFix) as caught:
        read()

    assert [each.path for each in caught.value.problems] == ["tables.0"]
    assert asked == []


@both
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT " + "1 + " * 25_000 + "1", "A query has at most 100,000 characters."),
        ("SELECT " + "(" * 40_000 + "1" + ")" * 40_000, "This is nested too deeply."),
        ("SELECT ROPEWALK_LAST_SYNC__", "ROPEWALK_LAST_SYNC__ is a name that Ropewalk needs for itself; choose another."),
        ("SELECT * FROM UPPER('x')", "A query reads tables by their name: no stage, no file, no name that is made up on the way."),
        ("SELECT a, FROM WHERE", "This can’t be read as {} SQL: see line 1, column 20, near “WHERE”."),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_refusal_says_why(dialect: Dialect, text: str, why: str) -> None:
    with pytest.raises(sql.Unfit) as caught:
        prepare(text, dialect)

    assert str(caught.value) == why.format(dialect.label)


@both
@pytest.mark.parametrize("text", cases(EXPRESSIONS))
def test_a_hostile_expression_is_refused(dialect: Dialect, text: str) -> None:
    with pytest.raises(sql.Unfit):
        sql.expression(text, dialect)


@pytest.mark.parametrize(("dialect", "text"), of_dialects(EXPRESSION_FILES))
def test_an_expression_that_does_more_than_read_is_refused(dialect: Dialect, text: str) -> None:
    with pytest.raises(sql.Unfit):
        sql.expression(text, dialect)


@both
def test_an_expression_has_a_length(dialect: Dialect) -> None:
    sql.expression("1 + " * 2_499 + "1.00", dialect)
    with pytest.raises(sql.Unfit, match=r"at most 10,000 characters"):
        sql.expression("1 + " * 2_499 + "1.000", dialect)


@pytest.mark.parametrize(("dialect", "text"), of_dialects(FINE))
def test_what_reads_one_row_is_an_expression(dialect: Dialect, text: str) -> None:
    sql.expression(text, dialect)


@both
@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM crm.t",
        "SELECT * FROM crm.t;",
        "  SELECT a, COUNT(*) AS n FROM crm.t GROUP BY a HAVING COUNT(*) > 1 ORDER BY n DESC LIMIT 10 ; ",
        "WITH a AS (SELECT * FROM crm.t), b AS (SELECT * FROM a) SELECT * FROM b JOIN a USING (id)",
        "SELECT 'DROP TABLE x; -- /*' AS a FROM crm.t",
        "(SELECT 1 AS a) UNION ALL (SELECT 2)",
        "SELECT a -- why\nFROM crm.t /* all of them */",
        "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS n FROM crm.t QUALIFY n = 1",
        "SELECT * FROM crm.INFORMATION_SCHEMA.TABLES",
        "SELECT item.id FROM crm.t AS t, t.items AS item",
    ],
)
def test_a_select_is_sent_as_it_was_written(dialect: Dialect, text: str) -> None:
    prepared = prepare(text, dialect)

    assert text.strip().startswith(prepared.text(Binding(dialect), START).strip())
    assert not prepared.incremental


START = datetime(1970, 1, 1, tzinfo=UTC)


@both
@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("a > $LAST_SYNC_TIMESTAMP", "a > ?"),
        ("a > '$LAST_SYNC_TIMESTAMP'", "a > ?"),
        ("a > TIMESTAMP '$LAST_SYNC_TIMESTAMP'", "a > CAST(? AS TIMESTAMP)"),
        ("a > date '$LAST_SYNC_TIMESTAMP'", "a > CAST(? AS date)"),
        ("f($LAST_SYNC_TIMESTAMP,'$LAST_SYNC_TIMESTAMP')".replace("f", "COALESCE"), "COALESCE(?,?)"),
        ("a > 'x $LAST_SYNC_TIMESTAMP' AND b > $LAST_SYNC_TIMESTAMP", "a > 'x $LAST_SYNC_TIMESTAMP' AND b > ?"),
        ("a = 1 /* $LAST_SYNC_TIMESTAMP */ AND b > $LAST_SYNC_TIMESTAMP", "a = 1 /* $LAST_SYNC_TIMESTAMP */ AND b > ?"),
        ("a = 1 -- $LAST_SYNC_TIMESTAMP\n", "a = 1"),
        ("a = '''$LAST_SYNC_TIMESTAMP'''", None),
    ],
)  # fmt: skip
def test_the_timestamp_becomes_a_parameter(dialect: Dialect, written: str, sent: str | None) -> None:
    binding = Binding(dialect)
    text = prepare(f"SELECT * FROM crm.t WHERE {written}", dialect).text(binding, START)
    text = text.removeprefix("SELECT * FROM crm.t WHERE ").replace("@last_sync_timestamp", "?")
    if sent is None:
        # Three quotes: a text in one warehouse, a quote within a text in the other.
        assert text in ("a = ?", written)
        return

    assert text == sent
    assert len(binding.parameters) == (min(text.count("?"), 1) if dialect.named else text.count("?"))
    assert {each.value for each in binding.parameters} <= {START}


@both
@pytest.mark.parametrize(
    "text",
    [
        "SELECT a, {} AS since FROM crm.t",
        "SELECT a FROM crm.t WHERE {} < a",
        "SELECT a FROM crm.t WHERE a BETWEEN {} AND CURRENT_TIMESTAMP()",
        "SELECT a FROM crm.t WHERE a IN ({}, {})",
        "SELECT a FROM crm.t WHERE NOT (a < {} OR a IS NULL)",
        "SELECT CASE WHEN a > {} THEN 1 ELSE 0 END AS new FROM crm.t",
        "SELECT COALESCE(a, {}) AS at FROM crm.t",
        "SELECT CAST({} AS DATE) AS day FROM crm.t",
        "SELECT t.a FROM crm.t JOIN crm.u ON t.id = u.id AND u.a >= {}",
        "SELECT a FROM (SELECT a FROM crm.t WHERE a >= {}) AS s",
        "SELECT a FROM crm.t WHERE id IN (SELECT id FROM crm.u WHERE a >= {})",
        "SELECT a FROM crm.t WHERE EXISTS (SELECT 1 FROM crm.u WHERE u.id = t.id AND u.a >= {})",
        "WITH new AS (SELECT * FROM crm.t WHERE a >= {}) SELECT * FROM new WHERE a < {}",
        "SELECT a FROM crm.t WHERE a >= {} UNION ALL SELECT a FROM crm.u WHERE a >= {}",
        "SELECT id, MAX(a) AS at FROM crm.t GROUP BY id HAVING MAX(a) >= {}",
        "SELECT id FROM crm.t QUALIFY ROW_NUMBER() OVER (ORDER BY a > {}) = 1",
        "SELECT id FROM crm.t ORDER BY a > {}",
    ],
)
def test_the_timestamp_is_bound_in_every_position(dialect: Dialect, text: str) -> None:
    times = text.count("{}")
    for written in ("$LAST_SYNC_TIMESTAMP", "'$LAST_SYNC_TIMESTAMP'"):
        binding = Binding(dialect)
        sent = prepare(text.format(*[written] * times), dialect).text(binding, START)

        assert sent == text.format(*[dialect.marker(sql.PARAMETER)] * times)
        assert [each.value for each in binding.parameters] == [START] * (1 if dialect.named else times)


@both
@pytest.mark.parametrize(
    "text",
    ["SELECT $LAST_SYNC_TIMESTAMPS", "SELECT ?", "SELECT @a", "SELECT :a", "SELECT @last_sync_timestamp"],
)
def test_there_are_no_other_parameters(dialect: Dialect, text: str) -> None:
    with pytest.raises(sql.Unfit):
        prepare(text, dialect)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_any_name_is_spelled_so_that_it_reads_the_same_and_stays_one_name(names: list[str]) -> None:
    path = tuple(names)
    for dialect in (BIGQUERY, SNOWFLAKE):
        assert dialect.path(dialect.spell(path)) == path


@given(NAMES)
def test_a_name_from_discovery_is_quoted(name: str) -> None:
    for dialect in (BIGQUERY, SNOWFLAKE):
        [token] = sql.Reader.get_or_raise(dialect.name).tokenize(dialect.quote(name))

        assert token.token_type == sql.TokenType.IDENTIFIER
