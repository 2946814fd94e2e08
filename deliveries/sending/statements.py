"""The statements of a lane, as text; `exchange.py` runs each inside a fenced transaction."""

# One by one, by their keys: `OFFSET 0` keeps the planner from joining whole tables, and so does asking for one row
# where EXISTS might read all that are in quarantine.
PROFILE = """
    LEFT JOIN LATERAL (
        SELECT id, no_email, no_contact FROM audiences_profile WHERE id = m.profile_id OFFSET 0
    ) p ON true
"""

SUPPRESSED = """
    (p.id IS NULL OR p.no_email OR p.no_contact OR (
        SELECT true FROM audiences_quarantine q
        WHERE q.channel = 'email' AND q.address_key = m.address_key AND q.status IN ('quarantine', 'denylist')
        LIMIT 1
    ) IS NOT NULL) AS is_suppressed
"""

# For a lane the time-outs are PostgreSQL's own half of its patience: a backend whose lane has vanished lets go of its
# locks. Each statement finds its rows by their keys, so one plan does for all windows: none is planned anew.
SETTINGS = """
    SELECT set_config('synchronous_commit', 'on', %(is_local)s::boolean) AS durable,
        set_config('plan_cache_mode', 'force_generic_plan', %(is_local)s::boolean) AS planned,
        set_config('idle_in_transaction_session_timeout', %(milliseconds)s, %(is_local)s::boolean) AS idle,
        set_config('lock_timeout', %(lock)s, %(is_local)s::boolean) AS locks,
        set_config('tcp_user_timeout', %(milliseconds)s, %(is_local)s::boolean) AS line
"""

# Asked once, for the one row that stands before the chunks.
LOCK = """
    WITH locked AS MATERIALIZED (
        SELECT number, token FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND number = ANY(%(numbers)s::int[]) ORDER BY number FOR UPDATE
    )
    SELECT gate.is_open, locked.number, locked.token
    FROM (
        SELECT CASE WHEN %(shares)s::boolean THEN pg_try_advisory_xact_lock_shared(%(barrier)s::bigint)
            ELSE false END AS is_open
    ) gate LEFT JOIN locked ON true
"""

# What limits the send comes along with what is asked anyway: no statement more.
STANDING = """
    SELECT d.status, d.limit_per_hour AS own_limit, r.id AS route, r.limit_per_hour, (
        SELECT json_agg(json_build_array(p.id, p.limit_per_hour, p.domains) ORDER BY p.id)::text
        FROM deliveries_providerlimit p WHERE p.route_id = r.id
    ) AS providers, EXISTS (
        SELECT 1 FROM deliveries_halt h
        JOIN accounts_organizationalunit above ON above.id = h.unit_id
        JOIN accounts_organizationalunit own ON own.id = d.unit_id
        WHERE h.lifted_at IS NULL AND starts_with(own.path, above.path)
    ) AS is_held
    FROM deliveries_delivery d
    LEFT JOIN deliveries_route r ON CASE WHEN d.route_id IS NULL THEN r.is_default ELSE r.id = d.route_id END
    WHERE d.id = %(delivery)s
"""

# They open in their order: the first that is not open says whether any can be.
MOMENT_IS_DUE = """
    SELECT not_before <= sinete_clock() AND (held_at IS NULL OR released_at IS NOT NULL) AS is_due
    FROM deliveries_moment WHERE delivery_id = %(delivery)s AND opened_at IS NULL ORDER BY number LIMIT 1
"""

LOCK_DELIVERY = "SELECT 1 FROM deliveries_delivery WHERE id = %(delivery)s FOR NO KEY UPDATE"

CLAIM = """
    UPDATE deliveries_chunk c
    SET token = c.token + 1, lease_by = %(lane)s,
        lease_until = sinete_clock() + make_interval(secs => %(lease)s)
    WHERE (c.delivery_id, c.number) = (
        SELECT delivery_id, number FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND NOT done AND lease_until IS NULL AND handed_upto < seq_to
          AND (not_before IS NULL OR not_before <= sinete_clock())
          AND coalesce(deliveries_valid_until(delivery_id, not_before) > sinete_clock(), true)
          AND (moment IS NULL OR EXISTS (
              SELECT 1 FROM deliveries_moment m WHERE m.delivery_id = deliveries_chunk.delivery_id
                AND m.number = deliveries_chunk.moment AND m.opened_at IS NOT NULL))
        ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING c.number, c.seq_to, c.handed_upto, c.token, c.digest,
              deliveries_chunk_digest(c.delivery_id, c.seq_from, c.seq_to) AS counted
"""

