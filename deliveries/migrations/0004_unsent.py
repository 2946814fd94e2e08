"""Of the failed, those about which no server was ever asked have a tally of their own."""

from django.db import migrations, models

BACKFILL = """
UPDATE deliveries_chunk c SET unsent = n.unsent
FROM (
    SELECT k.delivery_id, k.number, count(*) AS unsent
    FROM deliveries_chunk k
    JOIN deliveries_message m ON m.delivery_id = k.delivery_id AND m.seq BETWEEN k.seq_from AND k.seq_to
    WHERE k.failed > 0 AND m.status = 2 AND m.tries = 0 GROUP BY 1, 2
) n WHERE c.delivery_id = n.delivery_id AND c.number = n.number
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0003_leases_of_tries")]
    operations = [
        migrations.AddField("chunk", "unsent", models.IntegerField(db_default=0, default=0)),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
