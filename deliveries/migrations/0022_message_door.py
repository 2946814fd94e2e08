"""One door for a message: a table of its steps, and tallies that PostgreSQL keeps by itself.

The table of steps stands here a second time, on purpose: a test compares it with `ledger.steps.MESSAGE_STEPS`.
A worker of the version before writes tallies by hand, and would count twice: none may be sending meanwhile.
"""

from django.db import migrations, models
from django.db.models import F, Q

PATIENCE = "SET LOCAL lock_timeout = '10s'"

ALONE = "LOCK TABLE deliveries_chunk, deliveries_message IN ACCESS EXCLUSIVE MODE"

NOBODY_SENDS = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM deliveries_chunk WHERE NOT done AND lease_until > clock_timestamp()) THEN
        RAISE EXCEPTION 'A worker is sending. Stop all workers, wait for a minute, and migrate again.'
            USING ERRCODE = 'object_in_use';
    END IF;
END $$;
"""

STEPS = """
CREATE TABLE deliveries_messagestep (
    old smallint NOT NULL, new smallint NOT NULL, after_send_again boolean NOT NULL DEFAULT false,
    PRIMARY KEY (old, new)
);
COMMENT ON TABLE deliveries_messagestep IS
    '0 prepared, 1 sent, 2 failed, 3 retrying, 4 outcome unknown, 5 opted out, 6 cancelled, 7 bounced';
INSERT INTO deliveries_messagestep VALUES
    (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6),
    (3, 1), (3, 2), (3, 4), (3, 5), (3, 6),
    (4, 1), (4, 2), (4, 3), (4, 5),
    (1, 7), (4, 7), (7, 1), (7, 4);
INSERT INTO deliveries_messagestep VALUES (2, 1, true), (5, 1, true);
"""

# Once for each statement, over all its rows. Each row's two versions meet by grouping, so that no plan that was made
# for few rows is slow for many; the chunk of a row is found by its range, in the index on the last of it. Whoever
# changes a message has its chunk locked, so this waits for nobody.
TALLIES = """
CREATE FUNCTION deliveries_keep_tallies() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    refused record;
BEGIN
    WITH versions AS (
        SELECT delivery_id, seq, status AS was, NULL AS becomes, tries = 0 AS was_untried, NULL AS is_untried FROM old_rows
        UNION ALL
        SELECT delivery_id, seq, NULL, status, NULL, tries = 0 FROM new_rows
    ), moved AS MATERIALIZED (
        SELECT delivery_id, seq, max(was) AS was, max(becomes) AS becomes,
            bool_or(was_untried) AS was_untried, bool_or(is_untried) AS is_untried
        FROM versions GROUP BY delivery_id, seq
        HAVING max(was) IS DISTINCT FROM max(becomes) OR bool_or(was_untried) IS DISTINCT FROM bool_or(is_untried)
    ), more AS (
        SELECT m.delivery_id, c.number,
            {counted},
            count(*) FILTER (WHERE m.becomes = 2 AND m.is_untried)
                - count(*) FILTER (WHERE m.was = 2 AND m.was_untried) AS unsent
        FROM moved m JOIN LATERAL (
            SELECT k.number FROM deliveries_chunk k
            WHERE k.delivery_id = m.delivery_id AND k.seq_to >= m.seq ORDER BY k.seq_to LIMIT 1
        ) c ON true
        GROUP BY 1, 2
    ), kept AS (
        UPDATE deliveries_chunk c SET {added}, unsent = c.unsent + more.unsent
        FROM more WHERE c.delivery_id = more.delivery_id AND c.number = more.number
    )
    SELECT m.delivery_id, m.seq, m.was, m.becomes, s.old IS NULL AS is_unknown INTO refused
    FROM moved m LEFT JOIN deliveries_messagestep s ON s.old = m.was AND s.new = m.becomes
    WHERE m.was <> m.becomes AND (s.old IS NULL OR s.after_send_again AND NOT EXISTS (
        SELECT 1 FROM deliveries_sentagain a WHERE a.delivery_id = m.delivery_id AND a.seq = m.seq
    ))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Message % of delivery %: % leads from % to %.', refused.seq, refused.delivery_id,
            CASE WHEN refused.is_unknown THEN 'no step' ELSE 'only after Send again a step' END,
            {names}[refused.was + 1], {names}[refused.becomes + 1] USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- None on INSERT: what is sealed is looked at as a whole. ALWAYS: no session's setting turns it off.
