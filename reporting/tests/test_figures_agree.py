"""Dashboard, log, command and a recount by brute force say the same, whatever happened.

The brute force reads whole rows and counts in plain Python: it shares no statement and no rule with the product. Once
retention has taken the rows away, the figures are still those that were counted from them.
"""

import json
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.models import Delivery
from deliveries.retention import periods
from reporting.counting import deployment, statistics
from reporting.figures import kpis
from reporting.logs import logs
from reporting.reactions import reactions
from reporting.retention import applying
from reporting.tests.histories_made import made

pytestmark = pytest.mark.django_db
PREPARED, SENT, FAILED, RETRYING, IN_DOUBT, IGNORED, CANCELLED, BOUNCED, ERASED = range(9)


def every(table, delivery):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE delivery_id = {int(delivery.pk)}")
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def by_brute_force(delivery):
    """Every count by its name."""
    messages = every("deliveries_message", delivery)
    status = {row["seq"]: row["status"] for row in messages}
    tracked = {row["seq"]: row["tracked"] for row in messages}
    of = defaultdict(int)
    for row in messages:
        of[row["status"]] += 1
    unsent = sum(1 for row in messages if row["status"] == FAILED and row["tries"] == 0)
    did = defaultdict(list)
    for row in every("feedback_hit", delivery):
        if status.get(row["seq"]) == SENT and row["agent_kind"] != "machine":
            did[row["seq"]].append(row["kind"])
    told = [row for row in every("feedback_report", delivery) if row["is_current"]]
    by_mail = {row["seq"] for row in told if row["evidence"] == "unsubscribe" and status[row["seq"]] == SENT}
    arrived = [row["tracked"] for row in messages if row["status"] == SENT]
    can_tell = {seq: kinds for seq, kinds in did.items() if tracked[seq] in (1, 3)}
    refused = of[FAILED] - unsent + of[BOUNCED]
    return {
        "to_deliver": len(messages),
        "sent": of[SENT] + refused,
        "delivered": of[SENT],
        "failed": refused,
        "unsent": unsent,
        "prepared": of[PREPARED],
        "retrying": of[RETRYING],
        "in_doubt": of[IN_DOUBT],
        "ignored": of[IGNORED],
        "cancelled": of[CANCELLED],
        "erased": of[ERASED],
        "opens_tracked": sum(1 for may in arrived if may in (1, 3)),
        "opens_untracked": sum(1 for may in arrived if may in (0, 2)),
        "clicks_tracked": sum(1 for may in arrived if may in (2, 3)),
        "clicks_untracked": sum(1 for may in arrived if may in (0, 1)),
        "openers": len(can_tell),
        "opens": sum(max(kinds.count("open"), 1) for kinds in can_tell.values()),
        "clickers": sum(1 for kinds in did.values() if "click" in kinds),
        "clicks": sum(kinds.count("click") for kinds in did.values()),
        "mirror_views": sum(kinds.count("mirror") for kinds in did.values()),
        "unsubscribers": len({seq for seq, kinds in did.items() if "unsubscribe" in kinds} | by_mail),
        "complaints": len({row["seq"] for row in told if row["kind"] == "complaint"}),
        "replies": len({row["seq"] for row in every("feedback_reply", delivery)}),
    }


PARTS = {  # per cent: the part and the whole; what is not delivered of what was sent failed
    "delivered": ("delivered", "sent"), "opens": ("openers", "opens_tracked"), "clicks": ("clickers", "clicks_tracked"),
    "unsubscribes": ("unsubscribers", "delivered"),
}  # fmt: skip


def rates_of(counted):
    """Every rate by its code, in per cent with a tenth; neither nothing nor the whole by rounding."""
    found = {"to_deliver": None, "sent": None}
    for code, (part, whole) in PARTS.items():
        if not counted[whole]:
            found[code] = None
            continue
        tenths = round(Fraction(1000 * counted[part], counted[whole]))
        if 0 < counted[part] < counted[whole]:
            tenths = min(max(tenths, 1), 999)
        found[code] = Decimal(tenths) / 10
    failed = None if found["delivered"] is None else 100 - found["delivered"]
    return found | {"failed": failed}


