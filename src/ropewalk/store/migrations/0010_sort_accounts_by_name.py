from __future__ import annotations

from typing import Any

from django.db import migrations


def make(_: Any, schema_editor: Any) -> None:
    """As `store.filters.sort_key` spells it on either database."""
    name = "lower(company_name)"
    if schema_editor.connection.vendor == "postgresql":
        name = f'(({name}) COLLATE "C")'
    schema_editor.execute(
        f"CREATE INDEX account_name ON ropewalk_account (organization_id, {name}, id) WHERE deleted_at IS NULL"
    )


def drop(_: Any, schema_editor: Any) -> None:
    schema_editor.execute("DROP INDEX account_name")


class Migration(migrations.Migration):
    dependencies = [
        ("ropewalk", "0009_who_moved_to_another_account"),
    ]

    operations = [migrations.RunPython(make, drop)]
