import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A budget's row holds for seconds: nothing of it is taken along."""

    dependencies = [("ropewalk", "0011_push_connectors")]

    operations = [
        migrations.DeleteModel("budget"),
        migrations.CreateModel(
            name="budget",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("lane", models.CharField(blank=True, default="", max_length=32)),
                ("next_at", models.FloatField(default=0.0)),
                (
                    "connector",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="ropewalk.connector",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            "budget", models.UniqueConstraint(fields=("connector", "lane"), name="one_budget_a_lane")
        ),
        migrations.CreateModel(
            name="grant",
            fields=[
                (
                    "connector",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="ropewalk.connector",
                    ),
                ),
                ("expires_at", models.DateTimeField(null=True)),
                ("renewed_until", models.DateTimeField(null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("granted_at", models.DateTimeField()),
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
        ),
    ]