CREATE TRIGGER keep_tallies AFTER UPDATE ON deliveries_message
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION deliveries_keep_tallies();
ALTER TABLE deliveries_message ENABLE ALWAYS TRIGGER keep_tallies;
"""
NAMES = ("prepared", "sent", "failed", "retrying", "in_doubt", "ignored", "cancelled", "bounced")
COUNTED = ",\n            ".join(
    f"count(*) FILTER (WHERE m.becomes = {status}) - count(*) FILTER (WHERE m.was = {status}) AS {name}"
    for status, name in enumerate(NAMES)
    if status
)
ADDED = ", ".join(f"{name} = c.{name} + more.{name}" for name in NAMES[1:])
KEEP = (
    TALLIES.replace("{counted}", COUNTED)
    .replace("{added}", ADDED)
    .replace("{names}", f"(ARRAY[{', '.join(repr(name) for name in NAMES)}])")
)

BACKWARD = """
DROP TRIGGER keep_tallies ON deliveries_message;
DROP FUNCTION deliveries_keep_tallies();
DROP TABLE deliveries_messagestep;
"""

# What is sealed is untouched: the first state of each message is looked at here, as no trigger looks at an INSERT.
SEAL_LOOKS = """
CREATE OR REPLACE FUNCTION deliveries_whole_seal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    messages bigint;
    last integer;
    touched bigint;
    held bigint;
    gaps bigint;
    left_out bigint;
    is_series boolean;
BEGIN
    SELECT d.schedule_kind = 'recurring' INTO is_series FROM deliveries_delivery d WHERE d.id = NEW.delivery_id;
    SELECT count(*), coalesce(max(m.seq), 0){touched} INTO messages, last, touched
        FROM deliveries_message m WHERE m.delivery_id = NEW.delivery_id AND m.seq >= 1;
    SELECT coalesce(sum(c.seq_to - c.seq_from + 1), 0), count(*) FILTER (WHERE c.seq_from <> c.before + 1)
        INTO held, gaps FROM (
            SELECT seq_from, seq_to, lag(seq_to, 1, 0) OVER (ORDER BY number) AS before
            FROM deliveries_chunk WHERE delivery_id = NEW.delivery_id
        ) c;
    SELECT count(*) INTO left_out FROM deliveries_exclusion e
        WHERE e.delivery_id = NEW.delivery_id AND e.preparation_id = coalesce(NEW.kept_from_id, NEW.id);
    IF touched > 0 THEN
        RAISE EXCEPTION 'Preparation % can''t be sealed: of % messages something has become already.',
            NEW.id, touched USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.targeted <> NEW.excluded + NEW.to_deliver
        OR (NEW.manifest->>'to_deliver')::bigint IS DISTINCT FROM NEW.to_deliver
        OR (NEW.manifest->>'targeted')::bigint IS DISTINCT FROM NEW.targeted
        OR (messages, last, held, gaps, left_out) IS DISTINCT FROM (
            CASE WHEN is_series THEN 0 ELSE NEW.to_deliver END, CASE WHEN is_series THEN 0 ELSE NEW.to_deliver END,
            CASE WHEN is_series THEN 0 ELSE NEW.to_deliver END, 0, CASE WHEN is_series THEN 0 ELSE NEW.excluded END)
    THEN
        RAISE EXCEPTION 'Preparation % can''t be sealed: it says % messages and % exclusions of % profiles; there are'
            ' % messages, in chunks for %, and % exclusions.', NEW.id, NEW.to_deliver, NEW.excluded, NEW.targeted,
            messages, held, left_out USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""
