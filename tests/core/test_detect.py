"""What an answer says about its paging, as far as one can tell by looking at it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from ropewalk.core import detect, increments, names, paths
from ropewalk.core.envelope import Answer, arrays, identities, key_of
from ropewalk.core.values import JSON

URL = "https://api.example.com/v1/customers"
ROWS: list[JSON] = [
    {"id": f"c-{n}", "name": f"Company {n}", "website": f"https://company-{n}.example"} for n in range(3)
]
PEOPLE: list[JSON] = [{"id": n, "name": f"Person {n}", "email": f"p{n}@vendor.example"} for n in range(5)]


def answer(value: Any, url: str = URL, **headers: str) -> Answer:
    return Answer(value, url, {name.replace("_", "-"): text for name, text in headers.items()})


# ---- records ----


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (ROWS, ""),
        ({"result": {"data": {"accounts": ROWS}}}, "result.data.accounts"),
        ({"result": [{"items": ROWS}]}, "result.0.items"),
        ({"data": ROWS, "included": PEOPLE}, "data"),
        ({"users": PEOPLE, "customers": ROWS}, "customers"),
        ({"users": {"u1": {"tags": PEOPLE}, "u2": {"tags": PEOPLE}}, "rows": ROWS}, "rows"),
        ({"_embedded": {"companies": ROWS}, "_links": {"self": {"href": "/"}}}, "_embedded.companies"),
        ({"data": {"companies": {"edges": [{"cursor": "a", "node": ROWS[0]}]}}}, "data.companies.edges"),
        ({"hits": {"total": {"value": 3}, "hits": ROWS}}, "hits.hits"),
        ({"ids": [1, 2, 3], "list": ROWS}, "list"),
        ({"errors": [], "accounts": []}, "accounts"),
        ({"a.b": ROWS}, r"a\.b"),
    ],
)
def test_the_records_are_found(value: Any, path: str) -> None:
    assert paths.join(arrays(answer(value))[0].path) == path


@pytest.mark.parametrize("value", [{"data": {"1": {"id": 1}}}, {"ids": [1, 2]}, 7, None, {"rows": [[1, 2]]}])
def test_what_holds_no_array_of_objects_has_no_records(value: Any) -> None:
    assert arrays(answer(value)) == []


def test_records_are_told_apart_by_their_key_or_as_a_whole() -> None:
    assert key_of([{"name": "x", "id": 1}, {"name": "x", "id": 2}]) == "id"
    assert key_of([{"note": "x", "account_id": 1}, {"note": "x", "account_id": 2}]) == "account_id"
    assert key_of([{"id": 1}, {"id": 1}]) is None
    assert key_of([{"id": 1}, 2]) is None
    assert identities([{"id": 1, "seen": 5}], "id") == identities([{"id": 1, "seen": 6}], "id")


# ---- paging ----


def settings(found: list[detect.Paging]) -> list[dict[str, Any]]:
    return [each.settings for each in found]


@pytest.mark.parametrize(
    ("beside", "path"),
    [
        ({"next": f"{URL}?page=2"}, "next"),
        ({"links": {"self": URL, "next": "/v1/customers?page=2", "prev": None}}, "links.next"),
        ({"_links": {"next": {"href": "?page=2"}}}, "_links.next.href"),
        ({"@odata.nextLink": f"{URL}?$skip=3"}, r"@odata\.nextLink"),
        ({"paging": {"next_page_url": f"{URL}?page=2"}}, "paging.next_page_url"),
    ],
)
def test_a_next_url_is_found(beside: dict[str, Any], path: str) -> None:
    found = detect.leads(answer({"data": ROWS, **beside}), ("data",))

    assert settings(found)[0] == {"type": "next_url", "next_url_path": path}


@pytest.mark.parametrize(
    ("beside", "param", "path"),
    [
        ({"next_cursor": "abc"}, "cursor", "next_cursor"),
        ({"nextPageToken": "abc"}, "pageToken", "nextPageToken"),
        ({"cursor": "abc"}, "cursor", "cursor"),
        ({"paging": {"next": {"after": "3"}}}, "after", "paging.next.after"),
        ({"pageInfo": {"hasNextPage": True, "startCursor": "a", "endCursor": "b"}}, "after", "pageInfo.endCursor"),
        ({"response_metadata": {"next_cursor": "dGVhbQ=="}}, "cursor", "response_metadata.next_cursor"),
        ({"offset": "itr1/rec2"}, "offset", "offset"),
    ],
)  # fmt: skip
def test_a_cursor_is_found_with_what_its_parameter_may_be_called(
    beside: dict[str, Any], param: str, path: str
) -> None:
    found = settings(detect.leads(answer({"data": ROWS, **beside}), ("data",)))

    assert {each["next_cursor_path"] for each in found} == {path}
    assert param in [each["cursor_param"] for each in found][:3]


def test_a_next_url_beside_a_cursor_tells_the_parameter() -> None:
    paging = {"next": {"after": "NTI1", "link": f"{URL}?limit=3&after=NTI1"}}

    first, second = detect.leads(answer({"results": ROWS, "paging": paging}), ("results",))

    assert first.settings == {
        "type": "cursor",
        "cursor_param": "after",
        "next_cursor_path": "paging.next.after",
    }
    assert second.settings == {"type": "next_url", "next_url_path": "paging.next.link"}


def test_an_answer_that_has_no_next_page_shows_where_it_would_stand() -> None:
    beside = {
        "links": {"next": {"url": None}, "prev": {"url": None}},
        "next_cursor": "",
        "note": "",
        "total": 3,
    }

    found = detect.ended_leads(answer({"data": ROWS, **beside}), ("data",))

    assert settings(found) == [
        {"type": "next_url", "next_url_path": "links.next.url"},
        {"type": "cursor", "cursor_param": "cursor", "next_cursor_path": "next_cursor"},
    ]
    assert not any(each.shown for each in found)


def test_headers_lead_on() -> None:
    found = detect.leads(
        answer(ROWS, link=f'<{URL}?p=0>; rel="prev", <{URL}?p=2>; rel="next"', next_page=f"{URL}?p=2"), ()
    )

    assert settings(found) == [{"type": "link_header"}, {"type": "next_url", "next_url_header": "next-page"}]


@pytest.mark.parametrize(
    "beside",
    [
        {"previous": f"{URL}?page=0"},
        {"links": {"prev": f"{URL}?page=0", "self": URL}},
        {"next": None},
        {"has_next": True},
        {"cursors": {"before": "abc"}},
        {"access_token": "abc"},
        {"next_page": 2},
        {"offset": 3},
    ],
)
def test_what_leads_back_or_nowhere_is_no_lead(beside: dict[str, Any]) -> None:
    assert detect.leads(answer({"data": ROWS, **beside}), ("data",)) == []


@pytest.mark.parametrize(
    ("beside", "url", "first"),
    [
        ({"page": 1}, URL, {"type": "page", "page_param": "page", "first_page": 1}),
        ({"number": 0, "size": 3}, URL, {"type": "page", "page_param": "page", "first_page": 0}),
        ({"meta": {"current_page": 1}}, URL, {"type": "page", "page_param": "page", "first_page": 1}),
        ({"pageIndex": 0}, URL, {"type": "page", "page_param": "pageIndex", "first_page": 0}),
        ({"next_page": 2}, URL, {"type": "page", "page_param": "page", "first_page": 1}),
        ({"startIndex": 1}, URL, {"type": "offset", "offset_param": "startIndex", "first_offset": 1}),
        ({"start": 0}, URL, {"type": "offset", "offset_param": "start", "first_offset": 0}),
        ({}, f"{URL}?p=1", {"type": "page", "page_param": "p", "first_page": 1}),
        ({}, f"{URL}?skip=0", {"type": "offset", "offset_param": "skip", "first_offset": 0}),
    ],
)
def test_numbers_are_found_with_where_they_begin(
    beside: dict[str, Any], url: str, first: dict[str, Any]
) -> None:
    assert settings(detect.numbered(answer({"data": ROWS, **beside}, url), ("data",)))[0] == first


@pytest.mark.parametrize("beside", [{"page": "two"}, {"page": "2"}, {"offset": None}, {"page": True}])
def test_what_is_no_number_says_nothing_of_pages(beside: dict[str, Any]) -> None:
    assert detect.numbered(answer({"data": ROWS, **beside}), ("data",)) == []


def test_a_body_speaks_of_its_parameters_by_path() -> None:
    asked = Answer(
        {"items": ROWS}, URL, posted={"filter": {}, "paging": {"number": 1, "size": 3}, "offset": 0}
    )

    assert settings(detect.numbered(asked, ("items",)))[0] == {
        "type": "page",
        "page_param": "paging.number",
        "first_page": 1,
    }
    assert detect.sizes(asked, ("items",))[0] == ["paging.size"]


@pytest.mark.parametrize(
    ("beside", "path"),
    [
        ({"total": 60}, "total"),
        ({"count": 60}, "count"),
        ({"@odata.count": 60}, r"@odata\.count"),
        ({"meta": {"total_pages": 20, "totalCount": "60"}}, "meta.totalCount"),
        ({"total": {"value": 60, "relation": "eq"}}, "total.value"),
        ({"count": 3, "total_results": 60}, "total_results"),
    ],
)
def test_a_total_is_found(beside: dict[str, Any], path: str) -> None:
    assert next(each.path for each in detect.totals(answer({"data": ROWS, **beside}), ("data",))) == path


@pytest.mark.parametrize(
    "beside", [{"total": 2}, {"total_pages": 60}, {"page": 60}, {"total": "many"}, {"total": True}]
)
def test_what_can_be_no_total_is_none(beside: dict[str, Any]) -> None:
    assert detect.totals(answer({"data": ROWS, **beside}), ("data",)) == []


def test_a_total_in_a_header_is_told() -> None:
    asked = answer(ROWS, x_wp_total="60", x_wp_totalpages="20", content_length="60")

    assert detect.told_in_headers(asked) == {"x-wp-total": 60}


@pytest.mark.parametrize(
    "beside",
    [
        {"has_more": True},
        {"hasNextPage": True},
        {"more_items_in_collection": True},
        {"info": {"more_records": "true"}},
    ],
)
def test_has_more_is_found(beside: dict[str, Any]) -> None:
    assert [each.value for each in detect.has_mores(answer({"data": ROWS, **beside}), ("data",))] == [True]


@pytest.mark.parametrize("beside", [{"last": False}, {"has_previous": True}, {"has_more": 7}])
def test_what_says_something_else_is_no_has_more(beside: dict[str, Any]) -> None:
    assert detect.has_mores(answer({"data": ROWS, **beside}), ("data",)) == []


def test_the_last_id_may_be_the_cursor() -> None:
    assert settings(detect.last_ids(answer({"data": ROWS, "has_more": True}), ("data",)))[0] == {
        "type": "cursor",
        "cursor_param": "starting_after",
        "next_cursor_path": "data.-1.id",
    }


def test_records_without_a_key_have_no_last_id() -> None:
    assert detect.last_ids(answer([{"name": "x"}, {"name": "x"}]), ()) == []


def test_numbers_are_tried_by_their_usual_names() -> None:
    assert detect.usual_numbers(answer(ROWS))[:2] == ["page", "offset"]
    assert detect.usual_numbers(answer({"data": [{"type": "a", "attributes": {}}]}))[:2] == [
        "page[number]",
        "page[offset]",
    ]


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("offset", True),
        ("page[offset]", True),
        ("query.startIndex", True),
        ("page", False),
        ("skip.page", False),
    ],
)
def test_what_counts_records_and_not_pages(name: str, yes: bool) -> None:
    assert detect.is_offset(name) is yes


@pytest.mark.parametrize(
    ("beside", "url", "headers", "first"),
    [
        ({}, f"{URL}?per_page=3&sort=id", {}, ["per_page"]),
        ({}, URL, {"link": f'<{URL}?page=2&limit=3>; rel="next"'}, ["limit"]),
        ({"next": f"{URL}?page=2&size=3"}, URL, {}, ["size"]),
        ({"max": 100, "pageSize": 3, "count": 3, "page": 1}, URL, {}, ["pageSize", "max"]),
        ({}, URL, {}, []),
    ],
)
def test_a_size_is_asked_by_what_something_speaks_of(
    beside: dict[str, Any], url: str, headers: dict[str, str], first: list[str]
) -> None:
    spoken, usual = detect.sizes(answer({"data": ROWS, **beside}, url, **headers), ("data",))

    assert spoken == first
    assert "limit" in {*spoken, *usual}
    assert not {*spoken} & {*usual}


def test_words_are_written_as_their_neighbours_are() -> None:
    parts = ["updated", "since"]

    assert [names.spelled(parts, like=like) for like in ("a_b", "a-b", "aB")] == [
        "updated_since",
        "updated-since",
        "updatedSince",
    ]


def test_the_style_of_a_large_answer_is_told_by_its_beginning() -> None:
    many = [{"a_b": None}, *({} for _ in range(300)), {"cD": {"eF": 1, "gH": 1}}]

    assert names.style({str(n): each for n, each in enumerate(many)}) == "snake"


def test_what_is_very_deep_is_not_looked_for() -> None:
    deep: JSON = {"total": 3}
    for _ in range(40):
        deep = {"a": deep}

    assert detect.totals(answer({"data": ROWS, "beside": deep}), ("data",)) == []


def test_names_are_tried_in_the_style_of_the_answer() -> None:
    camel = detect.sizes(answer({"data": [{"createdAt": 1, "id": 2}]}), ("data",))[1]
    snake = detect.sizes(answer({"data": [{"created_at": 1, "id": 2}]}), ("data",))[1]
    odata = detect.sizes(answer({"@odata.context": "x", "value": ROWS}), ("value",))[1]

    assert camel.index("pageSize") < camel.index("page_size")
    assert snake.index("page_size") < snake.index("pageSize")
    assert odata[0] == "$top"


# ---- changes ----


def stamped(*moments: Any, **also: Any) -> list[JSON]:
    return [{"id": n, "updated_at": moment, **also} for n, moment in enumerate(moments)]


@pytest.mark.parametrize(
    ("name", "value", "format"),
    [
        ("updated_at", "2026-01-02T03:04:05Z", "iso8601"),
        ("LastModifiedDate", "2026-01-02T03:04:05.000+0000", "iso8601"),
        ("modifiedOn", "2026-01-02", "date"),
        ("updated", 1_767_322_800, "epoch_s"),
        ("lastUpdated", 1_767_322_800_000, "epoch_ms"),
        ("updated", "1767322800", "epoch_s"),
        ("updated", "1767322800000", "epoch_ms"),
    ],
)
def test_the_field_that_says_when_a_record_changed_is_found(name: str, value: Any, format: str) -> None:
    found = increments.changed([{"id": 1, name: value, "created_at": "2025-01-01T00:00:00Z"}])

    assert found is not None
    assert (found.path, found.format) == (name, format)


@pytest.mark.parametrize("name", ["created_at", "updated_by", "birthday", "validated"])
def test_other_dates_say_nothing_of_changes(name: str) -> None:
    assert increments.changed([{name: "2026-01-02T03:04:05Z"}]) is None


def test_the_sample_is_cut_between_two_moments() -> None:
    stamps = increments.changed(
        stamped("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-01T00:00:00Z")
    )
    assert stamps is not None

    cut = increments.cut(stamps, None, "iso8601")

    assert cut is not None
    assert (cut.at.isoformat(), cut.older, cut.newer) == ("2026-01-02T00:00:00+00:00", {0, 2}, {1})


def test_a_field_that_few_records_have_says_nothing_of_changes() -> None:
    assert increments.changed(stamped("2026-01-01", None, True, "soon")) is None


def test_dates_are_cut_at_a_day() -> None:
    stamps = increments.changed(stamped("2026-01-01", "2026-01-02", "2026-01-05"))
    assert stamps is not None

    cut = increments.cut(stamps, None, "date")

    assert cut is not None
    assert (cut.at.isoformat(), cut.older, cut.newer) == ("2026-01-03T00:00:00+00:00", {0, 1}, {2})


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("updated_at", ["updated_since", "updated_at_since", "updated_after", "modified_since"]),
        ("lastModifiedOn", ["modifiedSince", "lastModifiedOnSince", "modifiedAfter", "updatedSince"]),
    ],
)
def test_an_api_may_filter_by_a_parameter_called_like_the_field(name: str, first: list[str]) -> None:
    rows: list[JSON] = [{"id": n, name: f"2026-01-0{n + 1}T00:00:00Z"} for n in range(3)]
    stamps = increments.changed(rows)
    assert stamps is not None

    found = increments.parameters(answer(rows), stamps)

    assert found[:4] == first
    assert f"{name}[gte]" in found
    assert len(set(found)) == len(found)
    assert increments.templates(answer(rows), stamps) == []


def test_odata_filters_by_an_expression() -> None:
    rows: list[JSON] = [{"id": 1, "info": {"modifiedOn": "2026-01-01T00:00:00Z"}}]
    stamps = increments.changed(rows)
    assert stamps is not None

    assert increments.templates(answer({"@odata.context": "x", "value": rows}), stamps) == [
        ("$filter", "info/modifiedOn ge {since}")
    ]


@pytest.mark.parametrize(
    "moments", [["2026-01-01T00:00:00Z"] * 3, ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"]]
)
def test_a_sample_of_one_moment_cant_be_cut(moments: list[str]) -> None:
    stamps = increments.changed(stamped(*moments))
    assert stamps is not None

    assert increments.cut(stamps, None, "iso8601") is None


def test_a_cut_tells_change_from_creation_only_where_one_lies_between() -> None:
    records = stamped("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", created_at="2025-01-01T00:00:00Z")
    fresh = [record | {"created_at": record["updated_at"]} for record in records]  # type: ignore[operator, index, call-overload]

    tells = []
    for each in (records, fresh):
        stamps = increments.changed(each)
        assert stamps is not None
        cut = increments.cut(stamps, increments.created(each), "iso8601")
        assert cut is not None
        tells.append(cut.tells_from_created)

    assert tells == [True, False]


# ---- whatever comes ----

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["next", "cursor", "page", "data", "total", "has_more", "a.b", "updated_at", ""])
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@example({"data": [1], "next": 2, "cursor": 0})
@given(json_values)
def test_any_answer_can_be_looked_at_and_what_is_found_is_there(value: Any) -> None:
    asked = answer(value)

    for array in arrays(asked):
        found = paths.get(value, array.path)
        assert isinstance(found, list)
        assert paths.parse(paths.join(array.path)) == array.path
        for paging in detect.leads(asked, array.path):
            place = paging.settings.get("next_cursor_path", paging.settings.get("next_url_path"))
            lead = paths.get(value, paths.parse(place))
            assert lead not in (None, "")
            assert lead is not False
        for place in detect.totals(asked, array.path):
            assert int(paths.get(value, paths.parse(place.path))) >= len(found)  # type: ignore[arg-type]
        assert {each.settings["type"] for each in detect.numbered(asked, array.path)} <= {"page", "offset"}
        detect.ended_leads(asked, array.path)
        detect.sizes(asked, array.path)
        increments.changed(asked.records(array.path))


@given(st.lists(st.integers(10**9, 2 * 10**9), min_size=2, max_size=20))
def test_a_cut_has_older_records_on_one_side_and_newer_ones_on_the_other(moments: list[int]) -> None:
    stamps = increments.changed(stamped(*moments))
    assert stamps is not None
    cut = increments.cut(stamps, None, "iso8601")

    if cut is not None:
        assert cut.older
        assert cut.newer
        for place, value in enumerate(stamps.values):
            assert value is not None
            assert (value < cut.at) == (place in cut.older)
            assert (value > cut.at) == (place in cut.newer)
