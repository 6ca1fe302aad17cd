from __future__ import annotations

from itertools import islice
from typing import Any

import django.db.models.deletion
from django.db import migrations, models

LINES = 500


def fill(apps: Any, schema_editor: Any) -> None:
    """As `store.searchtexts` writes them from now on."""
    if schema_editor.connection.vendor == "postgresql":
        # Taken apart and put together at each search, compressed texts would cost more than they save.
        schema_editor.execute("ALTER TABLE ropewalk_searchtext ALTER COLUMN texts SET STORAGE EXTERNAL")
    account, text = apps.get_model("ropewalk", "Account"), apps.get_model("ropewalk", "SearchText")
    columns = ("company_name", "company_domain", "external_customer_id")
    for organization in account.objects.order_by().values_list("organization_id", flat=True).distinct():
        mine = account.objects.filter(organization_id=organization).order_by("id")
        rows = mine.values_list("id", *columns).iterator(LINES)
        while few := list(islice(rows, LINES)):
            lines = ["\x1f".join(filter(None, said)).lower().replace("\n", " ") for _, *said in few]
            ids = b"".join(one.bytes for one, *_ in few)
            text.objects.create(
                organization_id=organization, lines=len(few), texts="\n".join(lines), accounts=ids
            )


def leave(apps: Any, schema_editor: Any) -> None:
    """The table goes."""


class Migration(migrations.Migration):
    dependencies = [
        ("ropewalk", "0012_request_lanes_and_grants"),
    ]

    operations = [
        migrations.CreateModel(
            name="SearchText",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("lines", models.IntegerField()),
                ("texts", models.TextField()),
                ("accounts", models.BinaryField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="ropewalk.organization",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "id"], name="searchtext_page")],
            },
        ),
        migrations.RunPython(fill, leave),
    ]
