import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.quarantine import suppression
from campaign.lib import clock
from deliveries.models import LegalHold, Message, RetentionPeriod
from feedback.models import IncomingMail, Report
from feedback.tests.factories import link
from reporting.retention import applying

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(administrator):
    client = Client()
    client.force_login(administrator)
    return client


def run(name, *args, by):
    out = StringIO()
    call_command(name, *args, "--as", by.username, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_unit_is_set_shows_what_goes_and_is_put_under_a_hold(signed_in, old):
    delivery = old()
    address = reverse("reporting:unit-retention", args=[root().pk])

    page = signed_in.post(address, {"recipients": "30", "reactions": "", "mail": "0"}, follow=True)

    assert dict(RetentionPeriod.objects.values_list("kind", "days")) == {"recipients": 30, "mail": 0}
    assert delivery.label in page.content.decode()
    page = signed_in.post(
        reverse("reporting:unit-hold", args=[root().pk]), {"reason": "Case 17"}, follow=True
    )
    assert "Case 17" in page.content.decode()
    assert delivery.label not in page.content.decode()
    signed_in.post(reverse("reporting:unit-lift", args=[root().pk]))
    assert not LegalHold.objects.in_force().exists()


def test_a_period_out_of_bounds_is_said_and_nothing_is_saved(signed_in):
    address = reverse("reporting:unit-retention", args=[root().pk])

    page = signed_in.post(address, {"recipients": "12", "reactions": "90"})

    assert "30" in page.content.decode()
    assert not RetentionPeriod.objects.exists()


def test_a_delivery_is_held_and_lifted_on_its_own_page(signed_in, old_one):
    signed_in.post(reverse("reporting:delivery-hold", args=[old_one.pk]), {"reason": "Case 17"})
    page = signed_in.get(reverse("reporting:delivery-retention", args=[old_one.pk])).content.decode()

    assert "Case 17" in page
    signed_in.post(reverse("reporting:delivery-lift", args=[old_one.pk]))
    assert not LegalHold.objects.in_force().exists()


def test_who_does_not_administer_lifts_nothing_and_who_sees_nothing_finds_nothing(signed_in, old_one):
    signed_in.post(reverse("reporting:delivery-hold", args=[old_one.pk]), {"reason": "Case 17"})
    preparer, stranger = Client(), Client()
    preparer.force_login(UserFactory(roles={"prepare": root()}))
    stranger.force_login(
        UserFactory(roles={"administration": UnitFactory(parent=UnitFactory(parent=root()))})
    )

    assert preparer.post(reverse("reporting:delivery-lift", args=[old_one.pk])).status_code == 403
    assert preparer.post(reverse("reporting:unit-lift", args=[root().pk])).status_code == 403
    other = UnitFactory(parent=root())
    assert stranger.get(reverse("reporting:unit-retention", args=[other.pk])).status_code == 404
    assert LegalHold.objects.in_force().exists()


def test_links_of_a_message_that_is_gone_say_so_or_still_work(old, kept_for):
    delivery = old(sent=2)
    profile_id = Message.objects.get(delivery=delivery, seq=1).profile_id
    kept_for(30)
    applying.apply(at=clock.now())
    reader = Client()

    assert reader.get(link(delivery, "m")).status_code == 410
    assert reader.get(link(delivery, "c")).status_code == 302
    assert reader.get(link(delivery, "u")).status_code == 200
    assert reader.post(link(delivery, "u")).status_code == 200
    assert suppression.has_opted_out(profile_id)


def test_commands_set_plan_hold_and_apply(administrator, old_one):
    unit = str(root().pk)

    assert run("set_retention", unit, "--recipients", "30", by=administrator)["days"]["recipients"] == 30
    plan = run("apply_retention", "--dry-run", by=administrator)
    assert [(line["delivery"], line["kind"], line["rows"]) for line in plan["lines"]] == [
        (old_one.name, "recipients", 8)
    ]
    run("hold", "--delivery", old_one.name, "--reason", "Case 17", by=administrator)
    assert run("apply_retention", by=administrator)["rows"] == {}
    run("hold", "--delivery", old_one.name, "--lift", by=administrator)
    assert run("apply_retention", by=administrator)["rows"] == {"recipients": 8}


@pytest.mark.parametrize("days", ["12", "many", "-1"])
def test_a_command_says_which_period_is_none(days, administrator):
    with pytest.raises(CommandError):
        run("set_retention", str(root().pk), f"--recipients={days}", by=administrator)


def test_the_desk_shows_periods_holds_and_what_has_gone(old, kept_for):
    desk = Client()
    desk.force_login(UserFactory(is_superuser=True, is_staff=True))
    kept_for(30)
    old()
    applying.apply(at=clock.now())

    page = desk.post(
        reverse("admin:deliveries_legalhold_add"), {"unit": root().pk, "reason": "Case 17"}, follow=True
    )
    assert page.status_code == 200
    hold = LegalHold.objects.get()
    for name, args in [
        ("retentionperiod_changelist", []),
        ("retentionperiod_add", []),
        ("legalhold_changelist", []),
        ("legalhold_change", [hold.pk]),
        ("purge_changelist", []),
    ]:
        assert desk.get(reverse(f"admin:deliveries_{name}", args=args)).status_code == 200
    desk.post(reverse("admin:deliveries_legalhold_lift", args=[hold.pk]))
    assert not LegalHold.objects.in_force().exists()
    posted = {"unit": root().pk, "kind": "mail", "days": "45"}
    answer = desk.post(reverse("admin:deliveries_retentionperiod_add"), posted)
    assert answer.status_code == 302, answer.context["errors"]
    assert RetentionPeriod.objects.get(kind="mail").days == 45


def test_mail_is_emptied_and_what_was_read_from_it_stays(old, kept_for, signed_in):
    delivery = old(sent=2)
    mail = IncomingMail.objects.create(digest=b"1", raw=b"From: a\n\nb", read_at=clock.now(), kind="soft")
    loose = IncomingMail.objects.create(
        digest=b"2", raw=b"From: c\n\nd", read_at=clock.now(), kind="not_a_bounce"
    )
    IncomingMail.objects.update(received_at=clock.now() - timedelta(days=50))
    report = Report.objects.create(
        mail=mail, number=1, at=clock.now(), kind="soft", delivery=delivery, seq=1, outcome="noted"
    )
    kept_for(mail=30)

    applying.apply(at=clock.now())

    assert [bytes(each.raw) for each in IncomingMail.objects.order_by("id")] == [b"", b""]
    assert Report.objects.get() == report
    assert loose.pk
    page = signed_in.get(reverse("reporting:report", args=[delivery.pk, 1, report.pk]))
    assert page.status_code == 200
    assert Message.objects.filter(delivery=delivery).count() == 2