NEXT_GATE = """
    SELECT extract(epoch FROM min(not_before) - sinete_clock()) AS seconds FROM deliveries_chunk
    WHERE delivery_id = %(delivery)s AND NOT done AND lease_until IS NULL AND handed_upto < seq_to
      AND not_before > sinete_clock() AND not_before <= sinete_clock() + make_interval(secs => %(ahead)s)
      AND (moment IS NULL OR deliveries_may_leave(delivery_id, moment, make_interval(secs => %(ahead)s)))
"""

WINDOW = f"""
    SELECT m.seq, m.address, m."values"::text, {SUPPRESSED}
    FROM deliveries_message m {PROFILE}
    WHERE m.delivery_id = %(delivery)s AND m.seq > %(above)s AND m.seq <= %(upto)s ORDER BY m.seq
"""

TRIES = f"""
    SELECT m.seq, c.number, t.token, t.tries, m.address, m."values", {SUPPRESSED}
    FROM taken t
    JOIN LATERAL (
        SELECT * FROM deliveries_message WHERE delivery_id = %(delivery)s AND seq = t.seq OFFSET 0
    ) m ON true
    JOIN LATERAL (
        SELECT number FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND seq_to >= t.seq ORDER BY seq_to LIMIT 1
    ) c ON true
    {PROFILE}
    ORDER BY m.seq
"""

# Materialised, or a plan may look for due tries again for each row and take more than it was asked for.
TAKE_TRIES = f"""
    WITH due AS MATERIALIZED (
        SELECT seq FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND due_at <= sinete_clock() AND NOT handed AND coalesce((
            SELECT deliveries_valid_until(c.delivery_id, c.not_before) > sinete_clock() FROM deliveries_chunk c
            WHERE c.delivery_id = deliveries_try.delivery_id AND c.seq_to >= deliveries_try.seq
            ORDER BY c.seq_to LIMIT 1
        ), true)
        ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE deliveries_try t
        SET handed = true, token = t.token + 1, lease_by = %(lane)s,
            lease_until = sinete_clock() + make_interval(secs => %(lease)s)
        FROM due WHERE t.delivery_id = %(delivery)s AND t.seq = due.seq
        RETURNING t.seq, t.token, t.tries
    )
    {TRIES}
"""

RENEW_TRIES = """
    WITH ours AS (
        SELECT seq, lease_until FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND handed AND lease_by = %(lane)s AND seq = ANY(%(seqs)s)
    ), renewed AS (
        UPDATE deliveries_try t SET lease_until = sinete_clock() + make_interval(secs => %(lease)s)
        FROM ours WHERE t.delivery_id = %(delivery)s AND t.seq = ours.seq AND t.handed AND t.lease_by = %(lane)s
            AND ours.lease_until < sinete_clock() + make_interval(secs => %(least)s)
    )
    SELECT count(*) AS ours FROM ours
"""

OWN_TRIES = f"""
    WITH taken AS (
        SELECT seq, token, tries FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND handed AND lease_by = %(lane)s
    )
    {TRIES}
"""

