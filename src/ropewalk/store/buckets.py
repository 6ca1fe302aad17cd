"""Uploads in S3-compatible storage (the extra `s3`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from ropewalk.core.errors import MustFix

try:
    import obstore
    from obstore.store import S3Store
except ImportError:
    obstore = None  # type: ignore[assignment]

_MISSING = "Uploads in S3-compatible storage need a library that isn't installed: pip install 'ropewalk[s3]'."


class BucketUploads:
    def __init__(self, url: str) -> None:
        self._store = _opened(url)

    def put(self, organization_id: UUID, digest: str, file: Path) -> None:
        if not self.has(organization_id, digest):
            try:
                obstore.put(self._store, _place(organization_id, digest), file)
            except obstore.exceptions.BaseError as error:
                raise OSError(str(error)) from error

    def has(self, organization_id: UUID, digest: str) -> bool:
        try:
            obstore.head(self._store, _place(organization_id, digest))
        except FileNotFoundError:
            return False
        except obstore.exceptions.BaseError as error:
            raise OSError(str(error)) from error
        return True

    def read(self, organization_id: UUID, digest: str) -> Iterator[bytes]:
        for piece in obstore.get(self._store, _place(organization_id, digest)):
            yield bytes(piece)

    def delete(self, organization_id: UUID, digests: Sequence[str]) -> None:
        for digest in digests:
            try:
                obstore.delete(self._store, _place(organization_id, digest))
            except FileNotFoundError:
                continue
            except obstore.exceptions.BaseError as error:
                raise OSError(str(error)) from error


def _place(organization_id: UUID, digest: str) -> str:
    return f"{organization_id.hex}/{digest[:2]}/{digest}"


def _opened(url: str) -> S3Store:
    """`s3://KEY:SECRET@HOST:PORT/BUCKET/PREFIX?region=…&tls=false`; what isn't there is AWS's, or its environment's."""
    if obstore is None:
        raise MustFix("library_missing", _MISSING)
    parts = urlsplit(url)
    bucket, _, prefix = parts.path.strip("/").partition("/")
    said = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    given: dict[str, Any] = {"region": said.get("region", "us-east-1")}
    if parts.hostname:
        scheme = "http" if said.get("tls") == "false" else "https"
        port = f":{parts.port}" if parts.port else ""
        given["endpoint"] = f"{scheme}://{parts.hostname}{port}"
        given["client_options"] = {"allow_http": scheme == "http"}
    if parts.username and parts.password:
        given["access_key_id"] = unquote(parts.username)
        given["secret_access_key"] = unquote(parts.password)
    return S3Store(bucket, prefix=prefix or None, **given)
