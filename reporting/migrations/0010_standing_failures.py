"""Why messages of a large delivery failed, as it was last counted; and what of it changes without a tally."""

import django.db.models.deletion
from django.db import migrations, models

# A report may know better than an earlier one why a message bounced. No tally tells of that.
NOTED = """
CREATE FUNCTION reporting_note_reasons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE reporting_standingfailures s SET changes = changes + 1 WHERE s.delivery_id IN (
        SELECT n.delivery_id FROM new_rows n JOIN old_rows o USING (delivery_id, seq) WHERE n.reason <> o.reason
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER note_reasons AFTER UPDATE ON deliveries_bounce
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION reporting_note_reasons();
"""
UNNOTED = """
DROP TRIGGER note_reasons ON deliveries_bounce;
DROP FUNCTION reporting_note_reasons();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0050_addressees_together"),
        ("reporting", "0009_standing_figures"),
    ]

    operations = [
        migrations.AddField("standingfigures", "took_ms", models.IntegerField(default=0, db_default=0)),
        migrations.CreateModel(
            name="StandingFailures",
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
                ("at", models.DateTimeField(verbose_name="counted", null=True)),
                ("mark", models.CharField(max_length=64, default="")),
                ("took_ms", models.IntegerField(default=0, db_default=0)),
                ("changes", models.BigIntegerField(default=0, db_default=0)),
                ("by_reason", models.JSONField(default=list)),
                ("by_provider", models.JSONField(default=list)),
            ],
            options={
                "verbose_name": "standing failures of a delivery",
                "verbose_name_plural": "standing failures of deliveries",
            },
        ),
        migrations.RunSQL(NOTED, UNNOTED),
    ]
