"""What was last counted from the rows of a large delivery, for the pages that draw it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0044_retention"),
        ("reporting", "0008_retention"),
    ]

    operations = [
        migrations.CreateModel(
            name="StandingFigures",
            fields=[
                (
                    "delivery",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="deliveries.delivery",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="counted")),
                ("mark", models.CharField(max_length=64)),
                ("by_link", models.JSONField(default=list)),
                ("by_time", models.JSONField(default=list)),
                ("by_minute", models.JSONField(default=list)),
            ],
            options={
                "verbose_name": "standing figures of a delivery",
                "verbose_name_plural": "standing figures of deliveries",
            },
        ),
    ]
