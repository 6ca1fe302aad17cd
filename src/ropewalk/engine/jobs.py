"""The durable queue. A run's row is the truth; a job (a DBOS workflow whose id is the run's) only carries it.

Web and CLI enqueue; workers launch. Imported late where start-up time matters: DBOS takes half a second to load.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from ropewalk.core.errors import RetryLater

if TYPE_CHECKING:
    from dbos import DBOSClient

QUEUE = "runs"
WORKFLOW = "run"
SCHEMA = "ropewalk_jobs"
# Fixed, so that a worker of the next version takes over what the last one left.
APPLICATION_VERSION = "1"
POLLING_SECONDS = 0.25
_OPEN = ["PENDING", "ENQUEUED"]


class Job(Struct, frozen=True):
    run_id: str
    executor: str | None
    status: str


_clients: dict[str, DBOSClient] = {}
_connecting = threading.Lock()


def _client(url: str) -> DBOSClient:
    """One a process and queue."""
    from dbos import DBOSClient

    with _connecting:
        if url not in _clients:
            _clients[url] = DBOSClient(
                system_database_url=url, dbos_system_schema=SCHEMA, retry_connection_errors=False
            )
        return _clients[url]


def disconnect(url: str) -> None:
    """The next use connects anew."""
    with _connecting:
        client = _clients.pop(url, None)
    if client is not None:
        client.destroy()


@contextmanager
def _queue(url: str) -> Iterator[DBOSClient]:
    """Raises `RetryLater` while the queue can't be reached, as before the first worker has made it."""
    from dbos import error as dbos_errors
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield _client(url)
    except (SQLAlchemyError, dbos_errors.DBOSException, OSError) as error:
        disconnect(url)
        raise RetryLater("queue_unreachable", "The job queue can't be reached.", detail=repr(error)) from None


def enqueue(url: str, run_id: str) -> None:
    with _queue(url) as client:
        client.enqueue(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": run_id,
                "app_version": APPLICATION_VERSION,
            },
            run_id,
        )


def enqueue_anew(url: str, run_ids: Sequence[str]) -> None:
    """For runs that have no open job. One that has ended would be taken for the new one, so it goes first: a stalled
    worker's job ends with its lease, also where the worker that took over is gone by now."""
    if not run_ids:
        return
    with _queue(url) as client:
        known = client.list_workflows(workflow_ids=list(run_ids), load_input=False, load_output=False)
        if ended := [each.workflow_id for each in known if each.status not in _OPEN]:
            client.delete_workflows(ended)
    for run_id in run_ids:
        enqueue(url, run_id)


def open_jobs(url: str) -> list[Job]:
    with _queue(url) as client:
        return [
            Job(each.workflow_id, each.executor_id, each.status)
            for each in client.list_workflows(status=_OPEN, load_input=False, load_output=False)
        ]


def resume(url: str, run_ids: Iterable[str]) -> None:
    """Puts jobs whose worker is gone back into the queue; one that has ended stays so."""
    if wanted := list(run_ids):
        with _queue(url) as client:
            client.resume_workflows(wanted, queue_name=QUEUE)


class Launched:
    """This process takes jobs until `stop`; jobs it holds then stay its own, for another worker's sweep to resume."""

    def __init__(self, url: str, worker: str, carry_out: Callable[[str], None], *, at_once: int) -> None:
        from dbos import DBOS

        self._stopped = threading.Event()
        DBOS(
            config={
                "name": "ropewalk",
                "system_database_url": url,
                "dbos_system_schema": SCHEMA,
                "executor_id": worker,
                "application_version": APPLICATION_VERSION,
                "use_listen_notify": False,
                "log_level": "WARNING",
            }
        )

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
        def run(run_id: str) -> None:
            carry_out(run_id)

        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=at_once, polling_interval_sec=POLLING_SECONDS)

    def stop(self) -> None:
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)
