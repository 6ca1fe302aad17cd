"""Dry runs, applying and undo as the API offers them (api.md §1)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from ropewalk.store import runs
from ropewalk.store.ids import new_id
from ropewalk.store.models import Run
from tests.doors.conftest import Api, World

RUNS = "/v1/connectors/{connector_id}/streams/accounts/runs"


def asked(api: Api, path: str, body: Any = None) -> tuple[int, Any]:
    answer = api("post", path, body)
    return answer.status_code, json.loads(answer.content)


def finish(run_id: str, **values: Any) -> None:
    """As a worker would, this very moment."""
    from ropewalk.engine.clock import SystemClock

    lease, now = new_id(), SystemClock().now()
    runs.claim(UUID(run_id), worker="w-1", lease=lease, now=now)
    runs.finish(UUID(run_id), lease=lease, status="succeeded", now=now, verdict="complete", **values)


def test_a_dry_run_is_one_beside_a_sync(world: World, api: Api) -> None:
    path = world.path(RUNS)

    first, dry = asked(api, path, {"mode": "dry_run"})
    second, again = asked(api, path, {"mode": "dry_run", "full": True})
    third, sync = asked(api, path, {"mode": "sync"})

    assert (first, second, third) == (202, 200, 202)
    assert (dry["mode"], sync["mode"]) == ("dry_run", "sync")
    assert again == dry


def test_a_dry_run_is_applied(world: World, api: Api) -> None:
    _, dry = asked(api, world.path(RUNS), {"mode": "dry_run"})
    apply = f"/v1/runs/{dry['run_id']}/apply"
    assert asked(api, apply)[0] == 409
    window = {"since": None, "full": True, "resume": None}
    finish(dry["run_id"], counts={"processed": 1, "created": 1}, progress={"window": window})

    first, run = asked(api, apply)
    second, again = asked(api, apply)

    assert (first, second, again) == (202, 200, run)
    assert (run["mode"], run["of_run"]) == ("sync", dry["run_id"])
    assert run["preview"] == {"run_id": dry["run_id"], "differs": {}}
    assert asked(api, f"/v1/runs/{run['run_id']}/apply")[0] == 409


def test_a_run_is_undone(world: World, api: Api) -> None:
    _, run = asked(api, world.path(RUNS), {"mode": "sync"})
    path = f"/v1/runs/{run['run_id']}/undo"
    assert asked(api, path)[0] == 409
    finish(run["run_id"])

    status, undo = asked(api, path)

    assert status == 202
    assert (undo["mode"], undo["trigger"], undo["of_run"]) == ("sync", "undo", run["run_id"])
    # Meanwhile nothing else is, but a dry run.
    assert asked(api, path)[0] == 409
    assert asked(api, world.path(RUNS), {"mode": "sync"})[0] == 409
    assert asked(api, f"/v1/runs/{run['run_id']}/retry-rows", {})[0] == 409
    assert asked(api, world.path(RUNS), {"mode": "dry_run"})[0] == 202
    finish(undo["run_id"])
    assert asked(api, path)[0] == 409
    assert asked(api, f"/v1/runs/{undo['run_id']}/undo")[0] == 409
    assert Run.objects.filter(trigger="undo").count() == 1
