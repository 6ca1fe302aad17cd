from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import Raw

from ropewalk.core.values import DIGEST_BYTES, checksum, checksums, digest


def test_checksums_are_of_what_is_read_and_of_the_salt() -> None:
    every = [b"", b"a", b"a" * 1_000, b"a", Raw(b"a")]

    one, other = checksums(every, b"one"), checksums(every, b"other")

    assert [each == one[1] for each in one] == [False, True, False, True, True]
    assert set(one).isdisjoint(other)
    assert checksums(every, b"one") == one


@pytest.mark.parametrize("of", [digest, checksum, lambda data: checksums([data], b"")[0]])
def test_as_many_bytes_of_each(of: Callable[[bytes], bytes]) -> None:
    assert {len(of(data)) for data in (b"", b"a", b"a" * 1_000)} == {DIGEST_BYTES}
