from typing import Any

import pytest

from ropewalk.core.eventschema import properties, said

ORDER = {"type": "Order placed", "customer": {"domain": "acme.com", "plan": "gold"}, "lines": {"count": 3}}


@pytest.mark.parametrize(
    ("item", "about"),
    [
        ({"text": "Hello"}, {"text": "Hello"}),
        ({"kind": "page", "payload": {"title": "Pricing"}}, {"title": "Pricing"}),
        ({"data": [1, 2]}, [1, 2]),
        ({"data": None}, None),
        ({"external_id": "a"}, {}),
    ],
)
def test_what_an_item_is_about(item: dict[str, Any], about: Any) -> None:
    assert said(item) == about


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        (None, ORDER),
        (
            {"name": "type", "account": "customer.domain", "match_by": "domain"},
            {"customer": {"plan": "gold"}, "lines": {"count": 3}},
        ),
        ({"name": "type", "properties": "lines"}, {"count": 3}),
        ({"properties": "nowhere"}, {}),
    ],
)
def test_properties_are_what_its_other_paths_have_not_taken(
    schema: dict[str, str] | None, found: dict[str, Any]
) -> None:
    assert properties({"data": ORDER}, schema) == found
