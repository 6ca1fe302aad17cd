import django.db.models.deletion
from django.db import migrations, models

import ropewalk.store.ids


class Migration(migrations.Migration):
    dependencies = [
        ("ropewalk", "0007_links_that_let_people_in"),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=ropewalk.store.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("folded", models.CharField(max_length=300)),
                ("parts", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "member",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to="ropewalk.member"
                    ),
                ),
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
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("member__isnull", False)),
                        fields=("organization", "member", "folded"),
                        name="one_view_a_name_and_member",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("member", None)),
                        fields=("organization", "folded"),
                        name="one_shared_view_a_name",
                    ),
                ],
            },
        ),
    ]
