"""The statements of a lane, as text; `exchange.py` runs each inside a fenced transaction."""

from accounts.units import unit_tracking
from audiences import tracking
from audiences.quarantine import suppression

# Of which service the delivery is, looked up once for a statement.
_SERVICE = "(SELECT service_id FROM deliveries_delivery WHERE id = %(delivery)s)"
# What keeps a recipient back, and what of the message may be measured: less than was sealed, never more. Both are
# read from the profile that is looked up once; `OFFSET 0` keeps the planner from joining whole tables.
_PERSON = f"""
    LEFT JOIN LATERAL (
        SELECT coalesce(s.cause, '') AS suppression, {tracking.allowed("p", unasked="%(unasked)s::boolean")} AS tracked
        FROM {suppression.profiles("p", key="m.address_key", service=_SERVICE)} WHERE p.id = m.profile_id OFFSET 0
    ) person ON true
"""
_OF_PERSON = f"""
    coalesce(person.suppression, {suppression.without_profile("m.profile_id")}) AS suppression,
    m.tracked AS was_tracked, coalesce(m.tracked & person.tracked, 0) AS tracked
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

# Read the limits in the same query; it costs no extra statement.
STANDING = f"""
    SELECT d.status, d.limit_per_hour AS own_limit, r.id AS route, r.limit_per_hour, (
        SELECT json_agg(json_build_array(p.id, p.limit_per_hour, p.domains) ORDER BY p.id)::text
        FROM deliveries_providerlimit p WHERE p.route_id = r.id
    ) AS providers, EXISTS (
        SELECT 1 FROM deliveries_halt h
        JOIN accounts_organizationalunit above ON above.id = h.unit_id
        JOIN accounts_organizationalunit own ON own.id = d.unit_id
        WHERE h.lifted_at IS NULL AND starts_with(own.path, above.path)
    ) AS is_held, (
        SELECT {unit_tracking.IN_SQL} FROM accounts_organizationalunit own WHERE own.id = d.unit_id
    ) AS tracks_unasked
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
    RETURNING c.number, c.seq_to, c.handed_upto, c.token, coalesce(c.redacted, c.digest) AS digest,
              deliveries_chunk_digest(c.delivery_id, c.seq_from, c.seq_to) AS counted
"""

NEXT_GATE = """
    SELECT extract(epoch FROM min(not_before) - sinete_clock()) AS seconds FROM deliveries_chunk
    WHERE delivery_id = %(delivery)s AND NOT done AND lease_until IS NULL AND handed_upto < seq_to
      AND not_before > sinete_clock() AND not_before <= sinete_clock() + make_interval(secs => %(ahead)s)
      AND (moment IS NULL OR deliveries_may_leave(delivery_id, moment, make_interval(secs => %(ahead)s)))
"""

WINDOW = f"""
    SELECT m.seq, m.address, m."values"::text, {_OF_PERSON}
    FROM deliveries_message m {_PERSON}
    WHERE m.delivery_id = %(delivery)s AND m.seq > %(above)s AND m.seq <= %(upto)s ORDER BY m.seq
"""

TRIES = f"""
    SELECT m.seq, c.number, t.token, t.tries, m.address, m."values", {_OF_PERSON}
    FROM taken t
    JOIN LATERAL (
        SELECT * FROM deliveries_message WHERE delivery_id = %(delivery)s AND seq = t.seq OFFSET 0
    ) m ON true
    JOIN LATERAL (
        SELECT number FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND seq_to >= t.seq ORDER BY seq_to LIMIT 1
    ) c ON true
    {_PERSON}
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


RELEASE = """
    UPDATE deliveries_chunk
    SET lease_until = NULL, lease_by = ''
    WHERE delivery_id = %(delivery)s
      AND (number, token) IN (SELECT * FROM unnest(%(numbers)s::int[], %(tokens)s::bigint[]))
"""
