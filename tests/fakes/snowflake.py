"""A Snowflake of ours for what fakesnow can't: who isn't let in, results in chunks on a stage, results that are kept under their
query's id, and what a statement was asked with. Written from Snowflake's documentation of its wire format and Arrow results.

    account = Snowflake(rows=[("c-1", 7), …], chunk=100)
    with serve(account) as url: …

The first rows stand in the answer itself; the others are chunks, which only who has the answer's headers may fetch. Each
statement gives all rows, whatever it says."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tests.fakes import Answer, Asked, Fake

INLINE = 3
_STAGE_KEY = {"x-amz-server-side-encryption-customer-key": "of this result only"}


def said(asked: Asked) -> Any:
    packed = asked.headers.get("content-encoding") == "gzip"
    return json.loads(gzip.decompress(asked.body) if packed else asked.body)


class Snowflake(Fake):
    """`columns`: name -> TEXT or FIXED. `keeps`: results, for the next session."""

    def __init__(
        self,
        rows: Sequence[Sequence[Any]] = (),
        columns: dict[str, str] | None = None,
        *,
        chunk: int = 100,
        knows: bool = True,
        keeps: bool = True,
    ) -> None:
        super().__init__()
        self.rows = list(rows)
        self.columns = columns or {"ID": "TEXT", "SEATS": "FIXED"}
        self.chunk = chunk
        self.knows = knows
        self.keeps = keeps
        self.statements: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Answer | Any:
        place = asked.path.rpartition("/")[2]
        if asked.path.endswith("/login-request"):
            return self._signed_in()
        if asked.path.startswith("/stage/"):
            if any(asked.headers.get(name) != value for name, value in _STAGE_KEY.items()):
                return Answer(status=403)
            return Answer(gzip.compress(self._arrow(int(place))), headers={"Content-Encoding": "gzip"})
        if asked.path.endswith("/query-request"):
            statement = said(asked)
            self.statements.append(statement)
            return self.query(asked, statement)
        if asked.path.endswith("/result"):
            number = asked.path.split("/")[2]
            return (
                self._result(asked, number)
                if self.keeps
                else _refusal("000709", f"Statement {number} not found")
            )
        return {"success": True, "code": None, "data": None}

    def query(self, asked: Asked, statement: dict[str, Any]) -> Any:
        return self._result(
            asked, f"query-{len(self.statements)}", described=bool(statement.get("describeOnly"))
        )

    def _signed_in(self) -> Any:
        if not self.knows:
            return _refusal("390100", "Incorrect username or password.")
        return {
            "success": True,
            "data": {"token": "t", "masterToken": "m", "parameters": [], "sessionInfo": {}, "sessionId": 7},
        }

    def _result(self, asked: Asked, number: str, *, described: bool = False) -> Any:
        inline, rest = self.rows[:INLINE], range(INLINE, len(self.rows), self.chunk)
        data = {
            "queryId": number,
            "queryResultFormat": "arrow",
            "statementTypeId": 4096,
            "rowtype": [_column(name, type) for name, type in self.columns.items()],
            "parameters": [],
            "total": 0 if described else len(self.rows),
            "rowsetBase64": "" if described else base64.b64encode(self._stream(inline)).decode(),
            "finalDatabaseName": "ACME",
            "finalSchemaName": "CRM",
        }
        if rest and not described:
            sizes = {"uncompressedSize": 1, "compressedSize": 1}
            data["chunkHeaders"] = _STAGE_KEY
            data["chunks"] = [
                {
                    "url": f"{asked.base}/stage/{start}",
                    "rowCount": len(self.rows[start : start + self.chunk]),
                    **sizes,
                }
                for start in rest
            ]
        return {"success": True, "code": None, "message": None, "data": data}

    def _arrow(self, start: int) -> bytes:
        return self._stream(self.rows[start : start + self.chunk])

    def _stream(self, rows: Sequence[Sequence[Any]]) -> bytes:
        fields = [
            pa.field(
                name,
                {"TEXT": pa.string(), "FIXED": pa.int64()}[type],
                metadata={"logicalType": type, "precision": "38", "scale": "0", "charLength": "100"},
            )
            for name, type in self.columns.items()
        ]
        columns = [[row[place] for row in rows] for place in range(len(fields))]
        batch = pa.record_batch(columns, schema=pa.schema(fields))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue())


def _column(name: str, type: str) -> dict[str, Any]:
    sizes = {"length": 100, "byteLength": 400} if type == "TEXT" else {"length": None, "byteLength": None}
    whole = {"precision": 38, "scale": 0} if type == "FIXED" else {"precision": None, "scale": None}
    return {"name": name, "type": type.lower(), "nullable": True, **sizes, **whole}


def _refusal(code: str, message: str) -> Any:
    return {"success": False, "code": code, "message": message, "data": {}}
