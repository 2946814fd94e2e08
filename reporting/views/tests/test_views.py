import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Profile
from audiences.tests.factories import AudienceFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Chunk, LogLine, Message
from deliveries.sending import rate
from deliveries.tests.factories import DeliveryFactory
from feedback.agents import AgentKind
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting.counting import statistics
from reporting.models import StatisticsRun
from reporting.tests.factories import delivery_with
from reporting.views.deployment import TABS

pytestmark = pytest.mark.django_db


@once
def sent_one():
    return delivery_with(sent=1)


@once
def empty_and_full():
    """A draft, and a delivery that ended, with an outcome of either kind and a click."""
    full = delivery_with(sent=2, failed=1)
    hit(full, HitKind.CLICK, 1)
    return DeliveryFactory(), full


@once
def of_few_and_many():
    """Two deliveries with as many rows in each log: one row and 25."""
    one, many = delivery_with(sent=1, failed=1), delivery_with(sent=20, failed=5)
    for delivery, most in ((one, 1), (many, 25)):
        for seq in range(1, most + 1):
            hit(delivery, HitKind.CLICK, seq)
            LogLine.objects.create(delivery=delivery, at=clock.now(), text="a line")
    return one, many


@once
def moving():
    return delivery_with(sending=True, recipients=2, sent=1)


@once
def of_five():
    return delivery_with(sent=3, failed=2)


@once
def of_seven():
    """Seven rows in each of three logs."""
    delivery = delivery_with(sent=7)
    for seq in range(1, 8):
        hit(delivery, HitKind.OPEN, seq)
    LogLine.objects.filter(delivery=delivery).delete()
    for number in range(7):
        LogLine.objects.create(delivery=delivery, at=clock.now(), text=f"line {number}")
    return delivery


@pytest.fixture
def marketer(client, unit):
    user = UserFactory(roles={"prepare": unit.parent})
    client.force_login(user)
    return user


def get(client, name, *args, **query):
    return client.get(reverse(f"reporting:{name}", args=args), query)


def text(response):
    return " ".join(response.content.decode().split())


def test_the_block_shows_the_indicators(client, marketer):
    delivery = delivery_with(sent=6, failed=2)
    hit(delivery, HitKind.OPEN, 1)
    hit(delivery, HitKind.CLICK, 2)
    statistics.count_hourly()

    page = text(get(client, "block", delivery.pk))

    for shown in ("75.0%", "25.0%", "33.3%", "16.7%", ">Finished<", "All messages were processed."):
        assert shown in page
    assert "accepted by the next server and not bounced since" in page
    assert "Opens, clicks and unsubscribes count within seconds" in page


def test_the_block_moves_by_itself_while_the_send_does(client, marketer):
    moving, over = delivery_with(sending=True, recipients=4, sent=1), delivery_with(sent=1)

    assert 'hx-trigger="every' in text(get(client, "block", moving.pk))
    assert 'hx-trigger="every' not in text(get(client, "block", over.pk))


@pytest.mark.parametrize(
    ("numbers", "headline"),
    [
        ({"sending": True, "recipients": 5, "sent": 1}, "Sending"),
        ({"sending": True, "recipients": 3, "sent": 1, "retrying": 2}, "Retrying 2"),
        ({"sent": 2, "in_doubt": 3}, "Finished, 3 unknown"),
        ({"sent": 2}, "Finished"),
    ],
)
def test_the_headline_says_the_phase(client, marketer, numbers, headline):
    delivery = delivery_with(**numbers)

    assert f">{headline}<" in text(get(client, "block", delivery.pk))


def test_the_block_knows_its_speed_within_ten_seconds_of_a_send(client, marketer):
    delivery = delivery_with(sending=True, recipients=50, sent=2)
    rate.note(delivery.pk, at=clock.now() - timedelta(seconds=9))
    Chunk.objects.filter(delivery=delivery).update(sent=20, handed_upto=F("seq_from") + 19)
    rate.note(delivery.pk, at=clock.now())

    page = text(get(client, "block", delivery.pk))

    assert "2 a second" in page
    assert "about 15 seconds" in page or "about 14 seconds" in page


@pytest.mark.parametrize("since", ["x", "", "1e400", "99999999999999"])
def test_what_an_older_page_hands_back_is_left_out_of_account(client, marketer, moving, since):
    assert get(client, "block", moving.pk, since=since, **{"from": "y"}).status_code == 200


