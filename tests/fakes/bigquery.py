"""A BigQuery of ours for what the emulator can't say: keys that are refused, jobs that take their time, bytes, limits, pages of
a large result. Whatever it answers fits Google's discovery document (warehouses/bigquery.v2.json, Apache-2.0), or the test fails.

    warehouse = BigQuery(rows=[…], fields=[…])
    with serve(warehouse) as url: …
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.fakes import Answer, Asked, Fake, warehouses

DOCUMENT = Path(__file__).parent / "warehouses" / "bigquery.v2.json"


def _draft7(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": f"#/definitions/{schema['$ref']}"}
    found: dict[str, Any] = {name: schema[name] for name in ("enum",) if name in schema}
    if schema.get("type") not in (None, "any"):
        found["type"] = schema["type"]
    if schema.get("format") in ("int64", "uint64"):
        found["pattern"] = r"^-?\d+$"
    if "properties" in schema:
        found["properties"] = {name: _draft7(each) for name, each in schema["properties"].items()}
        found["additionalProperties"] = False
    if "additionalProperties" in schema:
        found["additionalProperties"] = _draft7(schema["additionalProperties"])
    if "items" in schema:
        found["items"] = _draft7(schema["items"])
    return found


@cache
def _validator(schema: str) -> jsonschema_rs.Draft7Validator:
    schemas = json.loads(DOCUMENT.read_text())["schemas"]
    definitions = {name: _draft7(each) for name, each in schemas.items()}
    return jsonschema_rs.Draft7Validator({"$ref": f"#/definitions/{schema}", "definitions": definitions})


def fits(schema: str, body: Any) -> Any:
    problems = [
        f"{'/'.join(map(str, each.instance_path))}: {each.message}"
        for each in _validator(schema).iter_errors(body)
    ]
    assert not problems, f"{schema}: {problems}"
    return body


@dataclass
class BigQuery(Fake):
    """`waits`: how many times a job is said to be running yet. `size`: bytes that a dry run counts. `refuses`: a key to refuse
    all with. `types` are of `fields`."""

    rows: Sequence[Sequence[str | None]] = ()
    fields: Sequence[tuple[str, str]] = (("id", "STRING"),)
    waits: int = 0
    size: int = 1_000
    statement: str = "SELECT"
    fails: tuple[int, str, str] | None = None
    knows_key: bool = True
    gone: bool = False
    checked: bool = True
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._pages: dict[tuple[int, int], bytes] = {}

    def answer(self, asked: Asked) -> Answer | Any:
        if not self._is_known(asked):
            return self._refusal(401, "authError", "Request had invalid authentication credentials.")
        found = re.fullmatch(
            r"/bigquery/v2/projects/([^/]+)/(jobs|queries)(?:/([^/]+))?(/cancel)?", asked.path
        )
        assert found is not None, asked.path
        project, what, job, cancel = found.groups()
        if asked.method == "POST" and cancel:
            self.jobs[job]["cancelled"] = True
            return fits(
                "JobCancelResponse", {"kind": "bigquery#jobCancelResponse", "job": self._job(project, job)}
            )
        if asked.method == "POST":
            return self._insert(project, fits("Job", asked.json))
        if self.gone or job not in self.jobs:
            return self._refusal(404, "notFound", f"Not found: Job {project}:{job}")
        if what == "queries":
            return self._results(project, job, asked.params)
        return fits("Job", self._job(project, job))

    def _is_known(self, asked: Asked) -> bool:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self.knows_key:
            return False
        try:
            signed, _, signature = token.rpartition(".")
            payload = json.loads(_bytes(signed.split(".")[1]))
            load_pem_private_key(warehouses.pem().encode(), None).public_key().verify(  # type: ignore[union-attr,call-arg]
                _bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, ValueError, IndexError):
            return False
        return bool(payload["aud"] == f"{asked.base}/" and payload["exp"] > time.time())

    def _insert(self, project: str, body: dict[str, Any]) -> Any:
        if self.fails is not None:
            return self._refusal(*self.fails)
        most = body["configuration"]["query"].get("maximumBytesBilled")
        dry = body["configuration"].get("dryRun", False)
        if not dry and most is not None and int(most) < self.size:
            return self._refusal(
                400, "bytesBilledLimitExceeded", f"Query exceeded limit for bytes billed: {most}."
            )
        job = body.get("jobReference", {}).get("jobId", f"job-{len(self.jobs)}")
        self.jobs[job] = {"body": body, "waits": self.waits, "dry": dry}
        return fits("Job", self._job(project, job))

    def _job(self, project: str, job: str) -> dict[str, Any]:
        kept = self.jobs[job]
        running = not kept["dry"] and kept["waits"] > 0
        kept["waits"] -= 1
        query: dict[str, Any] = {"totalBytesProcessed": str(self.size), "statementType": self.statement}
        if kept["dry"]:
            query["schema"] = self._schema()
        return {
            "kind": "bigquery#job",
            "id": f"{project}:EU.{job}",
            "jobReference": {"projectId": project, "jobId": job, "location": "EU"},
            "configuration": kept["body"]["configuration"],
            "status": {"state": "RUNNING" if running else "DONE"},
            "statistics": {"totalBytesProcessed": str(self.size), "query": query},
        }

    def _schema(self) -> dict[str, Any]:
        return {"fields": [{"name": name, "type": type, "mode": "NULLABLE"} for name, type in self.fields]}

    def _results(self, project: str, job: str, params: dict[str, str]) -> Any:
        kept = self.jobs[job]
        reference = {"projectId": project, "jobId": job, "location": "EU"}
        if kept["waits"] > 0:
            kept["waits"] -= 1
            running = {
                "kind": "bigquery#getQueryResultsResponse",
                "jobReference": reference,
                "jobComplete": False,
            }
            return fits("GetQueryResultsResponse", running)
        start = int(params.get("pageToken") or params.get("startIndex") or 0)
        most = int(params.get("maxResults", 1_000))
        return Answer(self._page(reference, start, most))

    def _page(self, reference: dict[str, str], start: int, most: int) -> bytes:
        if (start, most) not in self._pages or self.checked:
            rows = [{"f": [{"v": value} for value in row]} for row in self.rows[start : start + most]]
            after = start + len(rows)
            body = {
                "kind": "bigquery#getQueryResultsResponse",
                "jobReference": reference,
                "jobComplete": True,
                "schema": self._schema(),
                "totalRows": str(len(self.rows)),
                "totalBytesProcessed": str(self.size),
                "rows": rows,
                **({"pageToken": str(after)} if most and after < len(self.rows) else {}),
            }
            if self.checked:
                fits("GetQueryResultsResponse", body)
            self._pages[start, most] = json.dumps(body).encode()
        return self._pages[start, most]

    def _refusal(self, status: int, reason: str, message: str) -> Answer:
        error = {
            "code": status,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
        }
        return Answer({"error": error}, status)


def _bytes(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
