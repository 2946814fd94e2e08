"""How the installation stands, for Prometheus: one statement to PostgreSQL, a look at the queue, and nothing else.

What is away is said to be away, and what the other knows is told. No label has more values than there are statuses,
queues and conditions; single deliveries are named only while they move, and of them the latest few.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError, connection, transaction
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from alerts.models import Condition
from campaign.lib import jobs, queue_figures
from deliveries.lifecycle import groups
from deliveries.models import Status

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
MOST_DELIVERIES = 50  # that are named
MS_OF_A_STATEMENT = 3_000
SHOWN = sorted(set(Status) - groups.FINAL)

# Its name, what it is, and its labels; a value that nobody knows is left out.
FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "up": ("Whether it answers.", ("part",)),
    "figures_age_seconds": ("Since opens and clicks were counted last.", ()),
    "deliveries": ("Deliveries that are not over, by status.", ("status",)),
    "deliveries_unnamed": ("Deliveries that move, beside those that are named.", ()),
    "delivery_messages": (
        "Messages of a delivery that moves, by what became of them.",
        ("delivery", "outcome"),
    ),
    "lanes": ("Lanes at work.", ()),
    "tries_due": ("Later tries that are due and not taken up.", ()),
    "oldest_try_due_seconds": ("Since the oldest of these is due.", ()),
    "unknown_outcomes": ("Messages of which nobody knows whether they arrived.", ()),
    "routes_resting": ("Routes by which nothing leaves for a while.", ()),
    "halts": ("Stops of all sending in force.", ()),
    "alerts_open": ("Alerts that are open, by condition.", ("condition",)),
    "alert_mails_due": ("Notices of alerts that are due and not mailed.", ()),
    "webhook_messages_due": ("Messages to webhooks that are due and not told.", ()),
    "oldest_webhook_message_due_seconds": ("Since the oldest of these is due.", ()),
    "queue_jobs": ("Jobs that wait in a queue.", ("queue",)),
    "queue_oldest_seconds": ("Since the job was queued that has waited longest.", ("queue",)),
    "queue_workers": ("Workers that listen to a queue.", ("queue",)),
    "queue_failed_jobs": ("Jobs of a queue that failed and are kept.", ("queue",)),
    "cron_age_seconds": ("Since the process that asks for ticks was last heard of.", ()),
}

_OUTCOMES = ("sent", "failed", "bounced", "retrying", "in_doubt", "ignored")
_SINCE = "extract(epoch FROM sinete_clock() - {})"

_SQL = f"""
    WITH moving AS (
        SELECT id FROM deliveries_delivery WHERE status IN ('sending', 'paused')
        ORDER BY id DESC LIMIT {MOST_DELIVERIES}
    ), messages AS (
        SELECT c.delivery_id, {", ".join(f"sum(c.{name}) AS {name}" for name in _OUTCOMES)},
            sum(c.seq_to - c.seq_from + 1) AS in_all
        FROM deliveries_chunk c JOIN moving ON moving.id = c.delivery_id GROUP BY c.delivery_id
    )
    SELECT 'figures_age_seconds', '', '', {_SINCE.format("max(at)")}::float FROM reporting_fold
    UNION ALL SELECT 'deliveries', status, '', count(*) FROM deliveries_delivery
        WHERE status = ANY(%(shown)s) GROUP BY status
    UNION ALL SELECT 'deliveries_unnamed', '', '', greatest(count(*) - {MOST_DELIVERIES}, 0)
        FROM deliveries_delivery WHERE status IN ('sending', 'paused')
    UNION ALL SELECT 'delivery_messages', 'DM' || delivery_id, each.outcome, each.n FROM messages, LATERAL (VALUES
        {", ".join(f"('{name}', {name})" for name in _OUTCOMES)}, ('to_deliver', in_all)) AS each (outcome, n)
    UNION ALL SELECT 'lanes', '', '', count(DISTINCT lease_by) FROM deliveries_chunk
        WHERE NOT done AND lease_until > sinete_clock()
    UNION ALL SELECT 'tries_due', '', '', count(*) FROM deliveries_try WHERE NOT handed AND due_at <= sinete_clock()
    UNION ALL SELECT 'oldest_try_due_seconds', '', '', coalesce({_SINCE.format("min(due_at)")}, 0)
        FROM deliveries_try WHERE NOT handed AND due_at <= sinete_clock()
    UNION ALL SELECT 'unknown_outcomes', '', '', count(*) FROM deliveries_doubt
    UNION ALL SELECT 'routes_resting', '', '', count(*) FROM deliveries_route WHERE closed_until > sinete_clock()
    UNION ALL SELECT 'halts', '', '', count(*) FROM deliveries_halt WHERE lifted_at IS NULL
    UNION ALL SELECT 'alerts_open', condition, '', count(*) FROM alerts_alert WHERE closed_at IS NULL GROUP BY condition
    UNION ALL SELECT 'alert_mails_due', '', '', count(*) FROM alerts_alertnotice
        WHERE mailed_at IS NULL AND mail_after <= sinete_clock()
    UNION ALL SELECT 'webhook_messages_due', '', '', count(*) FROM alerts_webhookmessage WHERE due_at <= sinete_clock()
    UNION ALL SELECT 'oldest_webhook_message_due_seconds', '', '', coalesce({_SINCE.format("min(due_at)")}, 0)
        FROM alerts_webhookmessage WHERE due_at <= sinete_clock()
"""

Value = tuple[str, tuple[str, ...], float]


class _Snapshot(Collector):
    """What was found, as the library writes it."""

    def __init__(self, found: Iterable[Value]) -> None:
        self.found = list(found)

    def collect(self) -> Iterator[Metric]:
        for name, (text, labels) in FAMILIES.items():
            family = GaugeMetricFamily(f"sinete_{name}", text, labels=labels)
            for of, values, value in self.found:
                if of == name:
                    family.add_metric(values, value)
            if family.samples:
                yield family


def text() -> bytes:
    """Return all metrics as Prometheus reads them; of a part that is away only that it is."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot([*_of("postgresql", _of_database), *_of("valkey", _of_queues)]))
    return generate_latest(registry)


def _of(part: str, ask: Callable[[], list[Value]]) -> Iterator[Value]:
    try:
        found = ask()
    except (DatabaseError, InterfaceError, RedisError):
        found = None
    yield "up", (part,), float(found is not None)
    yield from found or []


def _of_database() -> list[Value]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{MS_OF_A_STATEMENT}ms"])
        cursor.execute(_SQL, {"shown": [str(status) for status in SHOWN]})
        rows = cursor.fetchall()
    found = {
        (name, tuple(each for each in (one, other) if each)): float(value)
        for name, one, other, value in rows
        if value is not None
    }
    for name, every in (("deliveries", SHOWN), ("alerts_open", Condition)):
        for each in every:
            found.setdefault((name, (str(each),)), 0.0)
    return [(name, labels, value) for (name, labels), value in sorted(found.items())]


def _of_queues() -> list[Value]:
    now = datetime.now(UTC)
    found: list[Value] = []
    for one in queue_figures.standings():
        labels = (one.queue.value,)
        waited = (now - one.oldest).total_seconds() if one.oldest is not None else 0.0
        found += [
            ("queue_jobs", labels, one.waiting),
            ("queue_oldest_seconds", labels, max(waited, 0.0)),
            ("queue_workers", labels, one.workers),
            ("queue_failed_jobs", labels, one.failed),
        ]
    sign = jobs.last_sign_of_cron()
    if sign is not None:
        found.append(("cron_age_seconds", (), max((now - sign).total_seconds(), 0.0)))
    return found
