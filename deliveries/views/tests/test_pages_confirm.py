"""The second step of the confirmation, the approval page, and changing one's mind."""

from datetime import UTC, timedelta

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory
from audiences.models import Profile
from campaign.lib import clock
from deliveries import drafting
from deliveries.approval import decisions as approval
from deliveries.models import Approval, Confirmation, Delivery, ScheduleKind, Status
from deliveries.tests.factories import NEXT_WEEK, DeliveryFactory, bring_to, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def starter(unit, client):
    starter = person("start", unit)
    client.force_login(starter)
    return starter


def url(name, delivery):
    return reverse(f"deliveries:{name}", args=[delivery.pk])


def test_the_second_step_shows_all_that_ok_will_bind(unit, starter, client):
    at = (clock.now() + NEXT_WEEK).replace(hour=17, minute=0, second=0, microsecond=0)
    delivery = DeliveryFactory(
        unit=unit, recipients=12, schedule_kind=ScheduleKind.AT_DATE, contact_date=at,
        time_zone="America/Sao_Paulo", content={"text": ""},
    )  # fmt: skip
    Profile.objects.filter(pk=Profile.objects.first().pk).update(no_email=True)
    bring_to(delivery, "ready", by=person("prepare", unit))

    page = client.get(url("confirm", delivery)).content.decode()

    for words in (
        "Send 11 messages?",
        "Opted out</span> <strong class=\"num\">1<",
        "Quarantined address</span> <strong class=\"num\">0<",
        "Serra Alta &lt;news@serra-alta.example.com&gt;",
        "News for {{ profile.first_name",
        "14:00 <span class=\"time__zone\">America/Sao Paulo",
        "17:00 <span class=\"time__zone\">UTC",
        "There is no text part",
        "less than a minute ago",
        str(person("approve", unit)),
        f'name="seal" value="{delivery.seal}"',
        "OK",
    ):  # fmt: skip
        assert words in page, words


def test_ok_confirms_what_was_on_the_screen(unit, starter, client):
    delivery = DeliveryFactory(unit=unit, ready=True)

    answer = client.post(url("confirm", delivery), {"seal": delivery.seal}, follow=True)

    confirmed = Confirmation.objects.get(delivery=delivery)
    assert (confirmed.by, confirmed.seal, confirmed.to_deliver) == (starter, delivery.seal, 3)
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SCHEDULED
    assert "Starting" in answer.content.decode()


@pytest.mark.parametrize("seal", ["", "0" * 64])
def test_ok_without_the_seal_is_refused(seal, unit, starter, client):
    delivery = DeliveryFactory(unit=unit, ready=True)

    answer = client.post(url("confirm", delivery), {"seal": seal}, follow=True)

    assert "no longer what is prepared" in answer.content.decode()
    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY
    assert AuditEvent.objects.filter(refused=True, action="confirm", actor=starter).exists()


def test_ok_is_refused_once_it_was_prepared_anew(unit, starter, client):
    delivery = DeliveryFactory(unit=unit, ready=True)
    on_the_screen = delivery.seal
    bring_to(delivery, "ready", by=person("prepare", unit))
    assert delivery.seal != on_the_screen

    client.post(url("confirm", delivery), {"seal": on_the_screen})

    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY


def test_ok_is_refused_once_something_changed(unit, starter, client):
    delivery = DeliveryFactory(unit=unit, ready=True)
    drafting.write(delivery=delivery, by=person("prepare", unit), at=clock.now(), subject="Other")

    answer = client.post(url("confirm", delivery), {"seal": delivery.seal}, follow=True)

    assert Delivery.objects.get(pk=delivery.pk).status == Status.DRAFT
    assert "this can&#x27;t be done now" in answer.content.decode()


def test_a_second_ok_is_refused(unit, starter, client):
    delivery = DeliveryFactory(unit=unit, ready=True)

    for _ in range(2):
        client.post(url("confirm", delivery), {"seal": delivery.seal})

    assert Confirmation.objects.filter(delivery=delivery).count() == 1


