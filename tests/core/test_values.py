from __future__ import annotations

import pytest
from msgspec import Raw

from ropewalk.core.values import digest, digests


@pytest.mark.parametrize("salt", [b"", b"s", b"s" * 64])
def test_digests_of_many_are_those_of_each(salt: bytes) -> None:
    every = [b"", b"a", b"a" * 1_000, b"a"]

    assert digests([*every, Raw(b"a")], salt) == [digest(data, salt) for data in [*every, b"a"]]
