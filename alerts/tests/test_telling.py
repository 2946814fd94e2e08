"""Each person is told as they chose: in the app, and by mail at once or together."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from accounts import access
from accounts.tests.factories import UnitFactory, UserFactory
from alerts import choices, letters, watching
from alerts.choices import Chosen
from alerts.models import Alert, AlertNotice, Condition, MailWhen, Whose
from campaign.lib import clock
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


def fail(*deliveries):
    for delivery in deliveries:
        gate.fail(delivery.pk, because="What is prepared is not what was confirmed.")
    watching.look()


def choose(user, whose=Whose.MINE, when=MailWhen.AT_ONCE, condition=Condition.FAILED):
    choices.save(by=user, chosen={condition: Chosen(whose, when)})


def test_those_who_made_it_or_may_start_it_are_told_and_who_only_sees_it_is_not():
    delivery = DeliveryFactory(sending=True)
    looks_on = person("approve", delivery.unit)

    fail(delivery)

    told = set(AlertNotice.objects.values_list("user", flat=True))
    assert told == {delivery.created_by_id, person("start", delivery.unit).pk}
    assert choices.unread(looks_on) == 0
    assert choices.unread(delivery.created_by) == 1


def test_whoever_wants_all_that_they_see_is_told_and_nobody_elsewhere():
    unit = UnitFactory()
    delivery = DeliveryFactory(unit=unit, sending=True)
    sees, elsewhere = UserFactory(roles={"approve": unit}), UserFactory(roles={"start": UnitFactory()})
    for user in (sees, elsewhere):
        choose(user, Whose.ALL)

    fail(delivery)

    assert choices.unread(sees) == 1
    assert choices.unread(elsewhere) == 0


def test_whoever_wants_none_is_told_nothing():
    delivery = DeliveryFactory(sending=True)
    choose(delivery.created_by, Whose.NONE)

    fail(delivery)

    assert choices.unread(delivery.created_by) == 0


def test_whoever_may_not_see_it_any_more_hears_no_more_of_it():
    unit = UnitFactory()
    delivery = DeliveryFactory(unit=unit, sending=True)
    user = delivery.created_by
    fail(delivery)

    access.revoke(grant=user.role_grants.get(unit=unit), by=None)

    assert choices.unread(user) == 0
    letters.mail(clock.now())
    assert user.email not in {to for message in mail.outbox for to in message.to}


def test_what_comes_together_comes_in_one_letter_and_once():
    deliveries = [DeliveryFactory(sending=True) for _number in range(3)]
    user = deliveries[0].created_by
    choose(person("start", deliveries[0].unit), when=MailWhen.NEVER)

    fail(*deliveries)
    assert letters.mail(clock.now()) == 1
    assert letters.mail(clock.now()) == 0

    (letter,) = mail.outbox
    assert letter.to == [user.email]
    assert letter.subject == "3 alerts of your deliveries"
    for delivery in deliveries:
        assert f"/deliveries/{delivery.pk}/" in letter.body
    assert "/alerts/choices/" in letter.body


def test_a_letter_that_can_not_leave_is_tried_again_later(monkeypatch):
    delivery = DeliveryFactory(sending=True)
    fail(delivery)
    at = clock.now()
    monkeypatch.setattr(letters.EmailMessage, "send", _away)

    assert letters.mail(at) == 0

    monkeypatch.undo()
    assert letters.mail(at) == 0
    assert letters.mail(at + timedelta(minutes=6)) == 2


def _away(_message):
    raise ConnectionRefusedError


@pytest.mark.parametrize(
    ("when", "due"),
    [
        (MailWhen.AT_ONCE, datetime(2026, 5, 4, 12, 20, tzinfo=UTC)),
        (MailWhen.HOURLY, datetime(2026, 5, 4, 13, tzinfo=UTC)),
        (MailWhen.DAILY, datetime(2026, 5, 5, 11, tzinfo=UTC)),  # 8:00 in São Paulo
        (MailWhen.NEVER, None),
    ],
)
def test_a_letter_leaves_when_its_reader_wants_it(when, due):
    user = UserFactory(time_zone="America/Sao_Paulo")

    assert choices.mail_after(user, when, at=datetime(2026, 5, 4, 12, 20, tzinfo=UTC)) == due


def test_a_subject_can_not_break_into_a_header():
    delivery = DeliveryFactory(sending=True, label="News\r\nBcc: x@example.com")
    fail(delivery)

    letters.mail(clock.now())

    assert {message.subject for message in mail.outbox} == {"The send failed: News Bcc: x@example.com"}


def test_what_was_seen_is_seen_for_oneself_alone():
    delivery = DeliveryFactory(sending=True)
    fail(delivery)
    starter = person("start", delivery.unit)

    assert choices.mark_seen(by=starter, at=clock.now()) == 1

    assert choices.unread(starter) == 0
    assert choices.unread(delivery.created_by) == 1
    assert Alert.objects.visible_to(starter).open().exists()
