"""Handing a CSV file over, saying how it is read and what its columns mean, and starting its runs."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.doors.conftest import World
from tests.web.conftest import Browser
from tests.web.sent import Sent

HERE = "/app/accounts/import"
FILE = (
    "Company;Website;Customer no.;Seats\r\nAda;https://ada.example/;40017;12\r\n"
    "<script>alert(1)</script>;bo.example;18;13\r\n"
)


def file(text: str | bytes = FILE, name: str = "customers.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode(), "text/csv")


def upload(browser: Browser, **parts: Any) -> str:
    answer = browser.post(HERE, {"file": file(**parts)})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def last_run() -> Any:
    from ropewalk.store.models import Run

    return Run.objects.order_by("-id").first()


def test_a_file_leads_to_what_is_in_it(world: World, owner: Browser) -> None:
    at = upload(owner)

    page = owner.get(at).content.decode()

    assert "<h1>customers.csv" in page.replace("\n", "")
    assert page.count('<option value="semicolon" selected>') == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert '<option value="domain_and_external_id" selected>' in page
    assert '<td class="value">40017</td>' in page
    assert "customers.csv" in owner.get(HERE).content.decode()


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({}, "Choose a file."),
        ({"file": file("a,b\n1,2,3\n")}, "Line 2 has 3 values, and there are 2 columns."),
        ({"file": file("")}, "There is nothing in this file."),
    ],
)
def test_what_is_wrong_with_a_file_stands_at_its_field(
    parts: Any, says: str, world: World, owner: Browser
) -> None:
    answer = owner.post(HERE, parts)

    assert (answer.status_code, says in answer.content.decode()) == (422, True)


def test_from_suggestions_to_a_dry_run(world: World, owner: Browser) -> None:
    from ropewalk.store.models import Stream

    at = upload(owner)

    form = Sent(owner, at, "import").do("use:all").do("others").do("dry_run")

    run = last_run()
    assert (form.status, form.answer["Location"]) == (302, f"/app/settings/connectors/runs/{run.id}/")
    assert (run.mode, run.kind) == ("dry_run", "accounts")
    stream = Stream.objects.get(connector=run.connector_id)
    assert stream.settings["matching"] == "domain_and_external_id"
    assert [(each["from"], each["to"]) for each in stream.settings["mapping"]] == [
        ("Company", "companyName"), ("Website", "companyDomain"), ("Customer no\\.", "externalCustomerId"), ("Seats", "seats"),
    ]  # fmt: skip
    page = owner.get(form.answer["Location"]).content.decode()
    assert "Accounts dry run" in page
    assert f'<a href="{at}?kind=accounts">customers.csv (2)</a>' in page
    assert "What became of it" in owner.get(at).content.decode()


def test_what_is_missing_is_said_and_what_was_chosen_stays(world: World, owner: Browser) -> None:
    form = Sent(owner, upload(owner), "import").do("use:companyName").do("sync", matching="external_id")

    assert (form.status, form.wrong) == (
        422,
        {
            "Mapping": "Matching by external_id needs a mapping to externalCustomerId; add it, or choose another way of matching."
        },
    )
    assert '<option value="companyName" selected>' in form.html


def test_read_otherwise(world: World, owner: Browser) -> None:
    at = upload(owner, text="Zoë;zoe.example\nBo;bo.example\n".encode("cp1252"))

    without = Sent(owner, at, "import").do("read", header=None)
    refused = Sent(owner, at, "import").do("read", encoding="utf-8")

    assert "Column 2" in without.html
    assert refused.status == 422
    assert refused.said.startswith(
        "This file can't be read as it is. Line 1, column 3: The byte 0xEB is no UTF-8."
    )


def test_contacts_of_the_same_file(world: World, owner: Browser) -> None:
    at = upload(owner, text="Domain,Mail\nada.example,al@ada.example\n") + "?kind=contacts"

    Sent(owner, at, "import").do("use:all").do("sync")

    assert (last_run().mode, last_run().kind) == ("sync", "contacts")
    assert owner.get(at.replace("contacts", "events")).status_code == 404


def test_rows_of_a_mapping_are_added_and_dropped(world: World, owner: Browser) -> None:
    form = Sent(owner, upload(owner), "import").do("use:companyName").do("use:companyDomain")
    assert form.fields["map.1.to"] == ["companyDomain"]

    form.do("drop:0").do("add")

    assert form.fields["map.0.to"] == ["companyDomain"]
    assert "map.1.from" in form.fields


def test_deleting_says_what_stays(world: World, owner: Browser) -> None:
    at = upload(owner)
    asked = owner.get(f"{at}delete").content.decode()

    done = owner.post(f"{at}delete")

    assert "What was imported from it stays" in asked
    assert done["Location"] == HERE
    assert owner.get(at).status_code == 404


def test_an_erased_file_is_said_to_be_erased(world: World, owner: Browser) -> None:
    from ropewalk.engine.operated import clock, installation
    from ropewalk.store import imported

    at = upload(owner)
    imported.clear(installation().data_dir, clock().now().replace(year=2100))

    page = owner.get(at).content.decode()

    assert "The file is erased" in page
    assert "Dry run" not in page
    assert owner.post(at, {"do": "sync"}).status_code == 422


def test_as_many_queries_for_three_files_as_for_one(
    world: World, owner: Browser, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(QUERIES):
        owner.get(HERE)
    for _ in range(2):
        upload(owner)
    with django_assert_num_queries(QUERIES):
        owner.get(HERE)


QUERIES = 5


def test_members_see_that_they_may_not(world: World, member: Browser, owner: Browser) -> None:
    at = upload(owner)

    assert [member.get(path).status_code for path in (HERE, at)] == [403, 403]
    assert member.post(HERE, {"file": file()}).status_code == 403
    assert "<span>Import CSV</span></button>" in member.get("/app/accounts").content.decode()


def test_nothing_is_read_of_a_file_that_nobody_may_send(world: World) -> None:
    """Neither is its form's token looked for in it."""
    browser = Browser(strict=True)

    class Unread:
        def read(self, _: int = -1) -> bytes:
            raise AssertionError("it was read")

        readline = read

    answer = browser.client.generic(
        "POST",
        HERE,
        b"",
        "multipart/form-data; boundary=x",
        headers={},
        **{"wsgi.input": Unread(), "CONTENT_LENGTH": "100"},
    )

    assert (answer.status_code, answer["Location"]) == (302, "/app/sign-in")
