"""A run that another worker goes on with, while the world around it has changed (product.md §5.1)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ropewalk.engine.runs import batches
from ropewalk.store.models import Change, StreamRecord
from tests.engine.conftest import Serving
from tests.engine.world import INCREMENTAL, MAPPING, Flags, World, brief, complete, failed
from tests.fakes import Answer, Asked, Fake, customers
from tests.fakes.shapes import Cursors, NextUrls, Pages, Shape


@pytest.fixture(autouse=True)
def every_page_is_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 10)


def stop_after(count: int) -> Flags:
    """Its worker goes once so many batches are committed."""
    looks = iter([*[False] * count, True])
    here = threading.current_thread()
    return Flags(stop=lambda: threading.current_thread() is here and next(looks))


def paged(shape: Shape, size: int = 10) -> dict[str, Any]:
    return shape.stream["pagination"] | {"page_size": size}


def test_a_run_goes_on_with_the_settings_it_began_with(world: World, serving: Serving) -> None:
    shop = Pages(customers(50))
    connector = world.connect(
        serving(shop), shop.stream, pagination=paged(shop), mapping=MAPPING[:2], incremental=INCREMENTAL
    )
    run = world.request(connector)
    world.carry_out(run, stop_after(2))
    assert len(world.accounts()) == 20

    world.change(connector, mapping=MAPPING, pagination=paged(shop, 25), incremental=None)
    world.reconfigure(connector, name="The CRM")
    done = world.carry_out(run, worker="w-2")

    assert brief(done) == complete(created=50)
    assert {frozenset(account) for account in world.accounts()} == {
        frozenset({"externalCustomerId", "companyName"})
    }
    assert [asked.params["limit"] for asked in shop.seen] == ["10"] * len(shop.seen)
    # They are not the stream's any more: neither its watermark nor its hashes are the run's.
    assert world.watermark(connector) is None
    following = world.sync(connector)
    assert (brief(following), shop.lines[-2:]) == (
        complete(updated=50),
        ["GET /customers?page=2&limit=25", "GET /customers?page=3&limit=25"],
    )


@pytest.mark.parametrize("status", [400, 404, 410, 422])
@pytest.mark.parametrize("shape", [Cursors, NextUrls])
def test_a_place_that_has_expired_starts_the_run_over(
    shape: type[Shape], status: int, world: World, serving: Serving
) -> None:
    """As if nothing had been counted, and nothing is applied twice."""
    shop = shape(customers(50), default_size=10)
    fake = Expiring(shop, status)
    paging = paged(shop) if shape is Cursors else shop.stream["pagination"]
    connector = world.connect(serving(fake), shop.stream, pagination=paging)
    run = world.request(connector)
    left = world.carry_out(run, stop_after(3))

    fake.refuses = 1
    done = world.carry_out(run, worker="w-2")

    assert (left["counts"]["created"], left["restarts"]) == (30, 0)
    assert (brief(done), done["restarts"], done["pages"]) == (complete(created=20, unchanged=30), 1, 5)
    assert len(world.accounts()) == Change.objects.count() == StreamRecord.objects.count() == 50


def test_a_page_number_does_not_expire(world: World, serving: Serving) -> None:
    shop = Pages(customers(50))
    fake = Expiring(shop)
    connector = world.connect(serving(fake), shop.stream, pagination=paged(shop))
    run = world.request(connector)
    world.carry_out(run, stop_after(3))

    fake.refuses = 1
    done = world.carry_out(run, worker="w-2")

    assert (brief(done), done["restarts"]) == (failed("unexpected_status", created=30), 0)


def test_a_run_starts_over_three_times_at_most(world: World, serving: Serving) -> None:
    shop = NextUrls(customers(50), default_size=10)
    fake = Expiring(shop)
    connector = world.connect(serving(fake), shop.stream)
    run = world.request(connector)
    starts = 0
    world.carry_out(run, stop_after(2))
    while world.run(run)["status"] == "running" and starts < 10:
        starts += 1
        fake.refuses = 1
        world.carry_out(run, stop_after(2), worker=f"w-{starts}")

    done = world.run(run)
    assert (done["status"], done["error"]["code"], done["restarts"]) == ("failed", "unexpected_status", 3)


class Expiring(Fake):
    """Refuses the next page that is not the first one, as often as it is told."""

    def __init__(self, shop: Shape, status: int = 410) -> None:
        super().__init__()
        self.shop = shop
        self.status = status
        self.refuses = 0

    def answer(self, asked: Asked) -> Any:
        if self.refuses and asked.line != self.seen[0].line:
            self.refuses -= 1
            return Answer({"error": "this place has expired"}, self.status)
        return self.shop.answer(asked)
