"""What docs/tutorial.md tells people to type does what it says, in its order."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Profile
from deliveries.models import Delivery, Status
from docs import tutorial_commands

pytestmark = [pytest.mark.django_db(transaction=True)]
NOT_HERE = {"--wait"}  # no worker runs beside the test: it does the work itself, after each command
EXPECTED = {"fred@cafe.example", "ana@cafe.example", "Bia@Cafe.example"}


def test_the_commands_of_the_tutorial_lead_to_a_send(relay: Any, work: Any, monkeypatch: Any) -> None:
    brazil = UnitFactory(label="Brasil", parent=root(), approval_policy="one")
    UserFactory(username="diego", roles={"administration": root()}, is_superuser=True)
    UserFactory(username="ines", roles={"import": brazil, "attributes": root()})
    for name, role in (("ana", "prepare"), ("bruno", "approve"), ("carla", "start")):
        UserFactory(username=name, roles={role: brazil})
    monkeypatch.chdir(settings.BASE_DIR)
    answers, made = {}, ""

    for told in tutorial_commands.told():
        words = [made if word == tutorial_commands.MADE else word for word in told if word not in NOT_HERE]
        if words[0] == "confirm_delivery":
            words += ["--seal", Delivery.objects.get().seal]
        out = StringIO()
        call_command(*words, "--json", stdout=out)
        answers[words[0]] = answer = json.loads(out.getvalue())
        made = answer["delivery"] if words[0] == "create_delivery" else made
        work()

    assert Delivery.objects.get().status == Status.FINISHED
    assert set(relay.recipients()) == EXPECTED
    assert Profile.objects.get(first_name="Íris").consent_unclear
    assert [row["count"] for row in answers["list_audiences"]] == [7]
    assert [row["label"] for row in answers["list_deliveries"]["deliveries"]] == ["Hello from Café Aurora"]


def test_what_the_tutorial_shows_is_there() -> None:
    text = tutorial_commands.TUTORIAL.read_text()

    for path in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (tutorial_commands.TUTORIAL.parent / path).is_file(), path
