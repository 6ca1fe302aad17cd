"""Results of queries as pages, and events as they are asked for, over a warehouse that remembers what it was asked
(sources.md §3, §4). Real dialects, servers and types of both warehouses: tests/engine/test_warehouse*.py."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.checking import check
from ropewalk.core.errors import MustFix
from ropewalk.core.paging import Ending
from ropewalk.core.query import Column, Parameter, Table
from ropewalk.sources import bigquery, snowflake
from ropewalk.sources.base import Option, Page, Source, Window
from tests.sources.held import Held

BIGQUERY, SNOWFLAKE = bigquery.SOURCE, snowflake.SOURCE
SINCE, UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
WHOLE = Window()
COMPLETE, CUT = Ending("complete"), Ending("truncated", ("max_records",))


def connector(source: Source, **changes: Any) -> Any:
    return check(
        source.settings, {"account": "acme", "user": "R"} | changes if source is SNOWFLAKE else changes
    )


def accounts(source: Source, query: str = "SELECT * FROM crm.t", **changes: Any) -> Any:
    mapping = [{"from": "domain", "to": "companyDomain"}, {"from": "name", "to": "companyName"}]
    return check(source.kinds["accounts"].settings, {"query": query, "mapping": mapping, **changes})


def events(source: Source, tables: list[str], **changes: Any) -> Any:
    at = changes.pop("at", "at")
    who = changes.pop("who", {"from": "who", "to": "accountKey"})
    mapping = [{"from": at, "to": "eventTime"}, {"from": "what", "to": "eventName"}, who]
    given = {"tables": tables, "match_by": "domain", "mapping": mapping, **changes}
    return check(source.kinds["events"].settings, given)


def read(
    source: Source, stream: Any, held: Held, window: Window = WHOLE, state: Any = None, **of: Any
) -> list[Page]:
    kind = "events" if hasattr(stream, "tables") else "accounts"
    return list(source.kinds[kind].read(connector(source, **of), stream, window, held, state))


def rows(pages: list[Page]) -> list[Any]:
    return [json.loads(bytes(each)) for page in pages for each in page.records]


class TestResult:
    @given(
        st.integers(0, 12),
        st.integers(1, 4),
        st.none() | st.integers(1, 13),
        st.none() | st.integers(0, 14),
        st.data(),
    )
    def test_any_result_is_read_once_and_resumed_anywhere(
        self, held: int, batch: int, most: int | None, total: int | None, data: st.DataObject
    ) -> None:
        """Resumed from what any page kept, in a run of its own, what is left comes, and the same end."""
        stream, window = accounts(BIGQUERY), Window(max_records=most)
        pages = read(BIGQUERY, stream, Held(range(held), total=total, batch=batch), window)
        kept = data.draw(st.integers(0, len(pages) - 1))
        after = read(
            BIGQUERY,
            stream,
            Held(range(held), total=total, batch=batch),
            window,
            json.loads(json.dumps(pages[kept].state)),
        )

        cut = most is not None and most < held
        assert rows(pages) == [*range(held)][:most]
        assert [page.number for page in pages] == [*range(1, len(pages) + 1)]
        assert [page.ending for page in pages[:-1]] == [None] * (len(pages) - 1)
        fewer = total is not None and held < total
        assert pages[-1].ending == (
            CUT if cut else Ending("suspicious", ("fewer_than_total",)) if fewer else COMPLETE
        )
        assert (rows(after), after[-1].ending) == (rows(pages[kept + 1 :]), pages[-1].ending)

    def test_a_result_that_is_gone_says_so(self) -> None:
        held, stream = Held([1, 2, 3], is_gone=True), accounts(BIGQUERY)
        assert stream.place_expires
        with pytest.raises(MustFix) as caught:
            read(BIGQUERY, stream, held, state={"kept": {"job": "j-1"}, "rows": 2})

        assert (caught.value.code, held.asked) == ("not_found_there", [])

    def test_what_is_asked(self) -> None:
        query = "SELECT * FROM crm.t WHERE at >= $LAST_SYNC_TIMESTAMP AND day >= DATE '$LAST_SYNC_TIMESTAMP'"
        bound = "SELECT * FROM crm.t WHERE at >= {0} AND day >= CAST({0} AS DATE)"
        since = Parameter("last_sync_timestamp", "timestamp", SINCE)
        asked = {}
        for source in (BIGQUERY, SNOWFLAKE):
            held = Held()
            read(source, accounts(source, query), held, Window(since=SINCE))
            read(source, accounts(source, query), held, Window(sample=True))
            asked[source.slug] = [(each.sql, each.parameters, each.max_bytes) for each in held.asked]

        first = Parameter("last_sync_timestamp", "timestamp", datetime(1970, 1, 1, tzinfo=UTC))
        for slug, mark, count, most in (
            ("bigquery", "@last_sync_timestamp", 1, 10 * 2**30),
            ("snowflake", "?", 2, None),
        ):
            sent = bound.format(mark)
            assert asked[slug] == [
                (sent, (since,) * count, most),
                (f"SELECT * FROM (\n{sent}\n) AS sampled LIMIT 200", (first,) * count, most),
            ]

    def test_a_dataset_that_may_not_be_read_is_refused_before_anything_is_asked(self) -> None:
        held = Held()
        with pytest.raises(MustFix) as caught:
            read(BIGQUERY, accounts(BIGQUERY, "SELECT * FROM hr.salaries"), held, datasets=["crm"])

        [problem] = caught.value.problems
        assert (caught.value.code, problem.path, held.asked) == ("query_refused", "query", [])
        assert problem.message == (
            "hr.salaries is not in a dataset that this connector may read; list home.hr among its datasets."
        )

    @pytest.mark.parametrize(
        ("query", "overlap", "seconds"),
        [
            ("SELECT * FROM crm.t WHERE at > $LAST_SYNC_TIMESTAMP", 60, 60),
            ("SELECT * FROM crm.t", 60, None),
            ("SELECT '$LAST_SYNC_TIMESTAMP is not this' AS a FROM crm.t", 60, None),
        ],
    )
    def test_only_what_asks_since_a_time_overlaps(
        self, query: str, overlap: int, seconds: int | None
    ) -> None:
        assert accounts(BIGQUERY, query, overlap=overlap).overlap_seconds == seconds

    def test_what_is_no_select_is_refused_as_a_setting(self) -> None:
        with pytest.raises(MustFix) as caught:
            accounts(BIGQUERY, "DELETE FROM crm.t WHERE TRUE")

        assert [(each.path, each.message) for each in caught.value.problems] == [
            ("query", "This is no SELECT; only a query that reads is sent.")
        ]


def asked_for(
    source: Source, types: list[str], window: Window, **changes: Any
) -> tuple[str, tuple[Any, ...]]:
    """What the statement of one table says after its WHERE, and what is bound in it."""
    held = Held(types=types)
    read(source, events(source, ["app.events"], **changes), held, window)
    types_asked, statement = held.asked
    assert " WHERE " not in types_asked.sql
    _, _, condition = statement.sql.partition(" WHERE ")
    return condition.partition(" ORDER BY ")[0], tuple(each.value for each in statement.parameters[1:])


SPAN = Window(since=SINCE, until=UNTIL)
WIDE = [{"from": "who", "to": "accountKey", "transforms": [each]} for each in ("trim", "lower")]
SPLIT = {"from": "who", "to": "accountKey", "transforms": [{"split": ";"}]}
CONSTANT = {"to": "accountKey", "transforms": [{"constant": "acme.example"}]}
TEXT_BQ = "LOWER(IFNULL(JSON_VALUE(TO_JSON_STRING(t.`who`)), TO_JSON_STRING(t.`who`)))"


class TestEvents:
    @pytest.mark.parametrize(
        ("source", "type", "condition", "values"),
        [
            (BIGQUERY, "TIMESTAMP", "t.`at` >= @since AND t.`at` <= @until", (SINCE, UNTIL)),
            (
                BIGQUERY,
                "DATETIME",
                "t.`at` >= @since AND t.`at` <= @until",
                (datetime(2026, 3, 1, 12), datetime(2026, 3, 2, 12)),  # noqa: DTZ001 - it has none
            ),
            (BIGQUERY, "DATE", "t.`at` >= @since AND t.`at` <= @until", (date(2026, 3, 1), date(2026, 3, 2))),
            (
                BIGQUERY,
                "STRING",
                "SAFE_CAST(t.`at` AS TIMESTAMP) >= @since AND SAFE_CAST(t.`at` AS TIMESTAMP) <= @until",
                (SINCE, UNTIL),
            ),
            (
                BIGQUERY,
                "INT64",
                "((t.`at` >= 1772366400 AND t.`at` <= 1772452800)"
                " OR (t.`at` >= 1772366400000 AND t.`at` <= 1772452800000)"
                " OR (t.`at` >= 1772366400000000 AND t.`at` <= 1772452800000000))",
                (),
            ),
            (SNOWFLAKE, "TIMESTAMP_TZ", 't."at" >= ? AND t."at" <= ?', (SINCE, UNTIL)),
            (
                SNOWFLAKE,
                "VARIANT",
                'TRY_TO_TIMESTAMP_TZ(TO_VARCHAR(t."at")) >= ? AND TRY_TO_TIMESTAMP_TZ(TO_VARCHAR(t."at")) <= ?',
                (SINCE, UNTIL),
            ),
        ],
    )
    def test_a_time_is_compared_as_what_it_is(
        self, source: Source, type: str, condition: str, values: tuple[Any, ...]
    ) -> None:
        assert asked_for(source, [type, "TEXT"], SPAN) == (condition, values)

    @pytest.mark.parametrize(("type", "condition"), [("TIMESTAMP", ""), ("INT64", "TRUE")])
    def test_without_bounds_every_time_is_meant(self, type: str, condition: str) -> None:
        assert asked_for(BIGQUERY, [type, "STRING"], Window())[0] == condition

    def test_what_is_no_time_is_refused_and_says_what_to_map(self) -> None:
        with pytest.raises(MustFix) as caught:
            asked_for(BIGQUERY, ["BOOL", "STRING"], SPAN)

        assert [(each.path, each.message) for each in caught.value.problems] == [
            (
                "mapping",
                "eventTime is a BOOL; map it from a time, a date, a number of seconds or a text, or write an expression.",
            )
        ]

    @pytest.mark.parametrize(
        ("source", "value", "type", "changes", "condition", "values"),
        [
            (BIGQUERY, "Acme.example", "STRING", {}, f"STRPOS({TEXT_BQ}, @account) > 0", ("acme.example",)),
            (
                SNOWFLAKE,
                "acme.example",
                "TEXT",
                {},
                'CONTAINS(LOWER(TO_VARCHAR(t."who")), ?)',
                ("acme.example",),
            ),
            # People write it otherwise than it is kept.
            (
                BIGQUERY,
                "xn--bcher-kva.example",
                "STRING",
                {"who": WIDE[0]},
                f"(STRPOS({TEXT_BQ}, @account) > 0 OR STRPOS({TEXT_BQ}, @account_spelled) > 0)",
                ("xn--bcher-kva.example", "bücher.example"),
            ),
            (BIGQUERY, "xn--a", "STRING", {}, f"STRPOS({TEXT_BQ}, @account) > 0", ("xn--a",)),
            # An id is the whole of the value, unless something is done to that, or it holds several.
            (
                BIGQUERY,
                " C-1",
                "STRING",
                {"match_by": "external_id"},
                f"TRIM({TEXT_BQ}) = @account",
                ("c-1",),
            ),
            (
                BIGQUERY,
                "C-1",
                "STRING",
                {"match_by": "external_id", "who": WIDE[1]},
                f"STRPOS({TEXT_BQ}, @account) > 0",
                ("c-1",),
            ),
            (
                BIGQUERY,
                'a"b',
                "ARRAY<STRING>",
                {"match_by": "external_id"},
                f"STRPOS({TEXT_BQ}, @account) > 0",
                ('a\\"b',),
            ),
            # Only the mapping can say whose these are.
            (BIGQUERY, "acme.example", "STRING", {"who": SPLIT}, "", ()),
            (BIGQUERY, "acme.example", "STRING", {"who": CONSTANT}, "", ()),
        ],
    )
    def test_whose_events_are_asked_for(
        self, source: Source, value: str, type: str, changes: Any, condition: str, values: tuple[str, ...]
    ) -> None:
        asked = asked_for(source, ["TIMESTAMP", type], Window(account=value), **changes)

        assert asked == (condition, values)

    def test_columns_that_are_named_expressions_and_nested_values(self) -> None:
        held = Held(types=["TIMESTAMP", "STRING"])
        stream = events(
            BIGQUERY,
            ["app.events"],
            at="made.at",
            who={"from": "of.company.id", "to": "accountKey"},
            columns=["page", "what"],
            expressions=["made = STRUCT(happened AS at)", "shout = UPPER(note)"],
        )
        read(BIGQUERY, stream, held, SPAN)

        assert [each.sql for each in held.asked] == [
            "SELECT (STRUCT(happened AS at)\n).`at` AS event_time, t.`of`.`company`.`id` AS account_key"
            " FROM `app`.`events` AS t",
            "SELECT @table_0 AS `_table`, t.`what`, t.`of`, t.`page`, (STRUCT(happened AS at)\n) AS `made`,"
            " (UPPER(note)\n) AS `shout` FROM `app`.`events` AS t"
            " WHERE (STRUCT(happened AS at)\n).`at` >= @since AND (STRUCT(happened AS at)\n).`at` <= @until"
            " ORDER BY (STRUCT(happened AS at)\n).`at` DESC LIMIT 5001",
        ]

    @pytest.mark.parametrize("inner", [{"at": 1}, '{"at": 1}'])
    def test_tables_that_a_star_stands_for_come_as_rows_of_one_shape(self, inner: Any) -> None:
        paths = [("home", "app", each) for each in ("signed_up", "signed_out", "other")]
        held = Held(
            [{"_table": "signed_up", "_time": 1, "_row": inner}], ["DATE", "TEXT"], [Table(p) for p in paths]
        )
        held.batch = 1
        found = read(
            BIGQUERY, events(BIGQUERY, ["app.signed_*", "home.app.signed_*"]), held, Window(since=SINCE)
        )

        one = (
            "SELECT @table_{0} AS `_table`, t.`at` AS _time, TO_JSON_STRING(t) AS `_row` FROM"
            " (SELECT t.* FROM `home`.`app`.`{1}` AS t WHERE t.`at` >= @since) AS t"
        )
        union = " UNION ALL ".join([one.format(0, "signed_up"), one.format(1, "signed_out")])
        assert held.asked[1].sql == f"{union} ORDER BY _time DESC LIMIT 5001"
        assert rows(found) == [{"at": 1, "_table": "signed_up"}]

    def test_a_draft_without_a_time_reads_what_there_is(self) -> None:
        stream = BIGQUERY.kinds["events"].settings.model_validate(
            {"tables": ["app.a", "app.b"], "match_by": "domain"}, context={"draft": True}
        )
        held = Held()
        found = read(BIGQUERY, stream, held, Window(sample=True))

        [asked] = held.asked
        assert asked.sql.startswith("SELECT @table_0 AS `_table`, NULL AS _time, ")
        assert asked.sql.endswith(" LIMIT 201")
        assert (rows(found), found[0].ending) == ([], COMPLETE)

    def test_a_star_that_means_nothing_asks_nothing(self) -> None:
        held = Held()
        [found] = read(BIGQUERY, events(BIGQUERY, ["app.nothing_*"]), held)

        assert (found.count, found.ending, held.asked) == (0, COMPLETE, [])

    def test_more_than_are_shown_are_said_to_be_there(self) -> None:
        held = Held([{"at": each} for each in range(4)], ["TIMESTAMP", "STRING"])
        [found] = read(BIGQUERY, events(BIGQUERY, ["app.events"]), held, Window(max_records=3))

        assert (rows([found]), found.ending) == ([{"at": 0}, {"at": 1}, {"at": 2}], CUT)

    def test_all_tables_that_may_not_be_read_are_told_at_once(self) -> None:
        with pytest.raises(MustFix) as caught:
            read(BIGQUERY, events(BIGQUERY, ["hr.a", "app.b", "hr.c"]), Held(), datasets=["app"])

        assert [each.path for each in caught.value.problems] == ["tables.0", "tables.2"]

    def test_a_star_may_mean_two_hundred_tables(self) -> None:
        listed = [Table(("home", "app", f"t{each}")) for each in range(201)]
        with pytest.raises(MustFix) as caught:
            read(BIGQUERY, events(BIGQUERY, ["app.t*"]), Held(listed=listed))

        assert [(each.path, each.message) for each in caught.value.problems] == [
            ("tables", "201 tables are meant, more than the 200 that one query reads; name fewer.")
        ]

    @pytest.mark.parametrize(
        ("changes", "path", "message"),
        [
            ({"tables": ["a b"]}, "tables.0", "a b names no table; write it like dataset.table."),
            ({"tables": ["app.t", "ap*.t"]}, "tables.1", "In ap*.t, * may only end the table’s name."),
            ({"tables": ["t"]}, "tables.0", "Write before t what it is in, and a dot."),
            (
                {"expressions": ["1 + 1"]},
                "expressions.0",
                "Write it as name = expression; the name of letters, digits and _.",
            ),
            ({"expressions": ["a = b", "A = c"]}, "expressions.1", "There is already a column A."),
            ({"expressions": ["_table = b"]}, "expressions.0", "There is already a column _table."),
            (
                {"expressions": ["a = (SELECT 1)"]},
                "expressions.0",
                "An expression reads one row; it holds no SELECT.",
            ),
            (
                {
                    "mapping": [
                        {"to": "eventTime", "transforms": [{"constant": "2026-03-01"}]},
                        {"from": "what", "to": "eventName"},
                        {"from": "who", "to": "accountKey"},
                    ]
                },
                "mapping",
                "Map eventTime from a column: events are asked for by their time.",
            ),
        ],
    )
    def test_settings_that_are_refused(self, changes: Any, path: str, message: str) -> None:
        given = {"tables": ["app.events"], "match_by": "domain", "mapping": [], **changes}
        with pytest.raises(MustFix) as caught:
            check(BIGQUERY.kinds["events"].settings, given, {"draft": True})

        assert [(each.path, each.message) for each in caught.value.problems] == [(path, message)]


@pytest.mark.parametrize(
    ("source", "listed", "options"),
    [
        (
            BIGQUERY,
            {"datasets": ["crm", "else.crm"]},
            [
                Option("else.crm.a", "a", "else.crm", "View: "),
                Option("crm.b", "b", "home.crm", "id INT64, name STRING"),
                Option('crm."odd name"', "odd name", "home.crm", ""),
            ],
        ),
        (
            SNOWFLAKE,
            {"schemas": ["CRM"]},
            [Option("CRM.B", "B", "HOME.CRM", ""), Option('CRM."b"', "b", "HOME.CRM", "id TEXT")],
        ),
    ],
)
def test_tables_to_choose_from(source: Source, listed: dict[str, Any], options: list[Option]) -> None:
    tables = [
        Table(("home", "crm", "odd name")),
        Table(("home", "crm", "b"), (Column("id", "INT64"), Column("name", "STRING"))),
        Table(("else", "crm", "a"), is_view=True),
        Table(("home", "hr", "no")),
        Table(("HOME", "CRM", "B")),
        Table(("HOME", "CRM", "b"), (Column("id", "TEXT"),)),
    ]
    held = Held(listed=tables, home="home" if source is BIGQUERY else "HOME")

    assert source.choices["tables"].fetch(connector(source, **listed), held) == options


def test_of_many_columns_the_first_are_shown() -> None:
    wide = Table(("home", "crm", "w"), tuple(Column(f"c{each}", "INT64") for each in range(14)))
    [option] = BIGQUERY.choices["tables"].fetch(connector(BIGQUERY), Held(listed=[wide]))

    assert option.about.startswith("c0 INT64, ")
    assert option.about.endswith(", c11 INT64, and 2 more")


@pytest.mark.parametrize(
    ("source", "changes", "origin"),
    [
        (BIGQUERY, {}, "https://bigquery.googleapis.com"),
        (BIGQUERY, {"endpoint": "https://bq.internal:8443/"}, "https://bq.internal:8443"),
        (SNOWFLAKE, {"account": "Acme_Prod"}, "https://acme-prod.snowflakecomputing.com"),
        (SNOWFLAKE, {"endpoint": "https://sf.internal/"}, "https://sf.internal"),
    ],
)
def test_secrets_go_to_one_origin(source: Source, changes: Any, origin: str) -> None:
    needs = source.needs(connector(source, **changes), None)

    assert needs.origins == {origin}
    assert [*needs.names()] == [*source.secrets]
