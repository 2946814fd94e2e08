"""Chunks count what left untracked, and a preparation stages what may be measured."""

import re

from django.db import migrations, models

# As `tallies_of_one_chunk` made it; what stands between /*+*/ and /*-*/ came with two tallies more.
TALLIES = """
CREATE OR REPLACE FUNCTION deliveries_keep_tallies() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one record;
    refused record;
BEGIN
    SELECT o.delivery_id, c.number, {changed}, n.unsent - o.unsent AS unsent/*+*/,
        n.opens_untracked - o.opens_untracked AS opens_untracked,
        n.clicks_untracked - o.clicks_untracked AS clicks_untracked/*-*/ INTO one
    FROM (
        SELECT min(delivery_id) AS delivery_id, max(delivery_id) AS last_delivery, min(seq) AS first, max(seq) AS last,
            min(status) AS status, max(status) AS last_status, count(*) AS rows,
            count(*) FILTER (WHERE status = 2 AND tries = 0) AS unsent/*+*/,
            count(*) FILTER (WHERE status = 1 AND tracked & 1 = 0) AS opens_untracked,
            count(*) FILTER (WHERE status = 1 AND tracked & 2 = 0) AS clicks_untracked/*-*/
        FROM old_rows
    ) o, (
        SELECT {become}, bit_or(1 << status) AS statuses, count(*) FILTER (WHERE status = 2 AND tries = 0) AS unsent/*+*/,
            count(*) FILTER (WHERE status = 1 AND tracked & 1 = 0) AS opens_untracked,
            count(*) FILTER (WHERE status = 1 AND tracked & 2 = 0) AS clicks_untracked/*-*/
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
        UPDATE deliveries_chunk c SET {added_of_one}, unsent = c.unsent + one.unsent/*+*/,
            opens_untracked = c.opens_untracked + one.opens_untracked,
            clicks_untracked = c.clicks_untracked + one.clicks_untracked/*-*/
        WHERE c.delivery_id = one.delivery_id AND c.number = one.number;
        RETURN NULL;
    END IF;

    WITH versions AS (
        SELECT delivery_id, seq, status AS was, NULL AS becomes, tries = 0 AS was_untried, NULL AS is_untried/*+*/,
            tracked AS was_tracked, NULL AS is_tracked/*-*/ FROM old_rows
        UNION ALL
        SELECT delivery_id, seq, NULL, status, NULL, tries = 0/*+*/, NULL, tracked/*-*/ FROM new_rows
    ), moved AS MATERIALIZED (
        SELECT delivery_id, seq, max(was) AS was, max(becomes) AS becomes,
            bool_or(was_untried) AS was_untried, bool_or(is_untried) AS is_untried/*+*/,
            max(was_tracked) AS was_tracked, max(is_tracked) AS is_tracked/*-*/
        FROM versions GROUP BY delivery_id, seq
        HAVING max(was) IS DISTINCT FROM max(becomes) OR bool_or(was_untried) IS DISTINCT FROM bool_or(is_untried)/*+*/
            OR max(was_tracked) IS DISTINCT FROM max(is_tracked)/*-*/
    ), more AS (
        SELECT m.delivery_id, c.number,
            {counted},
            count(*) FILTER (WHERE m.becomes = 2 AND m.is_untried)
                - count(*) FILTER (WHERE m.was = 2 AND m.was_untried) AS unsent/*+*/,
            count(*) FILTER (WHERE m.becomes = 1 AND m.is_tracked & 1 = 0)
                - count(*) FILTER (WHERE m.was = 1 AND m.was_tracked & 1 = 0) AS opens_untracked,
            count(*) FILTER (WHERE m.becomes = 1 AND m.is_tracked & 2 = 0)
                - count(*) FILTER (WHERE m.was = 1 AND m.was_tracked & 2 = 0) AS clicks_untracked/*-*/
        FROM moved m JOIN LATERAL (
            SELECT k.number FROM deliveries_chunk k
            WHERE k.delivery_id = m.delivery_id AND k.seq_to >= m.seq ORDER BY k.seq_to LIMIT 1
        ) c ON true
        GROUP BY 1, 2
    ), kept AS (
        UPDATE deliveries_chunk c SET {added}, unsent = c.unsent + more.unsent/*+*/,
            opens_untracked = c.opens_untracked + more.opens_untracked,
            clicks_untracked = c.clicks_untracked + more.clicks_untracked/*-*/
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


TALLIES_BEFORE = re.sub(r"/\*\+\*/.*?/\*-\*/", "", TALLIES, flags=re.S)
STAGING = """
ALTER TABLE deliveries_staging ADD COLUMN tracked smallint NOT NULL DEFAULT 3
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0041_tracked_messages")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", "SET LOCAL lock_timeout = '10s'"),
        migrations.AddField(
            model_name="chunk",
            name="opens_untracked",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="chunk",
            name="clicks_untracked",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(TALLIES, TALLIES_BEFORE),
        migrations.RunSQL(STAGING, "ALTER TABLE deliveries_staging DROP COLUMN tracked"),
    ]
