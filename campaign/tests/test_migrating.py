"""Migrations hold up nobody: they wait for a lock only for a moment, and build indexes beside those who write."""

import re
import threading
from io import StringIO

import psycopg
import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import CommandError, call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

from campaign.management.commands.migrate import patient
from deliveries.sending.exchange import connection_parameters

OURS = {"accounts": 2, "audiences": 1, "campaign": 1, "deliveries": 15, "feedback": 1, "reporting": 1}
LOCKING_INDEX = re.compile(r"CREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)", re.IGNORECASE)


@pytest.fixture
def elsewhere(transactional_db):
    with psycopg.connect(**connection_parameters()) as other:
        yield other


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_migration_that_meets_a_busy_table_gives_up_and_says_what_to_do(elsewhere):
    elsewhere.execute("SELECT 1 FROM deliveries_delivery")

    with pytest.raises(CommandError, match=r"A table is busy.*Try again"), patient(connection, 0.2):
        execute("ALTER TABLE deliveries_delivery ADD COLUMN nothing int")

    assert execute("SHOW lock_timeout") == [("0",)]


def test_an_index_that_is_built_beside_those_who_write_waits_for_them(elsewhere):
    elsewhere.execute("LOCK TABLE feedback_report IN ROW EXCLUSIVE MODE")
    release = threading.Thread(target=end_once_waited_for, args=[elsewhere])
    release.start()

    with patient(connection, 0.05):
        execute("CREATE INDEX CONCURRENTLY for_a_test ON feedback_report (seq)")
        assert execute("SHOW lock_timeout") == [("50ms",)]

    release.join()
    execute("DROP INDEX for_a_test")


def end_once_waited_for(other):
    """The transaction is held until the index has waited for it for longer than a lock may be waited for."""
    with psycopg.connect(**connection_parameters(), autocommit=True) as third:
        while not third.execute(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock'"
            " AND clock_timestamp() - state_change > interval '0.2 seconds'"
        ).fetchall():
            pass
    other.commit()


def test_migrate_itself_waits_so(transactional_db):
    seen = []

    def look(execute, sql, *more):
        seen.append(sql)
        return execute(sql, *more)

    with connection.execute_wrapper(look):
        call_command("migrate", "--lock-seconds", "1.5", verbosity=0, stdout=StringIO())

    assert seen[0] == "SET lock_timeout = 1500"
    assert execute("SHOW lock_timeout") == [("0",)]


def later_migrations():
    loader = MigrationLoader(None)
    return [
        migration for (app, name), migration in sorted(loader.disk_migrations.items())
        if app in OURS and int(name.partition("_")[0]) > OURS[app]
    ]  # fmt: skip


def locks_while_it_builds(operation, made):
    match operation:
        case AddIndexConcurrently():
            return False
        case migrations.AddIndex():
            return operation.model_name.lower() not in made
        case migrations.RunSQL():
            return bool(LOCKING_INDEX.search(str(operation.sql)))
        case migrations.SeparateDatabaseAndState():
            return any(locks_while_it_builds(inner, made) for inner in operation.database_operations)
    return False


def test_indexes_on_tables_that_are_there_are_built_without_locking_them():
    locking = []
    for migration in later_migrations():
        made = {
            each.name.lower() for each in migration.operations if isinstance(each, migrations.CreateModel)
        }
        # A stored column that PostgreSQL computes writes the whole table anew: nobody waits longer for its indexes.
        made |= {
            each.model_name.lower() for each in migration.operations
            if isinstance(each, migrations.AddField) and isinstance(each.field, models.GeneratedField)
        }  # fmt: skip
        locking += [
            (str(migration), str(operation)) for operation in migration.operations
            if locks_while_it_builds(operation, made)
        ]  # fmt: skip

    assert locking == []


@pytest.mark.parametrize(
    ("operation", "locks"),
    [
        (migrations.AddIndex("hit", models.Index(fields=["seq"], name="some")), True),
        (migrations.RunSQL("CREATE INDEX some ON feedback_hit (seq)"), True),
        (migrations.RunSQL("CREATE INDEX CONCURRENTLY some ON feedback_hit (seq)"), False),
    ],
)
def test_what_locks_is_known(operation, locks):
    assert locks_while_it_builds(operation, made=set()) == locks
