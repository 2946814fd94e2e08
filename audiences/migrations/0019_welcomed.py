"""A subscription says whether welcome mails are for it; those that are there get none."""

from django.db import migrations, models

LOCKS = "SET LOCAL lock_timeout = '10s'"


class Migration(migrations.Migration):
    dependencies = [("audiences", "0018_tracking_consent")]
    operations = [
        migrations.RunSQL(LOCKS, LOCKS),
        migrations.AddField(
            model_name="subscription",
            name="is_welcomed",
            field=models.BooleanField(db_default=False, default=False, verbose_name="gets welcome mails"),
        ),
    ]
