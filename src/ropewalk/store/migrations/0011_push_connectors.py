import django.db.models.deletion
from django.db import migrations, models

import ropewalk.store.ids


class Migration(migrations.Migration):
    dependencies = [("ropewalk", "0010_sort_accounts_by_name")]

    operations = [
        migrations.AddField("organization", "keep_events_days", models.PositiveIntegerField(null=True)),
        migrations.CreateModel(
            name="PushConnector",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=ropewalk.store.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("source_name", models.CharField(max_length=63)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.JSONField(default=dict)),
                ("updated_at", models.DateTimeField()),
                ("is_active", models.BooleanField(default=True)),
                ("accepted_kinds", models.JSONField(default=list)),
                ("metadata", models.JSONField(default=dict)),
                ("event_schema", models.JSONField(null=True)),
                ("rekeying", models.JSONField(null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="ropewalk.organization",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "id"], name="push_connector_page"),
                    models.Index(
                        condition=models.Q(("rekeying__isnull", False)),
                        fields=["id"],
                        name="push_connector_rekeying",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "source_name"), name="one_push_connector_a_source_name"
                    )
                ],
            },
        ),
    ]
