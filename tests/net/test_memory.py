"""What is kept of what warehouses tell: for a while, for one connector, and no more than so much."""

from __future__ import annotations

from ropewalk.core.query import Described
from ropewalk.net.memory import KEPT_SECONDS, MOST_CONNECTORS, MOST_STATEMENTS, Memories

TOLD = Described(())


def test_a_connector_has_its_own_for_a_while() -> None:
    now = 0.0
    memories = Memories(lambda: now)
    memories.of("a").remember("SELECT 1", TOLD)

    assert memories.of("a").described == {"SELECT 1": TOLD}
    assert memories.of("b").described == {}
    now = KEPT_SECONDS
    assert memories.of("a").described == {}


def test_what_was_not_asked_for_longest_goes_first() -> None:
    memories = Memories(lambda: 0.0)
    kept = [memories.of(number) for number in range(MOST_CONNECTORS)]
    assert memories.of(0) is kept[0]
    memories.of("one more")

    assert memories.of(0) is kept[0]
    assert memories.of(1) is not kept[1]


def test_statements_are_bounded() -> None:
    memory = Memories(lambda: 0.0).of("a")
    for number in range(3 * MOST_STATEMENTS + 1):
        memory.remember(f"SELECT {number}", TOLD)

    assert len(memory.described) == 1