LOOKS = SEAL_LOOKS.replace("{touched}", ", count(*) FILTER (WHERE m.status <> 0 OR m.tries <> 0)")
LOOKED_BEFORE = SEAL_LOOKS.replace("{touched}", ", 0")

# What bounced later counts against the next wave as well.
WAVES = """
CREATE OR REPLACE FUNCTION deliveries_open_moments(delivery bigint, only_judge boolean)
RETURNS TABLE (held integer, percent numeric, most numeric)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    m deliveries_moment;
    bad numeric;
    allowed numeric;
BEGIN
    FOR m IN
        SELECT * FROM deliveries_moment x
        WHERE x.delivery_id = delivery AND x.opened_at IS NULL AND x.not_before <= sinete_clock()
        ORDER BY x.number FOR UPDATE
    LOOP
        EXIT WHEN NOT deliveries_may_leave(delivery, m.number, interval '0');
        IF m.gap_seconds IS NOT NULL AND m.number > 1 AND m.released_at IS NULL THEN
            SELECT d.wave_limit INTO allowed FROM deliveries_delivery d WHERE d.id = delivery;
            SELECT round(100.0 * sum({refused}) / nullif(sum(c.sent + {refused}), 0), 1)
                INTO bad FROM deliveries_chunk c WHERE c.delivery_id = delivery AND c.moment < m.number;
            IF bad > allowed THEN
                UPDATE deliveries_moment x SET held_at = sinete_clock(), held_percent = bad
                WHERE x.delivery_id = delivery AND x.number = m.number;
                RETURN QUERY SELECT m.number, bad, allowed;
                EXIT;
            END IF;
        END IF;
        EXIT WHEN only_judge;
        UPDATE deliveries_moment x SET opened_at = sinete_clock()
        WHERE x.delivery_id = delivery AND x.number = m.number;
    END LOOP;
END $$;
"""
WAVES_NOW = WAVES.replace("{refused}", "c.failed - c.unsent + c.bounced")
WAVES_BEFORE = WAVES.replace("{refused}", "c.failed - c.unsent")

DONE_BY_HAND = f"""
UPDATE deliveries_chunk SET done = true
WHERE lease_until IS NULL AND {" + ".join(NAMES[1:-1])} = seq_to - seq_from + 1
"""

COUNTS = sum((F(name) for name in NAMES[1:]), F("seq_from") - 1)


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0021_release")]
    operations = [
        migrations.RunSQL(PATIENCE, PATIENCE),
        migrations.RunSQL(ALONE, ALONE),
        migrations.RunSQL(NOBODY_SENDS, NOBODY_SENDS),
        migrations.RunSQL(migrations.RunSQL.noop, DONE_BY_HAND),
        migrations.RemoveIndex("chunk", "chunk_open_moment"),
        migrations.RemoveIndex("chunk", "chunk_taken"),
        migrations.AddField("chunk", "bounced", models.IntegerField(db_default=0, default=0)),
        migrations.RemoveField("chunk", "done"),
        migrations.AddField(
            "chunk",
            "done",
            models.GeneratedField(
                expression=Q(lease_until=None, seq_to=COUNTS),
                output_field=models.BooleanField(),
                db_persist=True,
            ),
        ),
        migrations.AlterField(
            "message",
            "status",
            models.SmallIntegerField(
                choices=[
                    (0, "Prepared"),
                    (1, "Sent"),
                    (2, "Failed"),
                    (3, "Retrying"),
                    (4, "Outcome unknown"),
                    (5, "Not sent: opted out after preparation"),
                    (6, "Cancelled"),
                    (7, "Bounced"),
                ],
                db_default=0,
                default=0,
                verbose_name="status",
            ),
        ),
        migrations.RunSQL(STEPS, migrations.RunSQL.noop),
        migrations.RunSQL(KEEP, BACKWARD),
        migrations.RunSQL(LOOKS, LOOKED_BEFORE),
        migrations.RunSQL(WAVES_NOW, WAVES_BEFORE),
    ]
