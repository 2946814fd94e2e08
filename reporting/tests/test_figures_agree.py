"""Dashboard, log, command and a recount by brute force say the same, whatever happened.

The brute force reads whole rows and counts in plain Python: it shares no statement and no rule with the product.
"""

import json
from collections import defaultdict
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict

from campaign.lib import clock
from reporting.counting import deployment, statistics
from reporting.figures import kpis
from reporting.logs import logs
from reporting.reactions import reactions
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
    rates = {tile.kpi.code: tile.kpi.rate for tile in block.tiles}
    assert rates["opens"] == kpis.rate(expected["openers"], expected["opens_tracked"])
    assert rates["clicks"] == kpis.rate(expected["clickers"], expected["clicks_tracked"])
    assert sum(number for _label, number, *_rest in block.segments) == expected["to_deliver"]
    assert (command["times"]["opens"], command["times"]["clicks"]) == (expected["opens"], expected["clicks"])
    assert command["clicks"][0]["people"] == expected["clickers"]
    assert (
        sum(link.clicks for link in reactions.links(delivery) if link.kind == "tracked") == expected["clicks"]
    )
    run = statistics.ask(delivery=delivery, by=delivery.created_by, at=clock.now())
    assert statistics.compute(run_id=run.pk).difference == {}
