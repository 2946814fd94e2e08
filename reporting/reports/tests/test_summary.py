"""The summary of a delivery: on a page, as a file, by command; read and taken by whoever may."""

import csv
import io
import json

import pytest
from django.core.management import call_command
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from deliveries.tests.factories import DeliveryFactory
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting.counting import statistics
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery():
    made = delivery_with(sent=6, failed=2)
    hit(made, HitKind.OPEN, 1)
    hit(made, HitKind.CLICK, 2)
    statistics.count_hourly()
    return made


def rows_of(page, name):
    section = LexborHTMLParser(page.content.decode()).css_first(f"section[aria-labelledby={name}]")
    return [
        [cell.text(separator=" ").split() for cell in row.css("th, td")] for row in section.css("tbody tr")
    ]


def test_the_page_says_what_block_logs_and_command_say(client, unit, delivery):
    client.force_login(UserFactory(roles={"prepare": unit.parent}))

    page = client.get(reverse("reporting:summary", args=[delivery.pk]))

    figures = {
        " ".join(cells[0]): [" ".join(cell) for cell in cells[1:3]] for cells in rows_of(page, "figures")
    }
    assert figures["Delivered"] == ["6", "75.0%"]
    assert figures["Opens"] == ["2", "33.3%"]
    assert figures["Opens in all"] == ["2", ""]
    assert [cells[1:] for cells in rows_of(page, "throughput")] == [[["6"], ["2"]]]
    assert [cells[1:] for cells in rows_of(page, "times")] == [[["2"], ["1"]]]
    assert [cells[2] for cells in rows_of(page, "top-links")] == [["1"]]
    assert rows_of(page, "failed")[0][2] == ["2"]
    assert "Delivered ÷ Sent" in page.content.decode()
    for link in LexborHTMLParser(page.content.decode()).css("section[aria-labelledby=throughput] td a"):
        assert len(client.get(link.attributes["href"]).context["page"].rows) == int(link.text())


def test_the_file_is_for_whoever_may_export_and_that_is_recorded(client, unit, delivery):
    address = reverse("reporting:summary-export", args=[delivery.pk])
    client.force_login(UserFactory(roles={"prepare": unit.parent}))
    assert client.get(address).status_code == 403
    exporter = UserFactory(roles={"prepare": unit.parent, "export": unit.parent})
    client.force_login(exporter)

    answer = b"".join(client.get(address).streaming_content).decode("utf-8-sig")

    rows = list(csv.reader(io.StringIO(answer)))
    assert all(len(row) == len(rows[0]) for row in rows)
    assert ["Figures", "Delivered", "", "6", "75.0", "Delivered ÷ Sent"] in rows
    assert [row[1:4:2] for row in rows if row[0] == "Throughput"] == [
        ["Delivered", "6"],
        ["Bounces and errors", "2"],
    ]
    assert AuditEvent.objects.get(action="export_log", refused=False).actor == exporter


def test_the_command_prints_it_too(delivery):
    out = io.StringIO()
    call_command("show_delivery", delivery.name, "--summary", "--json", stdout=out)
    shown = json.loads(out.getvalue())

    assert [(each["delivered"], each["failed"]) for each in shown["throughput"]["periods"]] == [(6, 2)]
    assert (shown["times"]["opens"], shown["clicks"][0]["clicks"], shown["failures"]["number"]) == (2, 1, 2)


def test_nobody_else_finds_it(client, unit):
    elsewhere = DeliveryFactory(unit=UnitFactory(), recipients=1)
    client.force_login(UserFactory(roles={"prepare": unit, "export": unit}))

    for name in ("summary", "summary-export"):
        assert client.get(reverse(f"reporting:{name}", args=[elsewhere.pk])).status_code == 404


def test_before_anything_left_and_untracked_it_stands_too(client, unit):
    client.force_login(UserFactory(roles={"prepare": unit.parent}))

    for delivery in (DeliveryFactory(recipients=1), DeliveryFactory(recipients=1, tracking=False)):
        page = client.get(reverse("reporting:summary", args=[delivery.pk])).content.decode()
        assert "No server has answered yet." in page
        assert ("Nobody has clicked a link yet." in page) == delivery.tracking
