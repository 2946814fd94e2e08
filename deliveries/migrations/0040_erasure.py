"""Who is erased is *Not sent: erased*, and their rows are emptied by one function, without breaking a seal."""

from django.db import migrations, models
from django.db.models import F, Q

PATIENCE = "SET LOCAL lock_timeout = '10s'"
ALONE = "LOCK TABLE deliveries_chunk, deliveries_message IN ACCESS EXCLUSIVE MODE"

STEPS = """
COMMENT ON TABLE deliveries_messagestep IS
    '0 prepared, 1 sent, 2 failed, 3 retrying, 4 outcome unknown, 5 opted out, 6 cancelled, 7 bounced, 8 erased';
INSERT INTO deliveries_messagestep VALUES (0, 8), (3, 8);
"""
STEPS_BEFORE = "DELETE FROM deliveries_messagestep WHERE new = 8"

# As `tallies_of_one_chunk` made it, with one status more.
TALLIES = """
CREATE OR REPLACE FUNCTION deliveries_keep_tallies() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one record;
    refused record;
BEGIN
    SELECT o.delivery_id, c.number, {changed}, n.unsent - o.unsent AS unsent INTO one
    FROM (
        SELECT min(delivery_id) AS delivery_id, max(delivery_id) AS last_delivery, min(seq) AS first, max(seq) AS last,
            min(status) AS status, max(status) AS last_status, count(*) AS rows,
            count(*) FILTER (WHERE status = 2 AND tries = 0) AS unsent
        FROM old_rows
    ) o, (
        SELECT {become}, bit_or(1 << status) AS statuses, count(*) FILTER (WHERE status = 2 AND tries = 0) AS unsent
        FROM new_rows
    ) n, LATERAL (
        SELECT k.number, k.seq_to FROM deliveries_chunk k
        WHERE k.delivery_id = o.delivery_id AND k.seq_to >= o.first ORDER BY k.seq_to LIMIT 1
    ) c
    WHERE o.delivery_id = o.last_delivery AND o.last <= c.seq_to AND o.status = o.last_status
        AND n.statuses & ~(1 << o.status | (
            SELECT coalesce(bit_or(1 << s.new), 0) FROM deliveries_messagestep s
            WHERE s.old = o.status AND NOT s.after_send_again
        )) = 0;
    IF FOUND THEN
        UPDATE deliveries_chunk c SET {added_of_one}, unsent = c.unsent + one.unsent
        WHERE c.delivery_id = one.delivery_id AND c.number = one.number;
        RETURN NULL;
    END IF;

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
"""
NAMES = ("prepared", "sent", "failed", "retrying", "in_doubt", "ignored", "cancelled", "bounced", "erased")
TALLIED = [(status, name) for status, name in enumerate(NAMES) if status]
TEXTS = {
    "changed": ",\n        ".join(
        f"n.{name} - CASE o.status WHEN {status} THEN o.rows ELSE 0 END AS {name}" for status, name in TALLIED
    ),
    "become": ", ".join(f"count(*) FILTER (WHERE status = {status}) AS {name}" for status, name in TALLIED),
    "added_of_one": ", ".join(f"{name} = c.{name} + one.{name}" for _status, name in TALLIED),
    "counted": ",\n            ".join(
        f"count(*) FILTER (WHERE m.becomes = {status}) - count(*) FILTER (WHERE m.was = {status}) AS {name}"
        for status, name in TALLIED
    ),
    "added": ", ".join(f"{name} = c.{name} + more.{name}" for _status, name in TALLIED),
    "names": f"(ARRAY[{', '.join(repr(name) for name in NAMES)}])",
}
for place, text in TEXTS.items():
    TALLIES = TALLIES.replace("{" + place + "}", text)

# As `message_door` made it; a new time for what was prepared may find rows that were erased since.
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
LOOKS = SEAL_LOOKS.replace("{touched}", ", count(*) FILTER (WHERE m.status NOT IN (0, 8) OR m.tries <> 0)")

