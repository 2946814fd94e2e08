"""A new time keeps recipients and content; who wrote what was copied outlives the original."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

STEPS = """
INSERT INTO deliveries_transition VALUES
    ('awaiting_approval', 'awaiting_approval'), ('ready', 'awaiting_approval'), ('ready', 'ready');
"""
BACK = """
DELETE FROM deliveries_transition WHERE (old, new) IN (
    ('awaiting_approval', 'awaiting_approval'), ('ready', 'awaiting_approval'), ('ready', 'ready'));
"""

AUTHORS = """
WITH RECURSIVE line AS (
    SELECT id AS copy, copied_from_id, created_at FROM deliveries_delivery WHERE copied_from_id IS NOT NULL
    UNION SELECT l.copy, d.copied_from_id, d.created_at
    FROM deliveries_delivery d JOIN line l ON d.id = l.copied_from_id WHERE d.copied_from_id IS NOT NULL
), authors AS (
    SELECT l.copy, array_agg(DISTINCT c.author_id::bigint) AS ids FROM line l
    JOIN deliveries_content c ON c.delivery_id = l.copied_from_id AND c.created_at <= l.created_at
    WHERE c.author_id IS NOT NULL GROUP BY l.copy
)
UPDATE deliveries_delivery d SET inherited_authors = a.ids FROM authors a WHERE a.copy = d.id
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0004_unsent")]
    operations = [
        migrations.AddField(
            "delivery",
            "inherited_authors",
            django.contrib.postgres.fields.ArrayField(models.BigIntegerField(), default=list, editable=False),
        ),
        migrations.AddField(
            "preparation",
            "kept_from",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="deliveries.preparation",
            ),
        ),
        migrations.RunSQL(AUTHORS, migrations.RunSQL.noop),
        migrations.RunSQL(STEPS, BACK),
    ]
