"""A sender may name the route by which its deliveries leave. The table is small: one row for each sender."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0030_bounces")]
    operations = [
        migrations.AddField(
            "sender",
            "route",
            models.ForeignKey(
                blank=True,
                help_text="By which a delivery leaves that chooses this sender; empty: as the delivery says.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="deliveries.route",
                verbose_name="route",
            ),
        )
    ]