def test_every_number_opens_the_rows_it_counts(client, marketer):
    delivery = delivery_with(sent=4, failed=3, in_doubt=2)
    hit(delivery, HitKind.OPEN, 1)
    hit(delivery, HitKind.OPEN, 1)
    hit(delivery, HitKind.CLICK, 2)
    hit(delivery, HitKind.OPEN, 3, agent_kind=AgentKind.MACHINE)
    hit(delivery, HitKind.OPEN, 6)
    hit(delivery, HitKind.UNSUBSCRIBE, 4)
    hit(delivery, HitKind.UNSUBSCRIBE, 6)
    statistics.count_hourly()
    counts = statistics.counts(delivery)
    block = get(client, "block", delivery.pk).context["deployment"]

    found = {}
    for tile in block.tiles:
        response = client.get(reverse("reporting:window", args=[delivery.pk, "sending"]) + f"?{tile.query}")
        found[tile.kpi.code] = len(response.context["page"].rows)

    assert found == {
        "to_deliver": counts.to_deliver,
        "sent": counts.sent,
        "delivered": counts.delivered,
        "failed": counts.failed,
        "opens": counts.openers,
        "clicks": counts.clickers,
        "unsubscribes": counts.unsubscribers,
    }
    assert (found["opens"], found["clicks"], found["unsubscribes"]) == (3, 1, 1)


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_stands_empty_and_full(client, marketer, empty_and_full, tab):
    empty, full = empty_and_full

    assert get(client, "window", empty.pk, tab).status_code == 200
    assert get(client, "window", full.pk, tab).status_code == 200


def test_there_is_no_other_tab(client, marketer, sent_one):
    assert get(client, "window", sent_one.pk, "secrets").status_code == 404


@pytest.mark.parametrize("name", ["block", "window", "last-run"])
def test_a_stranger_finds_nothing(client, unit, sent_one, name):
    client.force_login(UserFactory(roles={"prepare": unit}))
    elsewhere = DeliveryFactory(unit=UnitFactory())

    assert get(client, name, elsewhere.pk).status_code == 404
    assert get(client, name, sent_one.pk).status_code == 200  # it hangs above their unit: they may read it


def test_the_sending_log_shows_why_and_when_again(client, marketer):
    delivery = delivery_with(sending=True, recipients=3, sent=1, failed=1, retrying=1)

    page = text(get(client, "window", delivery.pk, "sending"))

    for shown in ("User unknown", "Hard", "Retrying", "5.1.1"):
        assert shown in page


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({"status": "failed"}, 2),
        ({"status": "sent"}, 3),
        ({"reason": "user_unknown"}, 2),
        ({"status": "nonsense"}, 5),
    ],
)
def test_the_sending_log_is_narrowed(client, marketer, of_five, query, number):
    rows = get(client, "window", of_five.pk, "sending", **query).context["page"].rows

    assert len(rows) == number


def test_an_address_is_found_by_any_part_of_it(client, marketer):
    delivery = delivery_with(sent=3)
    address = Message.objects.get(delivery=delivery, seq=2).address

    rows = get(client, "window", delivery.pk, "sending", q=address[:6].upper()).context["page"].rows

    assert address in [row.address for row in rows]


@pytest.mark.parametrize("tab", ["sending", "tracking", "log"])
def test_pages_by_key_show_each_row_once_there_and_back(client, marketer, of_seven, monkeypatch, tab):
    monkeypatch.setattr("reporting.logs.logs.page.__kwdefaults__", {"size": 3})

    pages, query = [], {}
    while query is not None:
        page = get(client, "window", of_seven.pk, tab, **query).context["page"]
        pages.append([row.pk for row in page.rows])
        query = {"after": page.following} if page.following else None
    back = get(client, "window", of_seven.pk, tab, before=page.previous).context["page"]

    assert [len(rows) for rows in pages] == [3, 3, 1]
    assert len({pk for rows in pages for pk in rows}) == 7
    assert [row.pk for row in back.rows] == pages[1]


@pytest.mark.parametrize("query", [{"after": "x"}, {"before": "-1"}, {"after": "9" * 40}])
@pytest.mark.parametrize("tab", ["sending", "tracking", "log", "exclusions"])
def test_a_made_up_key_leads_nowhere(client, marketer, sent_one, tab, query):
    assert get(client, "window", sent_one.pk, tab, **query).status_code == 404


@pytest.mark.parametrize("tab", TABS)
def test_a_page_takes_as_many_queries_for_25_rows_as_for_1(client, marketer, of_few_and_many, tab):
    one, many = of_few_and_many
    get(client, "window", one.pk, tab)

    with CaptureQueriesContext(connection) as first:
        get(client, "window", one.pk, tab)
    with CaptureQueriesContext(connection) as second:
        get(client, "window", many.pk, tab)

    assert len(first) == len(second)


