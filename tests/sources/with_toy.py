"""A plugin of pytest: the toy source's one line of the registry."""

from ropewalk.sources import REGISTRY
from tests.sources import toy

REGISTRY[toy.SOURCE.slug] = toy.SOURCE  # type: ignore[index]
