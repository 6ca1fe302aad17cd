from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Makes an installation; gone with the test."""
    made: list[Installation] = []

    def make(name: str = "acme", **environ: str) -> Installation:
        made.append(Installation(tmp_path / name, **environ))
        return made[-1]

    yield make
    for one in made:
        one.drop()


@pytest.fixture
def acme(install: Callable[..., Installation]) -> Installation:
    return install()
