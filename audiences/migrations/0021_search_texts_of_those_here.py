"""Whoever is here already is written down by the job; nobody is kept from writing meanwhile."""

from django.db import migrations

LOCKS = "SET LOCAL lock_timeout = '10s'"
# The triggers stand already, so that nobody who comes meanwhile is left out.
THOSE_HERE = """
INSERT INTO audiences_searchbacklog (profile_ids)
SELECT array_agg(id) FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / 5000 AS part FROM audiences_profile) AS ids
GROUP BY part
"""
# The version before this one still reads the column, and finds nobody by it: it stays, empty, until the next version.
# No row is rewritten, and the index of the texts goes with them.
EMPTY = "ALTER TABLE audiences_profile DROP COLUMN search, ADD COLUMN search text NOT NULL DEFAULT ''"
FULL = """
ALTER TABLE audiences_profile DROP COLUMN search, ADD COLUMN search text NOT NULL GENERATED ALWAYS AS (sinete_plain(
    coalesce(external_id, '') || chr(10) || email || chr(10) || first_name || chr(10) || last_name || chr(10) || city
    || chr(10) || phone)) STORED
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0020_search_texts")]
    operations = [
        migrations.RunSQL(THOSE_HERE, migrations.RunSQL.noop),
        migrations.RunSQL(LOCKS, LOCKS),
        migrations.RunSQL(
            EMPTY,
            FULL,
            state_operations=[
                migrations.RemoveIndex(model_name="profile", name="profile_search"),
                migrations.RemoveField(model_name="profile", name="search"),
            ],
        ),
    ]
