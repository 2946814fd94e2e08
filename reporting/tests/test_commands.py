import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.tests.factories import UnitFactory, UserFactory
from deliveries.models import Chunk
from deliveries.tests.factories import DeliveryFactory
from reporting.tests.factories import delivery_with, falsify

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command("compute_stats", *arguments, stdout=out)
    return out.getvalue()


def test_compute_stats_answers_with_old_new_and_difference():
    user = UserFactory(is_superuser=True)
    delivery = delivery_with(sent=4)
    falsify(delivery, sent=1)

    answer = json.loads(run(delivery.name, "--as", user.username, "--json"))

    assert (answer["old"]["delivered"], answer["new"]["delivered"], answer["difference"]["delivered"]) == (
        1,
        4,
        3,
    )
    assert Chunk.objects.get(delivery=delivery).sent == 4


def test_compute_stats_prints_a_table_for_people():
    user = UserFactory(is_superuser=True)

    printed = run(delivery_with(sent=4).name, "--as", user.username)

    assert "Delivered" in printed
    assert "difference" in printed


def test_whoever_may_not_see_it_is_told_that_there_is_none():
    stranger = UserFactory(roles={"prepare": UnitFactory()})
    delivery = DeliveryFactory(unit=UnitFactory())

    with pytest.raises(CommandError) as refusal:
        run(str(delivery.pk), "--as", stranger.username)

    assert refusal.value.returncode == 2


def test_somebody_must_do_it():
    with pytest.raises(CommandError) as refusal:
        run(delivery_with(sent=1).name)

    assert refusal.value.returncode == 2
