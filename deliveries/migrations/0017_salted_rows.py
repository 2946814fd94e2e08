"""A row has a digest of its own, under a salt of its own; a chunk's digest is over these, and says its version."""

from django.db import migrations, models

PATIENCE = "SET LOCAL lock_timeout = '10s'"

GUARD = """
DROP TRIGGER sealed_columns ON deliveries_message;
CREATE TRIGGER sealed_columns AFTER UPDATE OF delivery_id, seq, profile_id, address, address_key, values{more}
    ON deliveries_message FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();
"""

DIGEST = """
-- What a chunk's rows add up to: written into the chunk when it is made, computed again when it is claimed.
-- NULL unless they fill its range. Version 2, told by its first byte, is over the rows' own digests: of each its salt
-- and what was sealed, or, where the person was erased, the digest that was kept. Version 1 has no first byte and is
-- over the bare rows: what was prepared before rows had a salt.
CREATE OR REPLACE FUNCTION deliveries_chunk_digest(delivery bigint, first integer, last integer) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(*) = last - first + 1 THEN
        CASE WHEN bool_and(m.salt IS NOT NULL OR m.digest IS NOT NULL) THEN '\\x02'::bytea ELSE ''::bytea END
        || sha256(string_agg(
            CASE
                WHEN m.salt IS NOT NULL THEN sha256(m.salt || convert_to(concat_ws(
                    chr(31), m.seq, m.profile_id, m.address, m.address_key, m."values"::text), 'UTF8'))
                WHEN m.digest IS NOT NULL AND (m.address, m.address_key, m."values") = ('', '', '{}'::jsonb)
                    THEN m.digest
                ELSE convert_to(concat_ws(
                    chr(31), m.seq, m.profile_id, m.address, m.address_key, m."values"::text), 'UTF8')
            END, '\\x1e'::bytea ORDER BY m.seq
        ))
    END
    FROM deliveries_message m WHERE m.delivery_id = delivery AND m.seq BETWEEN first AND last
$$;
"""
DIGEST_BEFORE = """
CREATE OR REPLACE FUNCTION deliveries_chunk_digest(delivery bigint, first integer, last integer) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(coalesce(string_agg(
        convert_to(concat_ws(chr(31), m.seq, m.profile_id, m.address, m.address_key, m."values"::text), 'UTF8'),
        '\\x1e'::bytea ORDER BY m.seq
    ), ''::bytea))
    FROM deliveries_message m WHERE m.delivery_id = delivery AND m.seq BETWEEN first AND last
$$;
"""


class Migration(migrations.Migration):
    # Of its own: a lane locks chunks before messages, so no migration may hold a lock on messages and ask for others.
    dependencies = [("deliveries", "0016_whole_seals")]
    operations = [
        migrations.RunSQL(PATIENCE, migrations.RunSQL.noop),
        migrations.AddField(model_name="message", name="digest", field=models.BinaryField(null=True)),
        migrations.AddField(model_name="message", name="salt", field=models.BinaryField(null=True)),
        migrations.RunSQL(GUARD.format(more=", salt, digest"), GUARD.format(more="")),
        migrations.RunSQL(DIGEST, DIGEST_BEFORE),
    ]
