"""Files that came with events, in a folder and in S3-compatible storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ropewalk.store.buckets import BucketUploads
from ropewalk.store.uploads import FolderUploads, Uploads
from tests.fakes.moto import moto

pytestmark = pytest.mark.any_database


@pytest.fixture(scope="module")
def bucket() -> Iterator[Uploads]:
    with moto() as url:
        yield BucketUploads(url)


@pytest.fixture(params=["folder", "bucket"])
def uploads(request: pytest.FixtureRequest, tmp_path: Path) -> Uploads:
    if request.param == "folder":
        return FolderUploads(tmp_path / "uploads")
    made: Uploads = request.getfixturevalue("bucket")
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"%PDF" * 1_000_000)
    return path


def test_once_for_each_content_and_organization(uploads: Uploads, file: Path) -> None:
    mine, theirs = uuid4(), uuid4()
    for _ in range(2):
        uploads.put(mine, "cb94", file)

    assert (uploads.has(mine, "cb94"), uploads.has(theirs, "cb94"), uploads.has(mine, "cb95")) == (
        True,
        False,
        False,
    )
    assert b"".join(uploads.read(mine, "cb94")) == file.read_bytes()
    assert file.exists()


def test_what_is_deleted_is_gone_and_can_come_again(uploads: Uploads, file: Path) -> None:
    organization: UUID = uuid4()
    uploads.put(organization, "cb94", file)
    uploads.put(organization, "cb95", file)
    uploads.delete(organization, ["cb94", "0000"])

    assert (uploads.has(organization, "cb94"), uploads.has(organization, "cb95")) == (False, True)
    with pytest.raises(FileNotFoundError):
        b"".join(uploads.read(organization, "cb94"))
    uploads.put(organization, "cb94", file)
    assert uploads.has(organization, "cb94")


def test_storage_that_is_away(file: Path) -> None:
    away = BucketUploads("s3://key:secret@127.0.0.1:9/events?tls=false")

    with pytest.raises(OSError):
        away.put(uuid4(), "cb94", file)
