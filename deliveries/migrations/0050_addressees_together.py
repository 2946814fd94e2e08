"""Whom messages that are gone were written to: a row for each thousand in place of one for each."""

import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

PATIENCE = "SET LOCAL lock_timeout = '10s'"
TOGETHER = """
    INSERT INTO deliveries_addressees (delivery_id, seq_from, seq_to, profile_ids)
    SELECT b.delivery_id, b.first, b.last, ARRAY(
        SELECT a.profile_id FROM generate_series(b.first, b.last) s
        LEFT JOIN deliveries_addressee a ON a.delivery_id = b.delivery_id AND a.seq = s ORDER BY s)
    FROM (
        SELECT delivery_id, min(seq) AS first, max(seq) AS last FROM deliveries_addressee
        GROUP BY delivery_id, seq / 1000
    ) b
"""
APART = """
    INSERT INTO deliveries_addressee (delivery_id, seq, profile_id)
    SELECT a.delivery_id, a.seq_from + n - 1, p FROM deliveries_addressees a,
        unnest(a.profile_ids) WITH ORDINALITY u (p, n)
    WHERE p IS NOT NULL
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0049_retention_of_units")]
    operations = [
        migrations.RunSQL(PATIENCE, PATIENCE),
        migrations.CreateModel(
            "Addressees",
            [
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "delivery_id",
                        "seq_from",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("seq_from", models.IntegerField()),
                ("seq_to", models.IntegerField()),
                ("profile_ids", ArrayField(models.BigIntegerField(null=True), size=None)),
                (
                    "delivery",
                    models.ForeignKey(
                        "deliveries.delivery",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                    ),
                ),
            ],
            {
                "verbose_name": "addressees of messages that are gone",
                "verbose_name_plural": "addressees of messages that are gone",
            },
        ),
        migrations.RunSQL(TOGETHER, APART),
        migrations.DeleteModel("Addressee"),
    ]
