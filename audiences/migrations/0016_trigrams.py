"""Profiles are found by any part of their text by an index of trigrams."""

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management.base import CommandError
from django.db import NotSupportedError, OperationalError, ProgrammingError, migrations

MISSING = (
    "PostgreSQL has no extension pg_trgm here, and this user may not create it. Let an administrator of the database "
    "run: CREATE EXTENSION pg_trgm; (on Debian it is in postgresql-contrib), then migrate again."
)


def create_extension(apps: Any, schema_editor: Any) -> None:
    """The extension is there; raise CommandError that says what to do where it may not be created."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone():
            return
        try:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except (NotSupportedError, OperationalError, ProgrammingError) as error:
            raise CommandError(f"{MISSING}\n{error}") from error


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("audiences", "0015_consents_of_an_address")]
    operations = [
        migrations.RunPython(create_extension, migrations.RunPython.noop),
        # A build that was broken off leaves an index that is not valid.
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS profile_search", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="profile",
            index=GinIndex(
                fastupdate=True,
                fields=["search"],
                gin_pending_list_limit=65_536,
                name="profile_search",
                opclasses=["gin_trgm_ops"],
            ),
        ),
    ]
