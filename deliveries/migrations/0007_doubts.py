"""Doubts that a person has sent again, remainders of stopped deliveries, the grace delay of a confirmation."""

import django.db.models.deletion
from django.db import migrations, models

CAUSES = [
    ("no_address", "Address not specified"),
    ("malformed", "Malformed address"),
    ("opted_out", "Opted out"),
    ("quarantined", "Quarantined address"),
    ("duplicate", "Duplicate"),
    ("written_to", "Address written to before"),
]


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0006_dkim")]
    operations = [
        migrations.AddField("try", "doubted_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "confirmation", "leaves_at", models.DateTimeField(blank=True, null=True, verbose_name="leaves")
        ),
        migrations.AddField(
            "delivery",
            "remainder_of",
            models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="remainders",
                to="deliveries.delivery",
            ),
        ),
        migrations.AddConstraint(
            "delivery",
            models.UniqueConstraint(
                condition=models.Q(("status", "expired"), _negated=True),
                fields=("remainder_of",),
                name="delivery_one_live_remainder",
            ),
        ),
        migrations.AlterField(
            "exclusion", "cause", models.CharField(choices=CAUSES, max_length=16, verbose_name="cause")
        ),
    ]
