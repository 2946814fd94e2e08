"""One step for many: on the page and by command, each by the verb that takes it alone."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries.drafting import many
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(unit):
    return person("prepare", unit)


def refused(outcome):
    return [(one.pk, refusal.code) for one, refusal in outcome.refused]


def test_what_one_refuses_holds_up_no_other_and_is_in_the_audit_trail(unit, by):
    draft, sent = (
        DeliveryFactory(unit=unit, recipients=1),
        DeliveryFactory(unit=unit, finished=True, recipients=1),
    )

    outcome = many.delete(deliveries=[sent, draft], by=by)

    assert refused(outcome) == [(sent.pk, "not_deletable")]
    assert set(Delivery.objects.filter(unit=unit)) == {sent}
    assert AuditEvent.objects.filter(actor=by, refused=True, target_id=str(sent.pk), action="delete").exists()
    assert AuditEvent.objects.filter(actor=by, refused=False, action="delete_delivery").exists()


def test_they_move_with_a_right_in_both_units_and_leave_their_seal_where_it_no_longer_holds(unit):
    there, elsewhere = UnitFactory(), UnitFactory()
    by = UserFactory(roles={"prepare": [unit, there]})
    first, second = (
        DeliveryFactory(unit=unit, recipients=1),
        DeliveryFactory(unit=unit, ready=True, recipients=1),
    )

    outcome = many.move(deliveries=[first, second], unit=there, by=by, at=clock.now())

    assert outcome.refused == []
    assert set(Delivery.objects.filter(unit=there)) == {first, second}
    with pytest.raises(NotAllowed):
        many.move(deliveries=[first], unit=elsewhere, by=by, at=clock.now())


def test_there_are_at_most_so_many_at_a_time(by):
    with pytest.raises(many.TooMany):
        many.duplicate(deliveries=[Delivery()] * (many.MOST + 1), by=by)


def test_the_page_asks_before_it_deletes_and_says_what_stays(unit, by, client):
    draft, sent = (
        DeliveryFactory(unit=unit, recipients=1),
        DeliveryFactory(unit=unit, finished=True, recipients=1),
    )
    hidden = DeliveryFactory(recipients=1)
    client.force_login(by)
    chosen = {"pk": [draft.pk, sent.pk, hidden.pk, "9" * 30, "x"], "action": "delete"}

    question = client.post(reverse("deliveries:many"), chosen)
    asked = Delivery.objects.count()
    told = client.post(reverse("deliveries:many"), chosen | {"sure": "yes"}, follow=True).content.decode()

    assert draft.label in question.content.decode()
    assert asked == 3
    assert set(Delivery.objects.all()) == {sent, hidden}
    assert "1 delivery was deleted." in told
    assert "has been released" in told


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"action": "duplicate"}, "No delivery was chosen."),
        ({"action": "move", "pk": "mine"}, "Move to unit"),
        ({"action": "move", "pk": "mine", "unit": "x"}, "say where to"),
        ({"action": "nonsense", "pk": "mine"}, "Say what is to be done"),
        ({"action": "duplicate", "pk": "mine"}, "1 copy was made"),
    ],
)
def test_the_page_says_what_came_of_it(posted, said, unit, by, client):
    delivery = DeliveryFactory(unit=unit, recipients=1)
    client.force_login(by)
    posted = {name: delivery.pk if value == "mine" else value for name, value in posted.items()}

    assert said in client.post(reverse("deliveries:many"), posted, follow=True).content.decode()


def test_whoever_may_not_is_refused_for_each(unit, client):
    delivery = DeliveryFactory(unit=unit, recipients=1)
    client.force_login(person("approve", unit))

    told = client.post(reverse("deliveries:many"), {"action": "duplicate", "pk": delivery.pk}, follow=True)

    assert "was made" not in told.content.decode()
    assert Delivery.objects.count() == 1
    assert AuditEvent.objects.filter(refused=True, target_id=str(delivery.pk)).exists()


def test_the_command_does_the_same(unit, by):
    first, second = (
        DeliveryFactory(unit=unit, recipients=1),
        DeliveryFactory(unit=unit, finished=True, recipients=1),
    )
    out = StringIO()

    with pytest.raises(CommandError, match="--yes"):
        call_command("many_deliveries", "delete", first.name, "--as", by.username)
    with pytest.raises(SystemExit):
        call_command(
            "many_deliveries", "delete", first.name, second.name, "--yes", "--json", "--as", by.username, stdout=out
        )  # fmt: skip

    answer = json.loads(out.getvalue())
    assert answer["done"] == [first.name]
    assert list(Delivery.objects.filter(unit=unit)) == [second]
    assert [(row["delivery"], row["error"]) for row in answer["refused"]] == [(second.name, "not_deletable")]
