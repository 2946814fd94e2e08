"""Reports: one frame on pages, as files and by command; sums of what one may see, from what is stored of each."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import MailExchange, Profile
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.folders.tests.factories import folder_in
from deliveries.models import Delivery, Message
from deliveries.tests.factories import DeliveryFactory
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting.counting import statistics
from reporting.reports import kinds
from reporting.reports.frame import Reader
from reporting.reports.subjects import About, of_deliveries, of_folder, of_unit
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(unit):
    return UserFactory(roles={"prepare": unit})


def a_reader(user):
    return Reader(user, clock.now(), clock.now().tzinfo)


def of(report, table):
    """The rows of a table: label -> numbers."""
    found = next(one for one in report.tables if one.name == table)
    return {str(row.label): [cell.number for cell in row.cells] for row in found.rows}


def sent(unit, *, folder=None, number=2, **more):
    made = DeliveryFactory(unit=unit, folder=folder, finished=True, recipients=number, **more)
    hit(made, HitKind.CLICK, 1)
    return made


def test_every_number_of_every_report_on_a_delivery_opens_its_rows(client, unit):
    delivery = delivery_with(sent=4, failed=2)
    hit(delivery, HitKind.OPEN, 1)
    hit(delivery, HitKind.CLICK, 2)
    statistics.count_hourly()
    client.force_login(UserFactory(roles={"prepare": unit.parent}))

    for code in ("delivery", "throughput", "reactions", "failures", "engagement"):
        page = client.get(reverse("reporting:report-on", args=[code]), {"delivery": delivery.pk})
        links = LexborHTMLParser(page.content.decode()).css("td.num a")
        assert links, code
        for link in links:
            rows = client.get(link.attributes["href"]).context["page"].rows
            assert len(rows) == int(link.text()), (code, link.attributes["href"])


def test_engagement_by_provider_and_language_makes_the_whole(unit):
    delivery = sent(root(), number=4)
    first = Message.objects.get(delivery=delivery, seq=1).profile_id
    Profile.objects.filter(pk=first).update(language="pt")
    subject = of_deliveries(About.DELIVERY, [delivery.pk], user=None)

    report = kinds.KINDS["engagement"].made(subject, a_reader(None))

    assert of(report, "language")["Portuguese"] == [1, 1, 1]
    for table in ("provider", "language"):
        assert [sum(numbers) for numbers in zip(*of(report, table).values(), strict=True)] == [4, 1, 1]


def test_engagement_names_the_host_that_takes_mail_for_a_provider(unit):
    delivery = sent(root(), number=2)
    for domain in {key.partition("@")[2] for key in delivery.messages.values_list("address_key", flat=True)}:
        MailExchange.objects.create(
            domain=domain,
            provider="example.net",
            hosts=["mx1.example.net"],
            outcome="found",
            wanted_at=clock.now(),
        )
    subject = of_deliveries(About.DELIVERY, [delivery.pk], user=None)

    report = kinds.KINDS["engagement"].made(subject, a_reader(None))

    rows = next(table for table in report.tables if table.name == "provider").rows
    assert [(str(row.label), str(row.beside)) for row in rows] == [("example.net", "mx1.example.net")]


def test_whom_one_may_not_see_is_told_apart_by_nothing(unit):
    delivery = sent(root(), number=3)
    Profile.objects.update(unit=UnitFactory())
    stranger = UserFactory(roles={"prepare": unit})
    subject = of_deliveries(About.DELIVERY, [delivery.pk], user=stranger)

    report = kinds.KINDS["engagement"].made(subject, a_reader(stranger))

    assert list(of(report, "provider")) == list(of(report, "language")) == ["somebody of another unit"]


def test_deliveries_stand_side_by_side(client, unit, reader):
    one, other = sent(unit, number=2), sent(unit, number=4)
    statistics.count_hourly()
    client.force_login(reader)

    page = client.get(reverse("reporting:report-on", args=["comparison"]), {"delivery": [other.pk, one.pk]})

    assert of(page.context["report"], "comparison")["Clicks"] == [1, 1]
    assert of(page.context["report"], "comparison")["Sent"] == [4, 2]
    alone = client.get(reverse("reporting:report-on", args=["comparison"]), {"delivery": [one.pk]})
    assert "can be compared" in alone.content.decode()


def test_a_campaign_is_summed_with_its_folders_and_says_how_far_its_goal_is(unit, reader):
    campaign = folder_in(unit, is_campaign=True, goal_figure="clicks", goal_value=Decimal(40))
    july = folder_in(unit, "July", parent=campaign)
    sent(unit, folder=campaign)
    sent(unit, folder=july, number=3)
    sent(unit)
    statistics.count_hourly()

    report = kinds.KINDS["folder"].made(of_folder(campaign.pk, user=reader), a_reader(reader))

    assert of(report, "folders") == {
        "Right in it": [1, 2, 2, 2, 0, 1, 1, 0],
        "July": [1, 3, 3, 3, 0, 1, 1, 0],
        "All together": [2, 5, 5, 5, 0, 2, 2, 0],
    }
    (goal,) = next(one for one in report.tables if one.name == "goal").rows
    assert [str(cell.words) or (cell.number, cell.rate) for cell in goal.cells] == [
        "at least 40.0%", (2, Decimal("40.0")), "Goal reached",
    ]  # fmt: skip


def test_what_one_may_not_see_is_in_no_sum(unit):
    above = unit.parent
    folder = folder_in(above)
    beside = UnitFactory(parent=above)
    sent(unit, folder=folder, number=2)
    sent(beside, folder=folder, number=5)
    mine, boss = UserFactory(roles={"prepare": unit}), UserFactory(roles={"prepare": above})

    def to_deliver(user):
        made = kinds.KINDS["folder"].made(of_folder(folder.pk, user=user), a_reader(user))
        return of(made, "deliveries")["All together"][1]

    assert (to_deliver(mine), to_deliver(boss)) == (2, 7)


def test_a_unit_is_summed_with_those_below(unit):
    below = UnitFactory(parent=unit, label="Below")
    sent(unit, number=1)
    sent(below, number=2)
    boss = UserFactory(roles={"prepare": unit})

    report = kinds.KINDS["unit"].made(of_unit(unit.pk, user=boss), a_reader(boss))

    assert {label: numbers[:2] for label, numbers in of(report, "units").items()} == {
        unit.label: [1, 1], "Below": [1, 2], "All together": [2, 3],
    }  # fmt: skip


def test_the_days_leave_older_sends_out(unit, reader):
    old = sent(unit)
    Delivery.objects.filter(pk=old.pk).update(started_at=clock.now() - timedelta(days=8))
    sent(unit, number=3)

    report = kinds.KINDS["unit"].made(of_unit(unit.pk, user=reader, days="7"), a_reader(reader))

    assert of(report, "deliveries")["All together"][:2] == [1, 3]


def test_a_folder_inside_is_asked_of_the_same_days(unit, reader):
    folder = folder_in(unit)
    inside = folder_in(unit, "July", parent=folder)
    sent(unit, folder=inside)

    report = kinds.KINDS["folder"].made(of_folder(folder.pk, user=reader, days="7"), a_reader(reader))

    row = next(row for row in report.tables[0].rows if str(row.label) == "July")
    assert row.href.endswith(f"?folder={inside.pk}&days=7")


def test_older_deliveries_have_one_row_together_and_the_parts_make_the_whole(unit, reader, monkeypatch):
    monkeypatch.setattr("reporting.reports.roll_ups.SHOWN", 1)
    for number in (1, 2, 3):
        sent(unit, number=number)
    statistics.count_hourly()

    report = kinds.KINDS["unit"].made(of_unit(unit.pk, user=reader), a_reader(reader))

    rows = of(report, "deliveries")
    whole = rows.pop("All together")
    assert [sum(numbers) for numbers in zip(*rows.values(), strict=True)] == whole
    assert rows["Older ones"][:2] == [2, 3]


def test_sums_take_as_many_queries_for_one_delivery_as_for_twenty_five(unit, reader, client):
    folder = folder_in(unit)
    client.force_login(reader)

    def queries():
        found = {}
        for code, query in (("folder", {"folder": folder.pk}), ("unit", {"unit": unit.pk})):
            address = reverse("reporting:report-on", args=[code])
            client.get(address, query)
            with CaptureQueriesContext(
                connection,
            ) as captured:
                client.get(address, query)
            found[code] = len(captured)
            assert not [one for one in captured if "feedback_hit" in one["sql"]]
        return found

    sent(unit, folder=folder, number=1)
    of_one = queries()
    for _ in range(24):
        sent(unit, folder=folder, number=1)

    assert queries() == of_one


@once
def hidden():
    """Two deliveries of a unit."""
    unit = UnitFactory()
    return [sent(unit), sent(unit)]


@pytest.mark.parametrize("code", kinds.KINDS)
def test_what_one_may_not_see_has_no_report(client, hidden, code):
    unit, ids = hidden[0].unit, [each.pk for each in hidden]
    client.force_login(UserFactory(roles={"prepare": UnitFactory()}))
    queries = {
        About.DELIVERY: {"delivery": ids[0]}, About.DELIVERIES: {"delivery": ids},
        About.FOLDER: {"folder": folder_in(unit).pk}, About.UNIT: {"unit": unit.pk},
    }  # fmt: skip
    query = queries[kinds.KINDS[code].about]

    for name in ("report-on", "report-export"):
        assert client.get(reverse(f"reporting:{name}", args=[code]), query).status_code == 404
    assert client.get(reverse("reporting:report-on", args=[code])).status_code == 200


def test_the_file_is_for_whoever_may_export_and_that_is_recorded(client, unit, reader):
    sent(unit, number=3)
    address = reverse("reporting:report-export", args=["unit"]) + f"?unit={unit.pk}"
    client.force_login(reader)
    assert client.get(address).status_code == 403
    exporter = UserFactory(roles={"prepare": unit, "export": unit})
    client.force_login(exporter)

    answer = b"".join(client.get(address).streaming_content).decode("utf-8-sig")

    rows = list(csv.reader(io.StringIO(answer)))
    assert ["By unit", "All together", "To deliver", "3", "", ""] in rows
    assert AuditEvent.objects.get(action="export_report", refused=False).actor == exporter


def test_the_command_says_what_the_page_says(unit, reader):
    delivery = sent(unit, number=3)
    out = io.StringIO()

    call_command("report", "unit", unit=unit.label, person=reader.username, as_json=True, stdout=out)

    said = json.loads(out.getvalue())
    whole = next(table for table in said["tables"] if table["table"] == "deliveries")["rows"][-1]
    assert whole["cells"][1]["number"] == 3
    for code in ("delivery", "throughput", "reactions", "failures", "engagement"):
        text = io.StringIO()
        call_command("report", code, delivery.name, stdout=text)
        assert delivery.label in text.getvalue()
    with pytest.raises(CommandError) as refused:
        call_command("report", "joy", stdout=io.StringIO())
    assert refused.value.returncode == 2
