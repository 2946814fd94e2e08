"""The values that fill one reader's links, as they were sealed: what a click on a link with merge fields waits for."""

import json
from typing import Any

from django.conf import settings
from django.db import connection

from campaign.lib.standing import Lines
from feedback import outage

_VALUES = "SELECT m.values::text FROM deliveries_message m WHERE m.delivery_id = %s AND m.seq = %s"

lines = Lines(_VALUES)


def values_of(delivery_id: int, seq: int) -> dict[str, Any] | None:
    """What fills the links of a message; None where it is gone. Raise Away.

    The web process asks over connections that stand; whoever may have a transaction open, within it.
    """
    if settings.IS_WEB:
        with lines.lent() as line, outage.reach(by=line):
            row = line.row([delivery_id, seq])
    else:
        with outage.reach(), connection.cursor() as cursor:
            cursor.execute(_VALUES, [delivery_id, seq])
            row = cursor.fetchone()
    return json.loads(row[0]) if row is not None else None