# One function empties rows, and the triggers admit nothing but what it does: of a row the address, its key, the values
# and the salt go, its own digest stays where it had a salt, and nothing else of what was sealed changes; all that only
# of somebody whose erasure is on record. A chunk with a row that had no salt is compared with its seal first, then
# what it adds up to is written beside that.
EMPTYING = """
CREATE FUNCTION deliveries_row_digest(m deliveries_message) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256((m).salt || convert_to(concat_ws(
        chr(31), (m).seq, (m).profile_id, (m).address, (m).address_key, (m)."values"::text), 'UTF8'))
$$;

CREATE FUNCTION deliveries_guard_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('sinete.emptying', true), '') = 'on'
        AND (NEW.delivery_id, NEW.seq, NEW.profile_id) = (OLD.delivery_id, OLD.seq, OLD.profile_id)
        AND (NEW.address, NEW.address_key, NEW."values") = ('', '', '{}'::jsonb)
        AND NEW.salt IS NULL
        AND NEW.digest IS NOT DISTINCT FROM (
            CASE WHEN OLD.salt IS NULL THEN OLD.digest ELSE deliveries_row_digest(OLD) END)
        AND EXISTS (SELECT FROM audiences_erasedprofile e WHERE e.profile_id = OLD.profile_id)
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'UPDATE of deliveries_message is not allowed: what is written there stays.'
        USING ERRCODE = 'check_violation';
END $$;
DROP TRIGGER sealed_columns ON deliveries_message;
CREATE TRIGGER sealed_columns
    AFTER UPDATE OF delivery_id, seq, profile_id, address, address_key, values, salt, digest
    ON deliveries_message FOR EACH ROW EXECUTE FUNCTION deliveries_guard_row();

CREATE FUNCTION deliveries_guard_redaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.redacted IS NOT DISTINCT FROM OLD.redacted
        OR coalesce(current_setting('sinete.emptying', true), '') = 'on'
        AND NEW.redacted = deliveries_chunk_digest(NEW.delivery_id, NEW.seq_from, NEW.seq_to)
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'UPDATE of deliveries_chunk is not allowed: what is written there stays.'
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER redacted_stays AFTER UPDATE OF redacted
    ON deliveries_chunk FOR EACH ROW EXECUTE FUNCTION deliveries_guard_redaction();

-- The rows of one chunk, by seq; the caller has locked it. `redacted`: it has another digest beside its sealed one.
CREATE FUNCTION deliveries_empty_rows(delivery bigint, chunk integer, seqs integer[])
RETURNS TABLE (emptied integer, is_redacted boolean) LANGUAGE plpgsql AS $$
DECLARE
    c deliveries_chunk;
    has_bare boolean;
    n integer;
BEGIN
    PERFORM set_config('sinete.emptying', 'on', true);
    SELECT k.* INTO STRICT c FROM deliveries_chunk k WHERE k.delivery_id = delivery AND k.number = chunk FOR UPDATE;
    SELECT bool_or(m.salt IS NULL AND m.digest IS NULL AND m.address <> '') INTO has_bare FROM deliveries_message m
        WHERE m.delivery_id = delivery AND m.seq = ANY(seqs) AND m.seq BETWEEN c.seq_from AND c.seq_to;
    IF has_bare AND coalesce(c.redacted, c.digest)
        IS DISTINCT FROM deliveries_chunk_digest(delivery, c.seq_from, c.seq_to)
    THEN
        RAISE EXCEPTION 'Chunk % of delivery % is not as it was sealed: its rows are not emptied.', chunk, delivery
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    UPDATE deliveries_message m SET address = '', address_key = '', "values" = '{}', reply = '', salt = NULL,
        digest = CASE WHEN m.salt IS NULL THEN m.digest ELSE deliveries_row_digest(m) END
        WHERE m.delivery_id = delivery AND m.seq = ANY(seqs) AND m.seq BETWEEN c.seq_from AND c.seq_to
            AND (m.address <> '' OR m.salt IS NOT NULL OR m.reply <> '');
    GET DIAGNOSTICS n = ROW_COUNT;
    IF has_bare THEN
        UPDATE deliveries_chunk k SET redacted = deliveries_chunk_digest(delivery, c.seq_from, c.seq_to)
            WHERE k.delivery_id = delivery AND k.number = chunk;
    END IF;
    PERFORM set_config('sinete.emptying', '', true);
    RETURN QUERY SELECT n, coalesce(has_bare, false);
END $$;
"""
EMPTYING_BEFORE = """
DROP FUNCTION deliveries_empty_rows(bigint, integer, integer[]);
DROP TRIGGER redacted_stays ON deliveries_chunk;
DROP FUNCTION deliveries_guard_redaction();
DROP TRIGGER sealed_columns ON deliveries_message;
CREATE TRIGGER sealed_columns
    AFTER UPDATE OF delivery_id, seq, profile_id, address, address_key, values, salt, digest
    ON deliveries_message FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();
DROP FUNCTION deliveries_guard_row();
DROP FUNCTION deliveries_row_digest(deliveries_message);
"""

