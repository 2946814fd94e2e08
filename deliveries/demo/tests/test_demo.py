"""The demo: a delivery in each status, by the real steps, once."""

import os
import socket
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import Count

from accounts import access
from accounts.demo_accounts import ACCOUNTS, DEMO_ACCOUNTS, PASSWORD
from accounts.models import User
from accounts.rights import Right
from audiences.models import Import
from campaign.lib import clock
from deliveries.ledger import books
from deliveries.ledger.tallies import tallies
from deliveries.models import Delivery, Status
from deliveries.overview import todo
from feedback import jobs as feedback
from feedback.models import Hit, Report


@pytest.fixture
def demo(transactional_db: None, tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe, socket.socket() as other:
        probe.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        mail, inbox = probe.getsockname()[1], other.getsockname()[1]
    settings.RELAY_URL = f"smtp://127.0.0.1:{mail}"
    for name, value in (("INBOX_PORT", inbox), ("SINETE_VAR", tmp_path), ("SINETE_EMBEDDED", 1)):
        monkeypatch.setitem(os.environ, name, str(value))
    call_command("load_demo", stdout=StringIO())


@pytest.mark.slow
def test_the_demo_has_a_delivery_in_each_status_and_something_for_everybody(demo: None) -> None:
    people = {user.username: user for user in User.objects.all()}

    assert set(Delivery.objects.values_list("status", flat=True)) == set(Status)
    assert [d.status for d in todo.to_approve(people["bruno"])] == [Status.AWAITING_APPROVAL]
    assert [d.status for d in todo.to_confirm(people["carla"])] == [Status.READY] * 2
    assert todo.rejected(people["ana"]).count() == 1
    assert Import.objects.filter(status=Import.Status.REFUSED, started_by=people["ines"]).exists()
    assert not Delivery.objects.visible_to(people["nadia"]).exists()

    finished = Delivery.objects.get(status=Status.FINISHED, execution_of=None)
    feedback.read_mail()
    counts = tallies(finished)
    assert counts["sent"] > 1_800
    assert counts["bounced"] == 24
    assert sorted(Report.objects.values_list("kind").annotate(n=Count("id"))) == [
        ("auto_reply", 3), ("complaint", 2), ("hard", 14), ("soft", 10),
    ]  # fmt: skip
    assert counts["failed"] > 10
    assert Hit.objects.filter(delivery=finished).dates("at", "day").count() > 2
    for delivery in Delivery.objects.exclude(preparation=None):
        assert not books.imbalance(delivery)

    before = Delivery.objects.count()
    call_command("load_demo", stdout=StringIO())
    assert Delivery.objects.count() == before
    assert abs((clock.now() - clock.now()).total_seconds()) < 5


@pytest.mark.django_db
def test_each_demo_account_signs_in_and_holds_its_role() -> None:
    call_command("load_demo", "--people")

    for account in ACCOUNTS:
        user = User.objects.get(username=account.username)
        assert user.check_password(PASSWORD)
        assert {grant.role_id for grant in user.role_grants.all()} == {
            *account.roles,
            *account.roles_above_all,
        }
    assert len(DEMO_ACCOUNTS) == len(ACCOUNTS)
    carla = User.objects.get(username="carla")
    assert access.can(carla, Right.START, carla.home_unit)


@pytest.mark.django_db
def test_demo_data_stay_off_a_database_that_somebody_named(settings: object) -> None:
    settings.IS_EMBEDDED = settings.TESTING = False

    with pytest.raises(CommandError, match="Refused"):
        call_command("load_demo")
