"""PostgreSQL counts no values of columns that nobody looks for: of wide rows they are the most of an ANALYZE."""

from django.db import migrations

PATIENCE = "SET LOCAL lock_timeout = '10s'"
COLUMNS = {
    "deliveries_message": ("values", "reply", "salt", "digest"),
    "deliveries_staging": ("values", "address"),
}


def looked_at(rows):
    """Of partitions too; nobody who reads or writes waits for it."""
    return [
        f'ALTER TABLE {table} ALTER COLUMN "{column}" SET STATISTICS {rows}'
        for table, columns in COLUMNS.items()
        for column in columns
    ]


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0050_addressees_together")]
    operations = [migrations.RunSQL([PATIENCE, *looked_at(0)], [PATIENCE, *looked_at(-1)])]
