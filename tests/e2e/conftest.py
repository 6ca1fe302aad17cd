from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Loaded, loaded
from tests.e2e.installation import Installation
from tests.migrated import migrated

__all__ = ["loaded"]


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Makes an installation; gone with the test."""
    made: list[Installation] = []

    def make(name: str = "acme", **options: Any) -> Installation:
        made.append(Installation(tmp_path / name, **options))
        return made[-1]

    yield make
    for one in made:
        one.drop()


@pytest.fixture
def acme(install: Callable[..., Installation], loaded: Loaded) -> Installation:
    """With nobody in it, and commands that don't wait for Python to load them (tests.cli.forked)."""
    return install(like=migrated(), loaded=loaded)
