from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ropewalk", "0005_waiting_contacts"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="session_epoch",
            field=models.IntegerField(default=0),
        ),
        migrations.CreateModel(
            name="Attempts",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("began", models.FloatField()),
                ("count", models.IntegerField()),
                ("ends", models.FloatField(db_index=True)),
            ],
        ),
    ]
