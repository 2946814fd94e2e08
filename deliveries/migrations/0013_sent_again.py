"""That a message was sent again, the outcome of its first hand-over unknown, is kept."""

import django.db.models.deletion
from django.db import migrations, models

# Of tries that wait now; of those that ended before, nobody kept it.
BACKFILL = """
INSERT INTO deliveries_sentagain (delivery_id, seq, since)
SELECT delivery_id, seq, doubted_at FROM deliveries_try WHERE doubted_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0012_moments")]
    operations = [
        migrations.CreateModel(
            name="SentAgain",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "delivery_id", "seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("seq", models.IntegerField()),
                ("since", models.DateTimeField(verbose_name="outcome of the first unknown since")),
                (
                    "delivery",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="sent_again",
                        to="deliveries.delivery",
                    ),
                ),
            ],
            options={
                "verbose_name": "message that was sent again",
                "verbose_name_plural": "messages that were sent again",
            },
        ),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
