"""What opens the moments of the sending plan, and holds a wave: the same statements for the tick and for lanes.

The rules are PostgreSQL's (`deliveries_open_moments`, migration `moments`): a claim asks them before it takes a
chunk, so a tick that is late, stopped or run twice lets no wave pass.
"""

from django.db import connection, transaction
from django.utils.translation import gettext_noop as n_

from deliveries.lifecycle import log
from deliveries.models import LogLine

OPEN_MOMENTS = """
    SELECT held, percent, most FROM deliveries_open_moments(%(delivery)s, %(only_judge)s)
"""

HELD = n_(
    "Wave %(number)s is held: bounces and errors of those before are %(percent)s%%, the limit is %(most)s%%"
)

LOG_HELD = log.statement(
    "jsonb_build_object('number', %(wave)s::int, 'percent', %(percent)s::numeric, 'most', %(most)s::numeric)",
    level=LogLine.Level.WARNING,
)

# The relay's first answer to one of the first messages: what is measured is what a recipient could notice.
_FIRST_LEFT = """
    UPDATE deliveries_moment m SET first_left_at = f.at
    FROM deliveries_moment o, LATERAL (
        SELECT min(x.at) AS at FROM deliveries_message x
        WHERE x.delivery_id = o.delivery_id AND x.seq BETWEEN o.seq_from AND least(o.seq_to, o.seq_from + 99)
          AND x.tries > 0
    ) f
    WHERE m.delivery_id = %(delivery)s AND m.first_left_at IS NULL AND m.opened_at IS NOT NULL
      AND o.delivery_id = m.delivery_id AND o.number = m.number AND f.at IS NOT NULL
"""


@transaction.atomic
def judge(delivery_id: int) -> None:
    """Hold the next wave if its time is reached and those before it bounced too much; open nothing."""
    slots = {"delivery": delivery_id}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM deliveries_delivery WHERE id = %(delivery)s FOR NO KEY UPDATE SKIP LOCKED", slots
        )
        if cursor.fetchone() is None:  # another transaction has it locked: the next tick looks again
            return
        cursor.execute(OPEN_MOMENTS, slots | {"only_judge": True})
        for wave, percent, most in cursor.fetchall():
            cursor.execute(LOG_HELD, slots | {"text": HELD, "wave": wave, "percent": percent, "most": most})


def note_lateness(delivery_id: int) -> None:
    """Store when the first message of each moment that began had an answer."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_LEFT, {"delivery": delivery_id})
