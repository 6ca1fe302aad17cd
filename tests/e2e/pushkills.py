"""A server of pushed events that is killed (kill -9) again and again while eight clients push.

A client that was cut off sends the same batch again to whoever answers next. In the end every event that was answered
202 is there, and none is there twice.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import Any

from tests.e2e.installation import Api, Installation, until
from tests.fakes.warehouses.listening import free_port

CLIENTS = 8
_BATCH = 20


@dataclass
class Pushed:
    """What one client was answered: ids by what was pushed under them."""

    kept: dict[str, int] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    others: list[tuple[int, bytes]] = field(default_factory=list)


class Client(threading.Thread):
    """Every second batch is of events that the server names; those are not sent again, for nobody knows them."""

    def __init__(self, number: int, port: int, path: str, key: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._number, self._port, self._path, self._key = number, port, path, key
        self._random = random.Random(seed * 1_000 + number)
        self._count = 0
        self.stopping = threading.Event()
        self.told = Pushed()

    def run(self) -> None:
        again: list[dict[str, Any]] | None = None
        connection: HTTPConnection | None = None
        while not self.stopping.is_set() or again is not None:
            items = again or self._batch()
            try:
                if connection is None:
                    connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
                self._push(connection, items)
                again = None
            except (OSError, HTTPException):
                again = items if "external_id" in items[0] else None
                if connection is not None:
                    connection.close()
                connection = None
                self.stopping.wait(0.01)
        if connection is not None:
            connection.close()

    def _batch(self) -> list[dict[str, Any]]:
        count = self._random.randint(1, _BATCH)
        if self._random.random() < 0.5:
            return [{"data": {"client": self._number}} for _ in range(count)]
        begin, self._count = self._count, self._count + count
        return [{"external_id": f"{self._number}-{n}", "data": {"n": n}} for n in range(begin, begin + count)]

    def _push(self, connection: HTTPConnection, items: list[dict[str, Any]]) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection.request("POST", self._path, json.dumps({"items": items}).encode(), headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            self.told.others.append((answer.status, text))
            return
        for item, result in zip(items, json.loads(text)["results"], strict=True):
            self.told.outcomes[result["outcome"]] = self.told.outcomes.get(result["outcome"], 0) + 1
            if "external_id" in item:
                self.told.kept[item["external_id"]] = item["data"]["n"]
            else:
                self.told.made.append(result["external_id"])


@dataclass
class Survived:
    kills: int
    answered: int
    stored: int
    missing: list[str]
    twice: list[str]
    wrong: list[str]
    others: list[tuple[int, bytes]]


def survive(installation: Installation, kills: int, seed: int) -> Survived:
    chance = random.Random(seed)
    key = installation.init()
    port = free_port()
    clients: list[Client] = []
    for number in range(kills + 1):
        with installation.started("serve", "--no-worker", "--port", str(port)) as serve:
            api = Api(port, key)
            until(api.is_up, "the server answers")
            if not clients:
                clients = _clients(api, port, seed)
            if number == kills:
                # What was cut off is sent again, and then it is enough.
                for each in clients:
                    each.stopping.set()
                for each in clients:
                    each.join(60)
                return _looked_at(installation, clients, kills)
            seen = _answers(clients)
            until(partial(_answered_more, clients, seen), "somebody is answered")
            time.sleep(chance.random() * 0.3)
            for process in serve.family():
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
            serve.process.wait(30)
    raise AssertionError("not reached")


def _clients(api: Api, port: int, seed: int) -> list[Client]:
    status, made = api.call("POST", "/v1/custom-connectors", {"name": "Load", "source_name": "load"})
    assert status == 201, made
    path = f"/v1/custom-connectors/{made['connector_id']}/ingest"
    clients = [Client(number, port, path, api.key, seed) for number in range(CLIENTS)]
    for each in clients:
        each.start()
    return clients


def _answered_more(clients: list[Client], seen: int) -> bool:
    return _answers(clients) > seen


def _answers(clients: list[Client]) -> int:
    return sum(len(each.told.kept) + len(each.told.made) for each in clients)


def _looked_at(installation: Installation, clients: list[Client], kills: int) -> Survived:
    events, earlier = installation.events()
    stored = [(external_id, json.loads(content)["data"]) for external_id, content in events]
    found = dict(stored)
    kept = {name: n for each in clients for name, n in each.told.kept.items()}
    made = [name for each in clients for name in each.told.made]
    names = [name for name, _ in stored] + earlier
    return Survived(
        kills=kills,
        answered=len(kept) + len(made),
        stored=len(stored),
        missing=sorted((kept.keys() | set(made)) - found.keys()),
        twice=sorted({name for name in names if names.count(name) > 1})
        if len(set(names)) < len(names)
        else [],
        wrong=sorted(name for name, n in kept.items() if name in found and found[name] != {"n": n}),
        others=[other for each in clients for other in each.told.others if other[0] != 503],
    )
