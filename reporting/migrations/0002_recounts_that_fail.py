from django.db import migrations, models

STATUSES = [("queued", "Queued"), ("done", "Completed"), ("failed", "Failed")]


class Migration(migrations.Migration):
    dependencies = [("reporting", "0001_statistics")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", migrations.RunSQL.noop),
        migrations.AlterField(
            "statisticsrun",
            "status",
            models.CharField(choices=STATUSES, default="queued", max_length=8, verbose_name="status"),
        ),
        migrations.AddField("statisticsrun", "lease_until", models.DateTimeField(editable=False, null=True)),
        migrations.AddField(
            "statisticsrun", "token", models.BigIntegerField(db_default=0, default=0, editable=False)
        ),
        migrations.AddField(
            "statisticsrun",
            "unended",
            models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