def test_the_block_reads_no_messages(client, marketer):
    delivery = delivery_with(sent=25)
    get(client, "block", delivery.pk)

    with CaptureQueriesContext(connection) as queries:
        get(client, "block", delivery.pk)

    assert not [q for q in queries.captured_queries if 'FROM "deliveries_message"' in q["sql"]]


def test_a_message_is_shown_as_it_was_sent_and_that_counts_nothing(client, marketer):
    delivery = delivery_with(sent=1)
    profile = Profile.objects.get(pk=Message.objects.get(delivery=delivery).profile_id)
    was = profile.first_name
    Profile.objects.update(first_name="Somebody else")

    detail = get(client, "message", delivery.pk, 1)
    frame = get(client, "frame", delivery.pk, 1)

    assert "2.0.0 Ok" in text(detail)
    assert f"Hello {was}" in text(frame).replace("&#x27;", "'")
    assert "sandbox" in frame["Content-Security-Policy"]
    assert "allow-scripts" not in frame["Content-Security-Policy"]
    assert "Read it in the browser" in text(frame)
    assert "/m/" not in text(frame)


def test_compute_stats_is_done_by_a_worker_and_shown(client, marketer, work):
    delivery = delivery_with(sent=3)

    client.post(reverse("reporting:compute-stats", args=[delivery.pk]))
    waiting = text(get(client, "window", delivery.pk))
    work()

    assert "hx-trigger" in waiting
    assert "All figures agree with the logs." in text(get(client, "last-run", delivery.pk))
    assert StatisticsRun.objects.get().by == marketer


def test_compute_stats_is_not_asked_for_by_a_link(client, marketer, sent_one):
    assert get(client, "compute-stats", sent_one.pk).status_code == 405


@pytest.mark.parametrize("tab", TABS)
def test_a_log_is_exported_by_whoever_may_and_that_is_recorded(client, unit, empty_and_full, tab):
    _empty, delivery = empty_and_full
    exporter = UserFactory(roles={"export": unit.parent, "prepare": unit.parent})
    client.force_login(exporter)

    response = get(client, "export", delivery.pk, tab)
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))

    assert len(rows) >= (1 if tab in {"exclusions", "unknown"} else 2)
    assert all(len(row) == len(rows[0]) for row in rows)
    assert AuditEvent.objects.get(action="export_log").actor == exporter


def test_an_export_keeps_to_the_filters(client, unit):
    delivery = delivery_with(sent=2, failed=1)
    client.force_login(UserFactory(roles={"export": unit.parent, "prepare": unit.parent}))

    response = get(client, "export", delivery.pk, "sending", status="failed")

    assert len(b"".join(response.streaming_content).decode().splitlines()) == 2


def test_nobody_exports_without_the_right(client, marketer, sent_one):
    assert get(client, "export", sent_one.pk, "sending").status_code == 403


def test_the_history_of_a_profile_names_only_deliveries_that_may_be_seen(client, unit):
    delivery = delivery_with(sent=1)
    profile = Profile.objects.get(pk=Message.objects.get(delivery=delivery).profile_id)
    hit(delivery, HitKind.OPEN, 1)
    there, here, home = UnitFactory(), unit, profile.unit
    Profile.objects.filter(pk=profile.pk).update(unit=there)
    audience = AudienceFactory(unit=there, members=[profile])
    hidden = DeliveryFactory(unit=there, label="Secret plan", audience=audience, finished=True)
    Profile.objects.filter(pk=profile.pk).update(unit=home)
    client.force_login(UserFactory(roles={"prepare": here}))

    page = text(get(client, "profile_history", profile.pk))

    assert hidden.started_at
    assert delivery.label in page
    assert "Secret plan" not in page
    assert "1 event of deliveries that you may not see isn't shown." in page
    assert "Open" in page


def test_the_history_takes_as_many_queries_for_many_deliveries(client, marketer):
    first = delivery_with(sent=1)
    profile = Profile.objects.get(pk=Message.objects.get(delivery=first).profile_id)
    get(client, "profile_history", profile.pk)
    with CaptureQueriesContext(connection) as one:
        get(client, "profile_history", profile.pk)
    for _ in range(3):
        DeliveryFactory(audience=first.audience, finished=True)

    with CaptureQueriesContext(connection) as many:
        get(client, "profile_history", profile.pk)

    assert len(one) == len(many)


def test_a_profile_of_another_unit_has_no_history_here(client, unit):
    client.force_login(UserFactory(roles={"prepare": unit}))
    delivery = DeliveryFactory(unit=UnitFactory(), finished=True)
    profile_id = Message.objects.filter(delivery=delivery).first().profile_id

    assert get(client, "profile_history", profile_id).status_code == 404