# The trail stays as it is but for the names and addresses of people who were erased.
TRAIL = """
CREATE FUNCTION accounts_guard_trail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND coalesce(current_setting('sinete.emptying', true), '') = 'on'
        AND to_jsonb(NEW) - 'target_label' - 'detail' = to_jsonb(OLD) - 'target_label' - 'detail'
        AND NEW.target_label IN (OLD.target_label, '#' || OLD.target_id)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % is not allowed: what is written there stays.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'check_violation';
END $$;
DROP TRIGGER only_added ON accounts_auditevent;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION accounts_guard_trail();

-- Events about these targets name them by id, and what the pattern finds is taken out of all others.
CREATE FUNCTION accounts_redact_trail(types text[], ids text[], pattern text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    n integer;
BEGIN
    PERFORM set_config('sinete.emptying', 'on', true);
    UPDATE accounts_auditevent a SET
        target_label = CASE
            WHEN (a.target_type, a.target_id) IN (SELECT * FROM unnest(types, ids)) OR a.target_label ~* pattern
            THEN '#' || a.target_id ELSE a.target_label END,
        detail = CASE WHEN a.detail::text ~* pattern THEN regexp_replace(a.detail::text, pattern, '…', 'gi')::jsonb
            ELSE a.detail END
    WHERE ((a.target_type, a.target_id) IN (SELECT * FROM unnest(types, ids)) AND a.target_label <> '#' || a.target_id)
        OR a.target_label ~* pattern AND a.target_label <> '#' || a.target_id OR a.detail::text ~* pattern;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM set_config('sinete.emptying', '', true);
    RETURN n;
END $$;
"""
TRAIL_BEFORE = """
DROP FUNCTION accounts_redact_trail(text[], text[], text);
DROP TRIGGER only_added ON accounts_auditevent;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();
DROP FUNCTION accounts_guard_trail();
"""

COUNTS = sum((F(name) for name in NAMES[1:]), F("seq_from") - 1)
OPEN = [
    models.Index(fields=["delivery", "moment"], condition=Q(done=False), name="chunk_open_moment"),
    models.Index(fields=["delivery"], condition=Q(done=False, token__gt=0), name="chunk_taken"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0017_erasure"),
        ("deliveries", "0039_proofs_of_a_person"),
    ]
    operations = [
        migrations.RunSQL(PATIENCE, migrations.RunSQL.noop),
        migrations.RunSQL(ALONE, migrations.RunSQL.noop),
        *(migrations.RemoveIndex("chunk", index.name) for index in OPEN),
        migrations.AddField("chunk", "erased", models.IntegerField(db_default=0, default=0)),
        migrations.AddField("chunk", "redacted", models.BinaryField(null=True)),
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
        *(migrations.AddIndex("chunk", index) for index in OPEN),
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
                    (8, "Not sent: erased"),
                ],
                db_default=0,
                default=0,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            "bounce",
            "was",
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
                    (8, "Not sent: erased"),
                ]
            ),
        ),
        migrations.RunSQL(STEPS, STEPS_BEFORE),
        migrations.RunSQL(TALLIES, migrations.RunSQL.noop),
        migrations.RunSQL(LOOKS, migrations.RunSQL.noop),
        migrations.RunSQL(EMPTYING, EMPTYING_BEFORE),
        migrations.RunSQL(TRAIL, TRAIL_BEFORE),
    ]
