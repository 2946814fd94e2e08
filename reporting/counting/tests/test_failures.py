"""Failures by reason and by provider: each figure opens the rows that it counts, and both make the whole."""

import json
import re
from io import StringIO
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import MailExchange, Profile
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.ledger import recounting
from deliveries.models import Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import no_trigger
from feedback import jobs
from feedback.intake import storing
from feedback.tests.mails import bounce_of
from reporting.counting import failures, statistics
from reporting.logs import logs, providers
from reporting.tests.factories import FAILURE, delivery_with

pytestmark = pytest.mark.django_db

ADDRESSES = [
    "a@serra.com.br",
    "b@mata.com.br",
    "c@praia.com.br",
    "d@serra.com.br",
    "e@praia.com.br",
    "f@serra.com.br",
]


OTHERWISE = {5: {"reason": "mailbox_full", "nature": "soft"}, 7: {"reason": "expired", "tries": 0}}


@once
def delivery():
    """Three failed while it was being sent, two bounced later, one arrived, one never reached a server."""
    made = DeliveryFactory(recipients=7, finished=True)
    with no_trigger("keep_tallies"), no_trigger("sealed_columns"):
        for seq, address in enumerate([*ADDRESSES, ADDRESSES[0]], start=1):
            failed = {"status": MessageStatus.FAILED, **FAILURE, "tries": 1} | OTHERWISE.get(seq, {})
            outcome = {"status": MessageStatus.SENT, "tries": 1} if seq < 4 else failed
            row = {"address": address, "address_key": address, "at": clock.now()}
            Message.objects.filter(delivery=made, seq=seq).update(**outcome, **row)
    recounting.recount(made.pk)
    for domain, provider in (("serra.com.br", "google.com"), ("mata.com.br", "google.com")):
        MailExchange.objects.create(
            domain=domain, provider=provider, hosts=[f"mx.{provider}"], outcome="found", wanted_at=clock.now()
        )
    storing.store(bounce_of(made, 1))
    storing.store(bounce_of(made, 2, status="5.2.2"))
    jobs.read_mail()
    return made


def numbers(lines):
    return {line.code: (line.number, line.refused, line.later) for line in lines}


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def test_failures_are_counted_by_reason_and_by_provider_and_each_makes_the_whole(
    delivery, django_assert_num_queries
):
    with django_assert_num_queries(6):  # whatever the number of rows
        found = failures.failures(delivery, user=None)

    assert found.number == statistics.counts(delivery).failed == 5
    assert numbers(found.by_reason) == {"mailbox_full": (2, 1, 1), "user_unknown": (3, 2, 1)}
    assert numbers(found.by_provider) == {"google.com": (4, 2, 2), "praia.com.br": (1, 1, 0)}
    assert [line.beside for line in found.by_provider] == ["mx.google.com", "not looked up yet"]


def rows_of(delivery, query, user):
    """The rows that the sending log shows for what stands in its address."""
    chosen = logs.chosen(logs.LOGS["sending"], QueryDict(query))
    return list(logs.sending(delivery, chosen, user))


def test_each_figure_opens_its_rows(delivery):
    user = UserFactory(roles={"prepare": delivery.unit, "export": delivery.unit})
    client = client_of(user)
    where = reverse("reporting:window", args=[delivery.pk, "failures"])
    log = reverse("reporting:window", args=[delivery.pk, "sending"])

    part = client.get(where, headers={"HX-Request": "true"}).content.decode()
    opened = re.findall(rf'href="{log}\?([^"]+)">([0-9]+)<', part)
    query = opened[-1][0].replace("&amp;", "&")
    shown = client.get(f"{log}?{query}").content.decode()
    lines = b"".join(client.get(f"{log}export/?{query}").streaming_content).decode()

    assert len(opened) == 4 + 7
    for found, number in opened:
        assert len(rows_of(delivery, found.replace("&amp;", "&"), user)) == int(number), found
    assert ("e@praia.com.br" in shown, shown.count("row-link"), len(lines.strip().splitlines())) == (
        True,
        1,
        2,
    )
    listed = b"".join(client.get(f"{where}export/").streaming_content).decode()
    assert "google.com" in listed
    assert len(listed.strip().splitlines()) == 1 + 4
    assert "<html" not in part
    assert where in client.get(reverse("reporting:block", args=[delivery.pk])).content.decode()
    for odd in ("x" * 300, "%", "(unseen)", "a\x00b", "'; DROP TABLE x"):
        assert rows_of(delivery, urlencode({"provider": odd, "status": "bounced"}), user) in (
            [],
            rows_of(delivery, "status=bounced", user),
        )


def test_beyond_the_first_providers_the_others_stand_in_one_line(delivery, monkeypatch):
    monkeypatch.setattr(providers, "TOP", 1)

    found = failures.failures(delivery, user=None)
    rows = logs.sending(
        delivery, {"status": "bounced", "provider": providers.OTHERS}, UserFactory(is_superuser=True)
    )

    assert numbers(found.by_provider) == {"google.com": (4, 2, 2), providers.OTHERS: (1, 1, 0)}
    assert [row.address for row in rows] == ["e@praia.com.br"]


def test_people_of_other_units_are_counted_and_no_domain_of_theirs_is_named(delivery):
    mine, other = UnitFactory(parent=delivery.unit), UnitFactory(parent=delivery.unit)
    seen = Message.objects.get(delivery=delivery, seq=1).profile_id
    Profile.objects.filter(pk__in=Message.objects.filter(delivery=delivery).values("profile_id")).update(
        unit=other
    )
    Profile.objects.filter(pk=seen).update(unit=mine)
    user = UserFactory(roles={"prepare": mine})

    found = failures.failures(delivery, user=user)
    rows = rows_of(delivery, "provider=google.com", user)
    unseen = rows_of(delivery, "status=bounced&provider=(unseen)", user)

    assert numbers(found.by_provider) == {"google.com": (1, 0, 1), providers.UNSEEN: (4, 3, 1)}
    assert ([row.seq for row in rows], len(unseen)) == ([1], 4)


def test_a_command_prints_the_same(delivery):
    out, printed = StringIO(), StringIO()

    call_command("show_delivery", delivery.name, failures=True, json=True, stdout=out)
    call_command("show_delivery", delivery.name, failures=True, stdout=printed)

    assert json.loads(out.getvalue())["failures"] == failures.failures(delivery, user=None).as_dict()
    assert re.search(r"User unknown +3 +2 +1", printed.getvalue())
    assert re.search(r"google.com +4 +2 +2", printed.getvalue())


def test_where_nothing_failed_that_is_said():
    delivery = delivery_with(sent=1)
    client = client_of(UserFactory(roles={"prepare": root()}))

    tab = client.get(reverse("reporting:window", args=[delivery.pk, "failures"])).content.decode()

    assert "No message has failed at a server." in tab
