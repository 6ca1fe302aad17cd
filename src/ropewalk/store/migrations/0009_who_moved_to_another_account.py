from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ropewalk", "0008_saved_views")]

    operations = [
        migrations.AddField("waitingcontact", "person", models.CharField(max_length=32, null=True)),
        migrations.AddIndex(
            "waitingcontact", models.Index(fields=["stream", "person"], name="waiting_person")
        ),
    ]
