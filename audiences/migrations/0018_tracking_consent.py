"""People say whether their opens and clicks may be measured, and the consent log keeps it."""

from django.db import migrations, models

LOCKS = "SET LOCAL lock_timeout = '10s'"  # no column is filled in, so the tables are held for a moment


class Migration(migrations.Migration):
    dependencies = [("audiences", "0017_erasure")]
    operations = [
        migrations.RunSQL(LOCKS, LOCKS),
        migrations.AddField(
            model_name="profile",
            name="track_opens",
            field=models.BooleanField(blank=True, null=True, verbose_name="opens may be measured"),
        ),
        migrations.AddField(
            model_name="profile",
            name="track_clicks",
            field=models.BooleanField(blank=True, null=True, verbose_name="clicks may be measured"),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="purpose",
            field=models.CharField(
                blank=True,
                choices=[("opens", "Open tracking"), ("clicks", "Click tracking")],
                db_default="",
                default="",
                max_length=8,
                verbose_name="tracking",
            ),
        ),
    ]
