from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import Q

KEYS = ("company_domain", "external_customer_id")


def make(_: Any, schema_editor: Any) -> None:
    """As `store.fieldsql.key` spells it on either database."""
    name = "substr(lower(company_name), 1, 200)"
    if schema_editor.connection.vendor == "postgresql":
        name = f'(({name}) COLLATE "C")'
        # Their indexes are then in the order that lists are sorted in.
        for column in KEYS:
            schema_editor.execute(f'ALTER TABLE ropewalk_account ALTER COLUMN {column} TYPE text COLLATE "C"')
    # A name of more than 2,700 bytes had no place in it on PostgreSQL.
    schema_editor.execute("DROP INDEX account_name")
    schema_editor.execute(
        f"CREATE INDEX account_name ON ropewalk_account (organization_id, {name}, id) WHERE deleted_at IS NULL"
    )


def leave(_: Any, schema_editor: Any) -> None:
    """What is older finds its way with these."""


class Migration(migrations.Migration):
    dependencies = [
        ("ropewalk", "0013_find_accounts_by_a_part_of_their_names"),
    ]

    operations = [
        migrations.AddField("trackedfield", "indexed", models.BooleanField(default=False)),
        migrations.RunPython(make, leave),
        migrations.AddIndex(
            "account",
            models.Index(
                fields=["organization", "updated_at", "id"],
                condition=Q(deleted_at__isnull=True),
                name="account_changed",
            ),
        ),
        migrations.AddIndex(
            "account",
            models.Index(
                fields=["organization", "owner", "id"],
                condition=Q(owner__isnull=False, deleted_at__isnull=True),
                name="account_owner",
            ),
        ),
    ]