# One statement: results into rows, later tries and doubts beside them, tallies from what really changed.
# First-pass rows come from `prepared` and later tries from `retrying`, each only under its own token. A row
# that was put in doubt meanwhile is resolved by a result of that very hand-over, and by nothing else here.
# Each row is found by its key (`OFFSET 0` keeps the planner from another way) and changed where it was found:
# a delivery that was made a moment ago has no statistics yet, and joined the usual way the planner read all of
# it for each window. Who changes a message holds its chunk's lock, as we do, so it still stands where it was found.
STORE = """
    WITH r AS (
        SELECT * FROM unnest(
            %(numbers)s::int[], %(seqs)s::int[], %(statuses)s::smallint[], %(later)s::boolean[],
            %(tokens)s::bigint[], %(counted)s::smallint[], %(codes)s::smallint[], %(natures)s::text[],
            %(reasons)s::text[], %(replies)s::text[], %(retries)s::float8[]
        ) AS r(number, seq, status, later, token, counted, code, nature, reason, reply, retry_in)
    ), c AS MATERIALIZED (
        SELECT number, token FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND number = ANY(%(chunks)s::int[])
    ), t AS MATERIALIZED (
        SELECT seq, token FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND seq = ANY(%(seqs)s::int[]) AND handed
    ), d AS MATERIALIZED (
        SELECT seq, token, later_try FROM deliveries_doubt
        WHERE delivery_id = %(delivery)s AND seq = ANY(%(seqs)s::int[])
    ), own AS MATERIALIZED (
        SELECT r.*, m.place, CASE WHEN d.seq IS NOT NULL THEN 4 WHEN r.later THEN 3 ELSE 0 END AS old
        FROM r
        LEFT JOIN c ON NOT r.later AND c.number = r.number AND c.token = r.token
        LEFT JOIN t ON r.later AND t.seq = r.seq AND t.token = r.token
        LEFT JOIN d ON d.seq = r.seq AND d.token = r.token AND d.later_try = r.later AND r.status <> 4
        JOIN LATERAL (
            SELECT ctid AS place FROM deliveries_message
            WHERE delivery_id = %(delivery)s AND seq = r.seq OFFSET 0
        ) m ON true
        WHERE c.number IS NOT NULL OR t.seq IS NOT NULL OR d.seq IS NOT NULL
    ), written AS (
        UPDATE deliveries_message m
        SET status = own.status, tries = m.tries + own.counted, at = sinete_clock(), code = own.code,
            nature = own.nature, reason = own.reason, reply = own.reply
        FROM own
        WHERE m.ctid = own.place AND m.status = own.old
        RETURNING own.number, m.seq, m.status, own.old, m.tries, own.later, own.token, own.retry_in
    ), ended AS (
        DELETE FROM deliveries_try t USING written w
        WHERE t.delivery_id = %(delivery)s AND t.seq = ANY(%(seqs)s::int[]) AND t.seq = w.seq AND w.status <> 3
    ), resolved AS (
        DELETE FROM deliveries_doubt d USING written w
        WHERE d.delivery_id = %(delivery)s AND d.seq = ANY(%(seqs)s::int[]) AND d.seq = w.seq AND w.old = 4
    ), delayed AS (
        INSERT INTO deliveries_try (delivery_id, seq, due_at, tries, token, lease_until, handed)
        SELECT %(delivery)s, seq, sinete_clock() + make_interval(secs => retry_in), tries, token, NULL, false
        FROM written WHERE status = 3
        ON CONFLICT (delivery_id, seq) DO UPDATE
        SET due_at = excluded.due_at, tries = excluded.tries, lease_until = NULL, lease_by = '', handed = false
    ), doubted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, sinete_clock(), token, tries, later FROM written WHERE status = 4
    ), tally AS (
        SELECT number,
            count(*) FILTER (WHERE status = 1) AS sent, count(*) FILTER (WHERE status = 2) AS failed,
            count(*) FILTER (WHERE status = 2 AND tries = 0) AS unsent,
            count(*) FILTER (WHERE status = 3) - count(*) FILTER (WHERE old = 3) AS retrying,
            count(*) FILTER (WHERE status = 4) - count(*) FILTER (WHERE old = 4) AS in_doubt,
            count(*) FILTER (WHERE status = 5) AS ignored
        FROM written GROUP BY number
    )
    UPDATE deliveries_chunk c
    SET sent = c.sent + tally.sent, failed = c.failed + tally.failed, unsent = c.unsent + tally.unsent,
        retrying = c.retrying + tally.retrying, in_doubt = c.in_doubt + tally.in_doubt,
        ignored = c.ignored + tally.ignored
    FROM tally
    WHERE c.delivery_id = %(delivery)s AND c.number = ANY(%(chunks)s::int[]) AND c.number = tally.number
"""

QUARANTINE = """
    INSERT INTO audiences_quarantine AS q
        (channel, address_key, status, reason, error_text, errors, last_error_at, reference, created_at)
    SELECT DISTINCT ON (m.address_key)
        'email', m.address_key, 'quarantine', r.reason, r.reply, 1, sinete_clock(), %(reference)s, sinete_clock()
    FROM unnest(%(seqs)s::int[], %(reasons)s::text[], %(replies)s::text[]) AS r(seq, reason, reply)
    JOIN deliveries_message m
        ON m.delivery_id = %(delivery)s AND m.seq = ANY(%(seqs)s::int[]) AND m.seq = r.seq
    ON CONFLICT (channel, address_key) DO UPDATE
    SET status = CASE WHEN q.status = 'denylist' THEN q.status ELSE 'quarantine' END,
        reason = excluded.reason, error_text = excluded.error_text, errors = q.errors + 1,
        last_error_at = excluded.last_error_at, reference = excluded.reference
"""

RELEASE = """
    UPDATE deliveries_chunk
    SET lease_until = NULL, lease_by = '',
        done = sent + failed + retrying + in_doubt + ignored + cancelled = seq_to - seq_from + 1
    WHERE delivery_id = %(delivery)s
      AND (number, token) IN (SELECT * FROM unnest(%(numbers)s::int[], %(tokens)s::bigint[]))
"""
