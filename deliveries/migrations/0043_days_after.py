"""A delivery of a service may go to those who subscribed so many days ago."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0042_untracked_tallies"), ("audiences", "0019_welcomed")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", "SET LOCAL lock_timeout = '10s'"),
        migrations.AddField(
            model_name="delivery",
            name="days_after",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text=(
                    "Of a service: each subscriber gets it once, so many days after they subscribed. For a recurring "
                    "delivery that runs each day or more often. Empty: all subscribers get it."
                ),
                null=True,
                validators=[django.core.validators.MaxValueValidator(365)],
                verbose_name="days after subscribing",
            ),
        ),
    ]
