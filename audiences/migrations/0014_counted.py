"""How many profiles an audience had when it was counted last. Two columns that may be empty: nothing is rewritten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audiences", "0013_addresses_that_said_no")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", "SET LOCAL lock_timeout = '10s'"),
        migrations.AddField(
            model_name="audience",
            name="counted",
            field=models.BigIntegerField(editable=False, null=True, verbose_name="people"),
        ),
        migrations.AddField(
            model_name="audience",
            name="counted_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="counted"),
        ),
    ]
