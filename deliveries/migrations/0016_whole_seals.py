"""A preparation is one run's under a token, and bears a seal only over the rows that it says."""

from django.db import migrations, models

PATIENCE = "SET LOCAL lock_timeout = '10s'"

STAGING = "ALTER TABLE deliveries_staging ADD COLUMN token bigint NOT NULL DEFAULT 0"
STAGING_BEFORE = "ALTER TABLE deliveries_staging DROP COLUMN token"

WHOLE = """
-- Once, when the seal is set: what it says is what is there. A series has no rows of its own; a new time for what
-- was prepared keeps the exclusions of the preparation that counted.
CREATE FUNCTION deliveries_whole_seal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    messages bigint;
    last integer;
    held bigint;
    gaps bigint;
    left_out bigint;
    is_series boolean;
BEGIN
    SELECT d.schedule_kind = 'recurring' INTO is_series FROM deliveries_delivery d WHERE d.id = NEW.delivery_id;
    SELECT count(*), coalesce(max(m.seq), 0) INTO messages, last
        FROM deliveries_message m WHERE m.delivery_id = NEW.delivery_id AND m.seq >= 1;
    SELECT coalesce(sum(c.seq_to - c.seq_from + 1), 0), count(*) FILTER (WHERE c.seq_from <> c.before + 1)
        INTO held, gaps FROM (
            SELECT seq_from, seq_to, lag(seq_to, 1, 0) OVER (ORDER BY number) AS before
            FROM deliveries_chunk WHERE delivery_id = NEW.delivery_id
        ) c;
    SELECT count(*) INTO left_out FROM deliveries_exclusion e
        WHERE e.delivery_id = NEW.delivery_id AND e.preparation_id = coalesce(NEW.kept_from_id, NEW.id);
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
CREATE TRIGGER whole_seal AFTER UPDATE OF seal ON deliveries_preparation
    FOR EACH ROW WHEN (OLD.seal = '' AND NEW.seal <> '') EXECUTE FUNCTION deliveries_whole_seal();
CREATE TRIGGER whole_seal_at_once AFTER INSERT ON deliveries_preparation
    FOR EACH ROW WHEN (NEW.seal <> '') EXECUTE FUNCTION deliveries_whole_seal();
"""
WHOLE_BEFORE = """
DROP TRIGGER whole_seal_at_once ON deliveries_preparation;
DROP TRIGGER whole_seal ON deliveries_preparation;
DROP FUNCTION deliveries_whole_seal();
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0015_chunk_rows")]
    operations = [
        migrations.RunSQL(PATIENCE, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="preparation",
            name="token",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(STAGING, STAGING_BEFORE),
        migrations.RunSQL(WHOLE, WHOLE_BEFORE),
    ]