class TestAboveASetSize:
    @pytest.fixture(autouse=True)
    def small(self, settings):
        settings.SINETE = settings.SINETE | {"confirm_by_typing_above": 2}

    def test_the_number_is_asked_for(self, unit, starter, client):
        page = client.get(url("confirm", DeliveryFactory(unit=unit, ready=True))).content.decode()

        assert 'name="typed"' in page

    @pytest.mark.parametrize("typed", ["", "4", "three", "33", "-3"])
    def test_a_wrong_number_is_refused_and_asked_again(self, typed, unit, starter, client):
        delivery = DeliveryFactory(unit=unit, ready=True)

        answer = client.post(url("confirm", delivery), {"seal": delivery.seal, "typed": typed}, follow=True)

        assert Delivery.objects.get(pk=delivery.pk).status == Status.READY
        assert "Type the number of messages, 3" in answer.content.decode()
        assert answer.redirect_chain[-1][0] == url("confirm", delivery)

    def test_the_right_number_confirms(self, unit, starter, client):
        delivery = DeliveryFactory(unit=unit, ready=True)

        client.post(url("confirm", delivery), {"seal": delivery.seal, "typed": " 3 "})

        assert Delivery.objects.get(pk=delivery.pk).status == Status.SCHEDULED


def test_below_it_no_number_is_asked_for(unit, starter, client):
    assert (
        'name="typed"'
        not in client.get(url("confirm", DeliveryFactory(unit=unit, ready=True))).content.decode()
    )


def test_a_date_that_passed_is_refused_with_a_way_on(unit, starter, client):
    delivery = DeliveryFactory(
        unit=unit,
        ready=True,
        schedule_kind=ScheduleKind.AT_DATE,
        contact_date=clock.now() + timedelta(hours=1),
    )

    with clock.shifted(timedelta(hours=2)):
        answer = client.post(url("confirm", delivery), {"seal": delivery.seal}, follow=True)

    assert "The date of this delivery has passed" in answer.content.decode()
    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY


class TestApproval:
    def test_the_page_shows_counts_findings_and_the_message_as_its_first_recipient_gets_it(
        self, unit, client
    ):
        delivery = DeliveryFactory(unit=unit, awaiting_approval=True, content={"text": ""})
        client.force_login(person("approve", unit))
        first = delivery.messages.order_by("seq").first()

        page = client.get(url("approval", delivery)).content.decode()

        name = Profile.objects.get(pk=first.profile_id).first_name
        assert f"News for {name}" in page
        assert "There is no text part" in page
        assert f"{url('frame', delivery)}?seq=1" in page
        assert delivery.seal in page

    def test_a_rejection_without_a_comment_is_asked_again(self, unit, client):
        delivery = DeliveryFactory(unit=unit, awaiting_approval=True)
        client.force_login(person("approve", unit))

        answer = client.post(
            url("approval", delivery), {"decision": "reject", "seal": delivery.seal}, follow=True
        )

        assert "Say in a comment what must change" in answer.content.decode()
        assert Delivery.objects.get(pk=delivery.pk).status == Status.AWAITING_APPROVAL

    def test_a_rejection_goes_back_with_its_comment(self, unit, client):
        delivery = DeliveryFactory(unit=unit, awaiting_approval=True)
        client.force_login(person("approve", unit))

        client.post(
            url("approval", delivery), {"decision": "reject", "seal": delivery.seal, "comment": "Old price."}
        )

        assert Delivery.objects.get(pk=delivery.pk).status == Status.DRAFT
        assert Approval.objects.get().comment == "Old price."

    def test_an_approval_of_what_is_no_longer_prepared_is_refused(self, unit, client):
        delivery = DeliveryFactory(unit=unit, awaiting_approval=True)
        client.force_login(person("approve", unit))

        client.post(url("approval", delivery), {"decision": "approve", "seal": "0" * 64})

        assert not Approval.objects.exists()

    def test_a_forged_approval_of_ones_own_is_refused(self, unit, client):
        from accounts.tests.factories import UserFactory

        maker = UserFactory(roles={"prepare": unit, "approve": unit})
        delivery = DeliveryFactory(unit=unit, by=maker, awaiting_approval=True, approval_policy="four_eyes")
        client.force_login(maker)

        answer = client.post(
            url("approval", delivery), {"decision": "approve", "seal": delivery.seal}, follow=True
        )

        assert "someone else must approve it" in answer.content.decode()
        assert Delivery.objects.get(pk=delivery.pk).status == Status.AWAITING_APPROVAL