def in_the_log(delivery, named):
    """How many rows the log shows with the filter of a count."""
    log = logs.LOGS[named.log]
    return log.rows(delivery, logs.chosen(log, QueryDict(named.rows)), None).count()


def by_command(delivery):
    out = StringIO()
    call_command("show_delivery", delivery.name, "--clicks", "--opens-by-hour", "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize("seed", range(3))
def test_dashboard_log_command_and_brute_force_agree(seed):
    delivery = made(seed)
    statistics.count_hourly()

    expected = by_brute_force(delivery)
    block = deployment.block(delivery, at=clock.now())
    command = by_command(delivery)

    assert expected["erased"]
    assert {name: getattr(block.counts, name) for name in expected} == expected
    assert {name: in_the_log(delivery, kpis.NAMED[name]) for name in expected} == expected
    assert command["figures"] == {name: expected[name] for name in command["figures"]}
    assert {tile.kpi.code: tile.kpi.number for tile in block.tiles} == {
        code: shown["number"] for code, shown in command["kpis"].items()
    }
    rates = rates_of(expected)
    assert {tile.kpi.code: tile.kpi.rate for tile in block.tiles} == rates
    assert {code: shown.get("percent") for code, shown in command["kpis"].items()} == {
        code: None if rate is None else f"{rate:.1f}" for code, rate in rates.items()
    }
    assert sum(number for _label, number, *_rest in block.segments) == expected["to_deliver"]
    assert (command["times"]["opens"], command["times"]["clicks"]) == (expected["opens"], expected["clicks"])
    assert command["clicks"][0]["people"] == expected["clickers"]
    assert (
        sum(link.clicks for link in reactions.links(delivery) if link.kind == "tracked") == expected["clicks"]
    )
    run = statistics.ask(delivery=delivery, by=delivery.created_by, at=clock.now())
    assert statistics.compute(run_id=run.pk).difference == {}


@pytest.mark.parametrize("seed", [0, 7])
def test_they_are_the_same_once_retention_has_taken_the_rows(seed):
    delivery = made(seed, is_over=True)
    statistics.count_hourly()
    Delivery.objects.filter(pk=delivery.pk).update(
        status="finished", ended_at=clock.now() - timedelta(days=40)
    )
    expected = by_brute_force(delivery)
    administrator = UserFactory(roles={"administration": root()})
    periods.save(unit=root(), days={"recipients": 30, "reactions": 30}, by=administrator)

    applying.apply(at=clock.now())

    assert every("deliveries_message", delivery) == every("feedback_hit", delivery) == []
    block = deployment.block(Delivery.objects.get(pk=delivery.pk), at=clock.now())
    assert {name: getattr(block.counts, name) for name in expected} == expected
    assert {tile.kpi.code: tile.kpi.rate for tile in block.tiles} == rates_of(expected)


def test_no_figure_is_left_out_of_the_comparison():
    counted = by_brute_force(made(0))

    assert set(counted) == set(kpis.NAMED)
    assert set(rates_of(counted)) == set(kpis.BY_CODE)
    assert {name: definition.base for name, definition in kpis.BY_CODE.items() if definition.base} == {
        name: whole for name, (_part, whole) in {**PARTS, "failed": ("failed", "sent")}.items()
    }


def test_the_histories_hold_all_that_can_happen():
    found = [made(seed) for seed in range(3)]
    messages, hits, late, retried = (
        [row for delivery in found for row in every(table, delivery)]
        for table in ("deliveries_message", "feedback_hit", "deliveries_bounce", "deliveries_try")
    )

    assert {row["status"] for row in messages} == {*range(9)}
    assert {row["tracked"] for row in messages} == {0, 1, 2, 3}
    assert {row["agent_kind"] for row in hits} >= {"machine", "human", "unsure"}
    assert any(row["tries"] == 0 for row in messages if row["status"] == FAILED)
    assert late
    assert retried
