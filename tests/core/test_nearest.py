from __future__ import annotations

import pytest

from ropewalk.core.nearest import MOST_SHOWN, meant

MANY = [f"field{number:03}" for number in range(MOST_SHOWN + 7)]


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("stauts", ["limit", "status"], "Did you mean status?"),
        ("zzz", ["limit", "status"], "There are limit, status."),
        ("zzz", MANY[:MOST_SHOWN], f"There are {', '.join(MANY[:MOST_SHOWN])}."),
        ("zzz", MANY, f"There are {', '.join(MANY[:MOST_SHOWN])} and 7 more."),
        ("zzz", [], ""),
    ],
)
def test_the_nearest_name_or_where_none_is_near_some_of_them(name: str, known: list[str], told: str) -> None:
    assert meant(name, known) == told


def test_several_may_be_meant() -> None:
    known = ["companyName", "companyDomain", "seats"]

    assert meant("companyname", known, nearest=3) == "Did you mean companyName or companyDomain?"
