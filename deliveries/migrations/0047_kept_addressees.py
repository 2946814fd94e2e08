"""Of a delivery whose rows go with their whole range it is noted up to which message its addressees are kept."""

from django.db import migrations, models

PATIENCE = "SET LOCAL lock_timeout = '10s'"


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0046_ledger_ranges")]
    operations = [
        migrations.RunSQL(PATIENCE, PATIENCE),
        migrations.AddField(
            "purge", "kept_upto", models.IntegerField(db_default=0, default=0, editable=False)
        ),
    ]
