"""A unit may have a grace delay of its own."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.AddField(
            "organizationalunit",
            "grace_seconds",
            models.PositiveIntegerField(
                blank=True,
                help_text="So long a delivery “at once” waits after OK and can still be taken back. Empty: as the unit above has it; at the top, as the installation has it.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(86400)],
                verbose_name="grace delay in seconds",
            ),
        ),
        migrations.AddConstraint(
            "organizationalunit",
            models.CheckConstraint(
                condition=models.Q(("grace_seconds__lte", 86400)), name="unit_grace_within_a_day"
            ),
        ),
    ]
