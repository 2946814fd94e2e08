from django.db import migrations

NEW = "CREATE INDEX CONCURRENTLY IF NOT EXISTS deliveries_staging_run ON deliveries_staging"
OLD = "CREATE INDEX CONCURRENTLY IF NOT EXISTS deliveries_staging_key ON deliveries_staging"


class Migration(migrations.Migration):
    """The staging table is read by run: the key says whose rows they are."""

    atomic = False  # built beside preparations that work in it

    dependencies = [("deliveries", "0018_next_looks")]
    operations = [
        migrations.RunSQL(
            f"{NEW} (preparation_id, token, address_key, profile_id)",
            "DROP INDEX CONCURRENTLY IF EXISTS deliveries_staging_run",
        ),
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS deliveries_staging_key",
            f"{OLD} (preparation_id, address_key, profile_id)",
        ),
    ]
