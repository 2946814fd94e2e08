"""Messages and exclusions in partitions by ranges of delivery ids: a range whose rows were all kept long enough goes at once.

The tables that are there become the first partitions, for all that was and for the deliveries to come that are in the same
range: no row is written anew. Each is read once while others go on writing, to prove that all its rows belong there; then
it is locked for the few statements that rename and attach it, which read no row.
"""

from django.conf import settings
from django.db import migrations, transaction

PATIENCE = "SET LOCAL lock_timeout = '10s'"
PROVEN = "belongs_to_first_range"
KEYS = {"deliveries_message": "delivery_id, seq", "deliveries_exclusion": "delivery_id, id"}
INDEXES = {
    "deliveries_message": {"message_profile": "profile_id"},
    "deliveries_exclusion": {
        "exclusion_listing": "delivery_id, preparation_id, cause, id",
        "exclusion_profile": "profile_id",
    },
}
ROOM = (
    "fillfactor = 42, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,"
    " autovacuum_vacuum_insert_scale_factor = 0.2"
)
OPTIONS = {"deliveries_message": f"WITH ({ROOM})", "deliveries_exclusion": ""}

IS_PLAIN = "SELECT relkind = 'r' FROM pg_class WHERE oid = %s::regclass"
TRIGGERS = """
    SELECT tgname, pg_get_triggerdef(oid), tgenabled FROM pg_trigger
    WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY tgname
"""
GRANTS = """
    SELECT format('GRANT %%s ON %%s TO %%s%%s', privilege_type, %s,
        CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl)
    WHERE c.oid = %s::regclass AND grantee <> c.relowner
"""
LAST_DELIVERY = (
    "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('deliveries_delivery', 'id')), 0)"
)
HIGHEST = """
    SELECT greatest((SELECT max(id) FROM deliveries_delivery), (SELECT max(delivery_id) FROM deliveries_message),
        (SELECT max(delivery_id) FROM deliveries_exclusion), 0)
"""
KEY_OF_EXCLUSIONS = "CREATE UNIQUE INDEX CONCURRENTLY deliveries_exclusion_first_key ON deliveries_exclusion (delivery_id, id)"
# It is typed by the table; rows of partitions are taken for rows of it.
DIGEST = """
CREATE FUNCTION deliveries_row_digest(m deliveries_message) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256((m).salt || convert_to(concat_ws(
        chr(31), (m).seq, (m).profile_id, (m).address, (m).address_key, (m)."values"::text), 'UTF8'))
$$
"""
NO_DIGEST = "DROP FUNCTION deliveries_row_digest(deliveries_message)"


def one(cursor, statement, *params):
    cursor.execute(statement, params or None)
    return cursor.fetchone()[0]


