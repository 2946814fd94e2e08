"""The tracking log in partitions by id, which is ordered by time: an old month goes by dropping it.

The table that is there becomes the first partition, for all that was and for what comes until the next month that is a
week away: no row is written anew. It is read once while others go on writing, to prove that all its rows belong there; then
it is locked for the few statements that rename and attach it, which read no row.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import migrations, transaction

WEEK = timedelta(days=7)
MONTHS = 4  # with a partition of their own, behind the first
PROVEN = "hit_belongs_here"
INDEXES = {
    "feedback_hit_pkey": "feedback_hit_first_pkey",
    "hit_message": "hit_first_message",
    "hit_stored": "hit_first_stored",
}

SWITCH = """
LOCK TABLE feedback_hit IN ACCESS EXCLUSIVE MODE;
ALTER TABLE feedback_hit RENAME TO feedback_hit_first;
{renamed}
CREATE TABLE feedback_hit (
    LIKE feedback_hit_first INCLUDING DEFAULTS INCLUDING STORAGE, CONSTRAINT feedback_hit_pkey PRIMARY KEY (delivery_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX hit_message ON feedback_hit (delivery_id, seq);
CREATE INDEX hit_stored ON feedback_hit (stored_at);
ALTER TABLE feedback_hit ATTACH PARTITION feedback_hit_first FOR VALUES FROM (MINVALUE) TO ('{first}');
ALTER TABLE feedback_hit_first DROP CONSTRAINT {proven};
CREATE TABLE feedback_hit_default PARTITION OF feedback_hit DEFAULT;
{months}
"""
BACK = """
LOCK TABLE feedback_hit IN ACCESS EXCLUSIVE MODE;
ALTER TABLE feedback_hit RENAME TO feedback_hit_parts;
ALTER INDEX feedback_hit_pkey RENAME TO feedback_hit_parts_pkey;
ALTER INDEX hit_message RENAME TO hit_parts_message;
ALTER INDEX hit_stored RENAME TO hit_parts_stored;
CREATE TABLE feedback_hit (LIKE feedback_hit_parts INCLUDING DEFAULTS INCLUDING STORAGE);
INSERT INTO feedback_hit SELECT * FROM feedback_hit_parts;
DROP TABLE feedback_hit_parts;
ALTER TABLE feedback_hit ADD CONSTRAINT feedback_hit_pkey PRIMARY KEY (delivery_id, id);
"""
BACK_INDEXES = {"hit_message": "(delivery_id, seq)", "hit_stored": "(stored_at)"}


def next_month(at):
    return (at.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)


def first_id(at):
    return UUID(int=int(at.timestamp() * 1000) << 80)


def into_partitions(apps, schema_editor):
    month = next_month(datetime.now(UTC) + WEEK)
    bound = first_id(month)
    with schema_editor.connection.cursor() as cursor:
        # What bears an id of days to come, by a clock that went wrong, gets one of the moment at which it was stored.
        cursor.execute(
            "UPDATE feedback_hit SET id = overlay(id::text PLACING"
            " overlay(lpad(to_hex((extract(epoch FROM stored_at) * 1000)::bigint), 12, '0') PLACING '-' FROM 9 FOR 0)"
            " FROM 1 FOR 13)::uuid WHERE id >= %s",
            [str(bound)],
        )
        cursor.execute(f"ALTER TABLE feedback_hit DROP CONSTRAINT IF EXISTS {PROVEN}")
        cursor.execute(f"ALTER TABLE feedback_hit ADD CONSTRAINT {PROVEN} CHECK (id < '{bound}') NOT VALID")
        try:
            cursor.execute(f"ALTER TABLE feedback_hit VALIDATE CONSTRAINT {PROVEN}")
            with transaction.atomic(schema_editor.connection.alias):
                cursor.execute(switch(month))
        except BaseException:
            cursor.execute(f"ALTER TABLE feedback_hit DROP CONSTRAINT IF EXISTS {PROVEN}")
            raise
        cursor.execute("ANALYZE feedback_hit")


def switch(month):
    """From this month on each has its own."""
    first, months = first_id(month), []
    for _number in range(MONTHS):
        then = next_month(month)
        months.append(
            f"CREATE TABLE feedback_hit_{month:%Y_%m} PARTITION OF feedback_hit"
            f" FOR VALUES FROM ('{first_id(month)}') TO ('{first_id(then)}');"
        )
        month = then
    return SWITCH.format(
        renamed="\n".join(f"ALTER INDEX {old} RENAME TO {new};" for old, new in INDEXES.items()),
        first=first,
        proven=PROVEN,
        months="\n".join(months),
    )


def into_one_table(apps, schema_editor):
    """Each row is written anew."""
    with transaction.atomic(schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
        cursor.execute(BACK)
        for name, columns in BACK_INDEXES.items():
            cursor.execute(f"CREATE INDEX {name} ON feedback_hit {columns}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("feedback", "0004_readers")]
    operations = [migrations.RunPython(into_partitions, into_one_table)]
