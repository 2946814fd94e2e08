"""What a person makes of the logs: columns that they see, filters that they keep by name."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from reporting.logs import columns, logs, saved_filters
from reporting.logs.columns import NoSuchColumn
from reporting.logs.saved_filters import NoName, NothingToSave, TooManyFilters
from reporting.models import LogFilter
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db

SENDING = logs.LOGS["sending"]


@once
def unit():
    return UnitFactory()


@once
def delivery(unit):
    return delivery_with(unit=unit, sent=3, failed=1)


@pytest.fixture
def reader(client, unit):
    user = UserFactory(roles={"read": unit}, is_staff=True)
    client.force_login(user)
    return user


def heads(client, delivery, tab):
    page = client.get(reverse("reporting:window", args=[delivery.pk, tab])).content.decode()
    return [
        part.partition("<")[0]
        for part in page.partition("<thead>")[2].partition("</thead>")[0].split('">')[1:]
    ]


@pytest.mark.parametrize("tab", ["sending", "unknown", "exclusions", "causes", "tracking", "urls", "log"])
def test_a_log_shows_every_column_that_is_asked_for(client, delivery, reader, tab):
    every = [column.name for column in columns.BY_LOG[tab]]

    client.post(reverse("reporting:columns", args=[delivery.pk, tab]), {"column": every})
    page = client.get(reverse("reporting:window", args=[delivery.pk, tab]))

    assert page.status_code == 200
    assert page.context["shown"] == set(every)


def test_a_choice_of_columns_is_for_all_deliveries_and_one_person(client, unit, delivery, reader):
    client.post(
        reverse("reporting:columns", args=[delivery.pk, "sending"]),
        {"column": ["status", "answer"], "query": "q=a"},
    )
    other = delivery_with(unit=unit, sent=1)

    assert heads(client, other, "sending") == ["Address", "Status", "Answer of the server"]
    client.force_login(UserFactory(roles={"read": unit}))
    assert "Tries" in heads(client, other, "sending")


def test_what_one_began_with_comes_back(client, delivery, reader):
    columns.choose(user=reader, code="sending", names=["number"])

    answer = client.post(
        reverse("reporting:columns", args=[delivery.pk, "sending"]),
        {"column": ["number"], "again": "1", "query": "status=sent"},
    )

    assert answer["Location"] == reverse("reporting:window", args=[delivery.pk, "sending"]) + "?status=sent"
    assert columns.shown(reader, "sending") == {
        column.name for column in columns.BY_LOG["sending"] if column.is_first
    }


def test_a_column_that_there_is_not_is_refused(client, delivery, reader):
    with pytest.raises(NoSuchColumn):
        columns.choose(user=reader, code="sending", names=["colour"])

    client.post(reverse("reporting:columns", args=[delivery.pk, "sending"]), {"column": ["colour"]})
    assert client.post(reverse("reporting:columns", args=[delivery.pk, "failures"])).status_code == 404


def test_a_filter_is_kept_by_name_and_found_on_every_delivery(client, unit, delivery, reader):
    client.post(
        reverse("reporting:save-filter", args=[delivery.pk, "sending"]),
        {"name": "  What  failed ", "query": "status=failed&q=ana&link=3"},
    )
    other = delivery_with(unit=unit, sent=1)

    page = client.get(reverse("reporting:window", args=[other.pk, "sending"])).content.decode()

    assert LogFilter.objects.get().chosen == {"status": "failed"}
    assert 'href="?status=failed">What failed<' in page
    assert AuditEvent.objects.get(action="save_log_filter").detail["filters"] == {"status": "failed"}


def test_a_filter_goes_by_its_name(client, delivery, reader):
    saved_filters.save(log=SENDING, name="a", chosen={"status": "failed"}, by=reader, at=clock.now())

    client.post(reverse("reporting:remove-filter", args=[delivery.pk, "sending"]), {"name": "a"})
    again = client.post(
        reverse("reporting:remove-filter", args=[delivery.pk, "sending"]), {"name": "a"}, follow=True
    )

    assert not LogFilter.objects.exists()
    assert "You keep no filter “a” of this log." in again.content.decode()


def test_the_filters_of_others_are_their_own_matter(client, unit, delivery, reader):
    other = UserFactory(roles={"read": unit}, is_staff=True)
    kept = saved_filters.save(
        log=SENDING, name="somebody elses", chosen={"status": "failed"}, by=other, at=clock.now()
    )

    client.post(reverse("reporting:remove-filter", args=[delivery.pk, "sending"]), {"name": "x"})
    page = client.get(reverse("reporting:window", args=[delivery.pk, "sending"])).content.decode()

    assert LogFilter.objects.filter(pk=kept.pk).exists()
    assert "somebody elses" not in page
    assert client.get(f"/admin/reporting/logfilter/{kept.pk}/change/").status_code == 302


@pytest.mark.parametrize(
    ("name", "chosen", "refusal"),
    [
        ("", {"status": "failed"}, NoName),
        (" \0 ", {"status": "failed"}, NoName),
        ("a", {"q": "ana"}, NothingToSave),
    ],
)
def test_what_is_no_filter_is_not_kept(reader, name, chosen, refusal):
    with pytest.raises(refusal):
        saved_filters.save(log=SENDING, name=name, chosen=chosen, by=reader, at=clock.now())


def test_a_name_means_what_it_was_given_last_and_names_are_not_without_end(reader, monkeypatch):
    monkeypatch.setattr(saved_filters, "MOST", 1)
    saved_filters.save(log=SENDING, name="a", chosen={"status": "failed"}, by=reader, at=clock.now())
    saved_filters.save(log=SENDING, name="a", chosen={"status": "sent"}, by=reader, at=clock.now())

    assert LogFilter.objects.get().chosen == {"status": "sent"}
    with pytest.raises(TooManyFilters):
        saved_filters.save(log=SENDING, name="b", chosen={"status": "sent"}, by=reader, at=clock.now())


def test_the_desk_keeps_and_removes_filters(client, reader):
    client.post(
        "/admin/reporting/logfilter/add/", {"log": "sending", "name": "at the desk", "query": "status=failed"}
    )
    wrong = client.post(
        "/admin/reporting/logfilter/add/", {"log": "sending", "name": "wrong", "query": "status=lost"}
    )
    kept = LogFilter.objects.get()
    assert (kept.user, kept.name, kept.chosen) == (reader, "at the desk", {"status": "failed"})
    assert "This log has no filter status=lost." in wrong.content.decode()

    client.post(f"/admin/reporting/logfilter/{kept.pk}/delete/", {"post": "yes"})
    assert not LogFilter.objects.exists()


def said(*arguments):
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_commands_keep_use_and_remove_a_filter(delivery, reader):
    name = reader.username
    said("save_log_filter", "sending", "failures", "--only", "status=failed", "--as", name)

    assert said("list_log_filters", "--as", name)["filters"] == [
        {"log": "sending", "name": "failures", "filters": {"status": "failed"}}
    ]
    assert said("list_log_filters", "--log", "tracking", "--as", name)["filters"] == []
    rows = said("list_log", delivery.name, "sending", "--filter", "failures", "--as", name)["rows"]
    assert [row["status"] for row in rows] == ["failed"]

    said("remove_log_filter", "sending", "failures", "--as", name)
    with pytest.raises(CommandError) as refusal:
        said("list_log", delivery.name, "sending", "--filter", "failures", "--as", name)
    assert refusal.value.returncode == 2


def test_a_filter_needs_its_owner(delivery):
    with pytest.raises(CommandError, match="--as"):
        call_command("list_log", delivery.name, "sending", "--filter", "failures")