def into_ranges(apps, schema_editor):
    size = settings.SINETE["partition_deliveries"]
    with schema_editor.connection.cursor() as cursor:
        # Deliveries go on being made, also by processes that know of no ranges: there must be room for them.
        last = max(one(cursor, LAST_DELIVERY), one(cursor, HIGHEST))
        end = (last // size + 2) * size
        cursor.execute("DROP INDEX CONCURRENTLY IF EXISTS deliveries_exclusion_first_key")
        if one(cursor, IS_PLAIN, "deliveries_exclusion"):
            cursor.execute(KEY_OF_EXCLUSIONS)
        for table in KEYS:
            if not one(cursor, IS_PLAIN, table):
                continue  # an earlier try came so far
            prove(cursor, table, end)
            with transaction.atomic(schema_editor.connection.alias):
                switch(cursor, table, end)
            cursor.execute(f"ANALYZE {table}")


def prove(cursor, table, end):
    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {PROVEN}")
    cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {PROVEN} CHECK (delivery_id < {end}) NOT VALID")
    try:
        cursor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {PROVEN}")
    except BaseException:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {PROVEN}")
        raise


def switch(cursor, table, end):
    """The table holds partitions, and what it was is the first, under another name."""
    first = f"{table}_first"
    cursor.execute(PATIENCE)
    cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    triggers = without_triggers(cursor, table)
    if table == "deliveries_message":
        cursor.execute(NO_DIGEST)
    cursor.execute(f"ALTER TABLE {table} RENAME TO {first}")
    if table == "deliveries_message":
        cursor.execute(f"ALTER INDEX {table}_pkey RENAME TO {first}_pkey")
    else:
        number = leave_numbers(cursor, first)
    for index in INDEXES[table]:
        cursor.execute(f"ALTER INDEX {index} RENAME TO {index}_first")
    cursor.execute(
        f"CREATE TABLE {table} (LIKE {first} INCLUDING DEFAULTS INCLUDING STORAGE,"
        f" CONSTRAINT {table}_pkey PRIMARY KEY ({KEYS[table]})) PARTITION BY RANGE (delivery_id)"
    )
    if table == "deliveries_exclusion":
        take_numbers(cursor, table, number)
    for index, columns in INDEXES[table].items():
        cursor.execute(f"CREATE INDEX {index} ON {table} ({columns})")
    cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ({end})")
    cursor.execute(f"ALTER TABLE {first} DROP CONSTRAINT {PROVEN}")
    if table == "deliveries_message":
        cursor.execute(DIGEST)
    finish(cursor, table, first, triggers)


def without_triggers(cursor, table):
    """Drop the triggers; return how they were made."""
    cursor.execute(TRIGGERS, [table])
    found = cursor.fetchall()
    for name, _made, _enabled in found:
        cursor.execute(f"DROP TRIGGER {name} ON {table}")
    return found


def finish(cursor, table, other, triggers):
    """The table has these triggers, and who might use the other one may use it."""
    for name, made, enabled in triggers:
        cursor.execute(made)
        if enabled == "A":
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    cursor.execute(GRANTS, [table, other])
    for (grant,) in cursor.fetchall():
        cursor.execute(grant)


def leave_numbers(cursor, first):
    """The ids of exclusions are given by the whole table; return the next. Their key begins with the delivery."""
    number = one(
        cursor, f"SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('{first}', 'id')), 0) + 1"
    )
    cursor.execute(f"ALTER TABLE {first} ALTER COLUMN id DROP IDENTITY")
    cursor.execute(f"ALTER TABLE {first} DROP CONSTRAINT deliveries_exclusion_pkey")
    cursor.execute(f"ALTER INDEX deliveries_exclusion_first_key RENAME TO {first}_pkey")
    cursor.execute(f"ALTER TABLE {first} ADD CONSTRAINT {first}_pkey PRIMARY KEY USING INDEX {first}_pkey")
    return number


def take_numbers(cursor, table, number):
    cursor.execute(
        f"ALTER TABLE {table} ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY"
        f" (SEQUENCE NAME {table}_id_seq START WITH {number})"
    )


def into_one_table(apps, schema_editor):
    """Each row is written anew."""
    with transaction.atomic(schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
        for table in KEYS:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            number = 1
            if table == "deliveries_exclusion":
                number = one(cursor, f"SELECT coalesce(max(id), 0) + 1 FROM {table}")
            triggers = without_triggers(cursor, table)
            if table == "deliveries_message":
                cursor.execute(NO_DIGEST)
            cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_parts")
            cursor.execute(
                f"CREATE TABLE {table} (LIKE {table}_parts INCLUDING DEFAULTS INCLUDING STORAGE) {OPTIONS[table]}"
            )
            cursor.execute(f"INSERT INTO {table} SELECT * FROM {table}_parts ORDER BY {KEYS[table]}")
            finish_one(cursor, table, number, triggers)


def finish_one(cursor, table, number, triggers):
    cursor.execute(GRANTS, [table, f"{table}_parts"])
    grants = [grant for (grant,) in cursor.fetchall()]
    cursor.execute(f"DROP TABLE {table}_parts")
    key = KEYS[table] if table == "deliveries_message" else "id"
    cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY ({key})")
    for index, columns in INDEXES[table].items():
        cursor.execute(f"CREATE INDEX {index} ON {table} ({columns})")
    if table == "deliveries_message":
        cursor.execute(DIGEST)
    else:
        take_numbers(cursor, table, number)
    finish(cursor, table, table, triggers)
    for grant in grants:
        cursor.execute(grant)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("deliveries", "0045_names_of_series")]
    operations = [migrations.RunPython(into_ranges, into_one_table)]
