"""Deliveries that ended long ago, in whole ranges: copied in the database from one that was prepared by the verbs."""

from dataclasses import dataclass

from django.db import connection, transaction

from accounts.models import OrganizationalUnit
from accounts.units import units
from benchmarks import audience
from deliveries.ledger import ranges
from deliveries.models import Delivery

CHUNK = 1_000  # rows
FAILED = 100  # each so-manieth message failed
EXCLUDED, HIT = 20, 10  # for so many messages one exclusion, one click
AWAY = 1_000_000  # ids of copied preparations: those made by verbs come to none of them

_COPIES = f"""
    INSERT INTO deliveries_delivery OVERRIDING SYSTEM VALUE
    SELECT r.*
    FROM deliveries_delivery d, generate_series(%(first)s::bigint, %(last)s) g, LATERAL jsonb_populate_record(
        d, jsonb_build_object('id', g, 'key', -g, 'unit_id', %(unit)s, 'status', 'finished', 'label', 'Ended ' || g,
            'preparation_id', {AWAY} + g,
            'started_at', now() - interval '400 days', 'ended_at', now() - interval '400 days')) r
    WHERE d.id = %(model)s
"""
_PREPARATIONS = f"""
    INSERT INTO deliveries_preparation OVERRIDING SYSTEM VALUE
    SELECT r.* FROM deliveries_preparation p, generate_series(%(first)s::bigint, %(last)s) g,
        LATERAL jsonb_populate_record(
            p, jsonb_build_object('id', {AWAY} + g, 'delivery_id', g, 'targeted', %(messages)s,
                'to_deliver', %(messages)s)) r
    WHERE p.delivery_id = %(model)s
"""
_CHUNKS = f"""
    INSERT INTO deliveries_chunk (delivery_id, number, seq_from, seq_to, digest, handed_upto, sent, failed)
    SELECT d, 1 + g, 1 + g * {CHUNK}, upto, c.digest, upto, upto - g * {CHUNK} - f.n, f.n
    FROM deliveries_chunk c, generate_series(%(first)s::bigint, %(last)s) d,
        generate_series(0, (%(messages)s - 1) / {CHUNK}) g,
        LATERAL (SELECT least((g + 1) * {CHUNK}, %(messages)s) AS upto) u,
        LATERAL (SELECT upto / {FAILED} - g * {CHUNK} / {FAILED} AS n) f
    WHERE c.delivery_id = %(model)s AND c.number = 1
"""
_MESSAGES = f"""
    INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, "values", status, tries, at,
        code, nature, reason, reply, salt, digest)
    SELECT %(delivery)s, g, 5000000 + g, 'old' || g || '@example.com', 'old' || g || '@example.com', m."values",
        CASE WHEN g %% {FAILED} = 0 THEN 2 ELSE 1 END, 1, now() - interval '400 days' + g * interval '1 ms',
        CASE WHEN g %% {FAILED} = 0 THEN 550 ELSE 250 END, CASE WHEN g %% {FAILED} = 0 THEN 'hard' ELSE '' END,
        CASE WHEN g %% {FAILED} = 0 THEN 'user_unknown' ELSE '' END, '2.0.0 Ok', m.salt, m.digest
    FROM deliveries_message m, generate_series(1, %(messages)s) g
    WHERE m.delivery_id = %(model)s AND m.seq = 1
"""
_EXCLUSIONS = f"""
    INSERT INTO deliveries_exclusion (delivery_id, preparation_id, profile_id, address, cause)
    SELECT %(delivery)s, {AWAY} + %(delivery)s, 4000000 + g, 'out' || g || '@example.com', 'opted_out'
    FROM generate_series(1, %(messages)s / {EXCLUDED}) g
"""
_HITS = f"""
    INSERT INTO feedback_hit (delivery_id, id, seq, kind, link, at, agent, agent_kind)
    SELECT %(delivery)s, gen_random_uuid(), g * {HIT}, 'click', 0, now(), 'Mozilla/5.0', 'human'
    FROM generate_series(1, %(messages)s / {HIT}) g
"""


@dataclass(frozen=True)
class Laid:
    """A range full of deliveries of a unit of its own, each with as many messages."""

    unit: OrganizationalUnit
    first: int
    last: int
    messages: int  # of each delivery

    @property
    def numbers(self) -> int:
        return self.last - self.first + 1

    def left(self, table: str) -> int:
        """How many rows of them the table has; of addressees, how many people."""
        number = "sum(cardinality(profile_ids))" if table == "addressees" else "count(*)"
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {number} FROM deliveries_{table} WHERE delivery_id BETWEEN %s AND %s",
                [self.first, self.last],
            )
            return int(cursor.fetchone()[0] or 0)


def model() -> Delivery:
    """One delivery to copy, prepared by the verbs."""
    audience.people(1)
    return audience.ready_delivery("Copied")


def lay(model: Delivery, *, label: str, size: int, messages: int) -> Laid:
    """The next whole range of `size` deliveries is full of such as ended 400 days ago; so many messages each."""
    first = (max(ranges.last_id(), ranges.ranges()[0].end - 1) // size + 1) * size
    laid = Laid(units.create_unit(label=label, parent=model.unit), first, first + size - 1, messages)
    audience.make_room(laid.first, laid.last)
    slots = {"first": first, "last": laid.last, "unit": laid.unit.pk, "messages": messages, "model": model.pk}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(_COPIES, slots)
        cursor.execute(_PREPARATIONS, slots)
        cursor.execute(_CHUNKS, slots)
        for delivery_id in range(first, laid.last + 1):
            for statement in (_MESSAGES, _EXCLUSIONS, _HITS):
                cursor.execute(statement, slots | {"delivery": delivery_id})
        cursor.execute("SELECT setval(pg_get_serial_sequence('deliveries_delivery', 'id'), %s)", [laid.last])
    return laid
