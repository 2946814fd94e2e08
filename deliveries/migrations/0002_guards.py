"""What PostgreSQL refuses by itself, and how the ledger's tables are kept.

The table of steps stands here a second time, on purpose: a test compares it with `lifecycle.Step`.
"""

from django.db import migrations

TRANSITIONS = """
CREATE TABLE deliveries_transition (old text, new text, PRIMARY KEY (old, new));
INSERT INTO deliveries_transition VALUES
    ('draft', 'preparing'), ('preparation_failed', 'preparing'), ('awaiting_approval', 'preparing'),
    ('ready', 'preparing'),
    ('preparing', 'draft'), ('preparing', 'preparation_failed'), ('preparing', 'awaiting_approval'),
    ('preparing', 'ready'),
    ('preparation_failed', 'draft'), ('awaiting_approval', 'draft'), ('ready', 'draft'),
    ('awaiting_approval', 'ready'), ('ready', 'scheduled'), ('scheduled', 'ready'),
    ('scheduled', 'sending'), ('sending', 'paused'), ('paused', 'sending'),
    ('sending', 'stopped'), ('paused', 'stopped'), ('sending', 'finished'),
    ('scheduled', 'failed'), ('sending', 'failed'), ('paused', 'failed'),
    ('awaiting_approval', 'expired'), ('ready', 'expired');

CREATE FUNCTION deliveries_guard_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION 'A delivery begins as draft, not as %.', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.key <> OLD.key THEN
        RAISE EXCEPTION 'The key of a delivery never changes.' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT 1 FROM deliveries_transition t WHERE t.old = OLD.status AND t.new = NEW.status
    ) THEN
        RAISE EXCEPTION 'No step leads from % to %.', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status IN ('scheduled', 'sending', 'paused', 'finished') AND NOT EXISTS (
        SELECT 1 FROM deliveries_confirmation c JOIN deliveries_preparation p ON p.id = c.preparation_id
        WHERE c.delivery_id = NEW.id AND c.preparation_id = NEW.preparation_id AND c.taken_back_at IS NULL
          AND p.seal <> '' AND c.seal = p.seal
    ) THEN
        RAISE EXCEPTION 'No confirmation in force names the seal of what is prepared.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard_status BEFORE INSERT OR UPDATE ON deliveries_delivery
    FOR EACH ROW EXECUTE FUNCTION deliveries_guard_status();
"""

IMMUTABLE = """
CREATE FUNCTION sinete_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is not allowed: what is written there stays.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'check_violation';
END $$;

-- Fires only for statements that name one of these columns: results cost nothing.
CREATE TRIGGER sealed_columns BEFORE UPDATE OF delivery_id, seq, profile_id, address, address_key, values
    ON deliveries_message FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();
CREATE TRIGGER sealed_columns BEFORE UPDATE OF delivery_id, number, seq_from, seq_to, digest, not_before
    ON deliveries_chunk FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();
CREATE TRIGGER versions_stay BEFORE UPDATE OF number, subject, preheader, from_name, from_address, reply_to, html, text
    ON deliveries_content FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OF old, new, at, seal, comment, step, delivery_id
    ON deliveries_statuschange FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE
    ON accounts_auditevent FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();

-- The frozen half of a preparation stays once it bears a seal.
CREATE FUNCTION deliveries_guard_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.seal <> '' AND (NEW.seal, NEW.manifest, NEW.compiled, NEW.targeted, NEW.excluded, NEW.to_deliver)
        IS DISTINCT FROM (OLD.seal, OLD.manifest, OLD.compiled, OLD.targeted, OLD.excluded, OLD.to_deliver) THEN
        RAISE EXCEPTION 'Preparation % is sealed.', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_seal BEFORE UPDATE OF seal, manifest, compiled, targeted, excluded, to_deliver
    ON deliveries_preparation FOR EACH ROW EXECUTE FUNCTION deliveries_guard_seal();
"""

STORAGE = """
-- What a chunk's rows add up to: written into the chunk when it is made, computed again when it is claimed.
CREATE FUNCTION deliveries_chunk_digest(delivery bigint, first integer, last integer) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(coalesce(string_agg(
        convert_to(concat_ws(chr(31), m.seq, m.profile_id, m.address, m.address_key, m."values"::text), 'UTF8'),
        '\\x1e'::bytea ORDER BY m.seq
    ), ''::bytea))
    FROM deliveries_message m WHERE m.delivery_id = delivery AND m.seq BETWEEN first AND last
$$;

-- Room on each page for the new version of a row: results stay on their page and touch no index.
ALTER TABLE deliveries_message SET (
    fillfactor = 55, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.2
);
ALTER TABLE deliveries_chunk SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE deliveries_try SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Where a preparation works before it is sealed; nothing here outlives it.
CREATE UNLOGGED TABLE deliveries_staging (
    preparation_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    address text NOT NULL,
    address_key text NOT NULL,
    values jsonb NOT NULL,
    cause text
) WITH (autovacuum_enabled = true);
CREATE INDEX deliveries_staging_key ON deliveries_staging (preparation_id, address_key, profile_id);
"""

BACKWARD = """
DROP TABLE deliveries_staging;
DROP FUNCTION deliveries_chunk_digest(bigint, integer, integer);
DROP TRIGGER guard_seal ON deliveries_preparation;
DROP FUNCTION deliveries_guard_seal();
DROP TRIGGER only_added ON accounts_auditevent;
DROP TRIGGER only_added ON deliveries_statuschange;
DROP TRIGGER versions_stay ON deliveries_content;
DROP TRIGGER sealed_columns ON deliveries_chunk;
DROP TRIGGER sealed_columns ON deliveries_message;
DROP FUNCTION sinete_refuse_change();
DROP TRIGGER guard_status ON deliveries_delivery;
DROP FUNCTION deliveries_guard_status();
DROP TABLE deliveries_transition;
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0001_initial"), ("campaign", "0001_clock")]
    operations = [migrations.RunSQL(TRANSITIONS + IMMUTABLE + STORAGE, BACKWARD)]