class TestChangingOnesMind:
    def test_stop_asks_with_both_numbers_and_tells_what_came_of_it(self, unit, starter, client):
        delivery = DeliveryFactory(unit=unit, sending=True, recipients=5)

        asked = client.get(url("stop", delivery)).content.decode()
        done = client.post(url("stop", delivery), follow=True).content.decode()

        assert "0 <span>have left" in asked
        assert "5 <span>never will" in asked
        assert "Stopped: 0 messages had left, 5 never will." in done
        assert Delivery.objects.get(pk=delivery.pk).status == Status.STOPPED

    def test_a_confirmation_is_taken_back_before_anything_left(self, unit, starter, client):
        delivery = DeliveryFactory(unit=unit, scheduled=True)

        answer = client.post(url("take-back", delivery), follow=True).content.decode()

        assert "Nothing was sent" in answer
        assert Delivery.objects.get(pk=delivery.pk).status == Status.READY

    def test_not_once_it_is_sending(self, unit, starter, client):
        delivery = DeliveryFactory(unit=unit, sending=True)

        answer = client.post(url("take-back", delivery), follow=True).content.decode()

        assert "The first message has left" in answer
        assert Delivery.objects.get(pk=delivery.pk).status == Status.SENDING


def test_the_moment_is_shown_in_utc_only_once_where_that_is_the_zone(unit, starter, client):
    at = (clock.now() + NEXT_WEEK).astimezone(UTC)
    delivery = DeliveryFactory(unit=unit, ready=True, schedule_kind=ScheduleKind.AT_DATE, contact_date=at)

    page = client.get(url("confirm", delivery)).content.decode()

    leaves = page[page.index("<dt>Leaves") : page.index("<dt>Prepared")]
    assert leaves.count("<time") == 1


def test_a_preparation_without_approval_says_so(starter, client, unit):
    loose = UnitFactory(approval_policy="none", parent=unit)
    delivery = DeliveryFactory(unit=loose, ready=True)

    assert "No approval is asked for" in client.get(url("confirm", delivery)).content.decode()
    assert not approval.Approval.objects.exists()


def test_a_recipient_of_an_earlier_preparation_has_no_preview_once_a_later_one_failed(unit, client):
    delivery = DeliveryFactory(unit=unit, ready=True)
    by = person("prepare", unit)
    client.force_login(by)
    drafting.write(delivery=delivery, by=by, at=clock.now(), html="{{ broken")
    bring_to(delivery, "prepared", by=by)
    assert delivery.status == Status.PREPARATION_FAILED

    pages = (
        f"{url('preview', delivery)}?seq=1",
        f"{url('frame', delivery)}?seq=1",
        reverse("reporting:message", args=[delivery.pk, 1]),
        reverse("reporting:frame", args=[delivery.pk, 1]),
    )

    assert [client.get(page).status_code for page in pages] == [200] * 4


def test_a_comment_with_a_nul_is_kept_without_it(unit, client):
    delivery = DeliveryFactory(unit=unit, awaiting_approval=True)
    client.force_login(person("approve", unit))

    client.post(
        url("approval", delivery), {"decision": "reject", "seal": delivery.seal, "comment": "Old\x00 price."}
    )

    assert Approval.objects.get(preparation__delivery=delivery).comment == "Old price."
