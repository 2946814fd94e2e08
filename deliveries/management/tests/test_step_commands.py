"""Each command takes its step through the verb, answers in JSON, and refuses with a code."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import AuditEvent, OrganizationalUnit, User
from audiences.tests.factories import TestProfileFactory
from deliveries.management.tests.calling import CONTENT, refused, run
from deliveries.models import Delivery, Status

pytestmark = pytest.mark.django_db


def test_prepare_waits_for_the_worker(draft: Delivery, work: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deliveries.commands.base.DeliveriesCommand.let_time_pass", lambda self: work())

    answer = run("prepare_delivery", draft.name, "--as", "ana", "--wait")

    assert answer["status"] == "awaiting_approval"
    assert answer["preparation"]["to_deliver"] == 3
    assert answer["preparation"]["causes"]["no_address"] == 1


def test_prepare_with_wait_fails_with_the_reasons(
    ana: User, file: Callable[..., Path], work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliveries.commands.base.DeliveriesCommand.let_time_pass", lambda self: work())
    name = run("create_delivery", file(content=CONTENT | {"subject": ""}), "--as", "ana")["delivery"]

    assert refused("prepare_delivery", name, "--as", "ana", "--wait") == (1, "preparation_failed")


def test_a_preparation_is_stopped(draft: Delivery) -> None:
    run("prepare_delivery", draft.name, "--as", "ana")

    assert run("stop_preparation", draft.name, "--as", "ana")["status"] == "draft"


def test_approve_names_the_seal_or_takes_the_latest(prepared: Delivery, bruno: User) -> None:
    assert refused("approve_delivery", prepared.name, "--as", "bruno", "--seal", "0" * 64) == (
        1,
        "seal_moved",
    )

    answer = run("approve_delivery", prepared.name, "--as", "bruno", "--seal", prepared.seal[:12])

    assert answer["status"] == "ready"
    assert answer["preparation"]["seal"] == prepared.seal


def test_a_few_characters_do_not_name_a_seal(prepared: Delivery, bruno: User) -> None:
    answer = refused("approve_delivery", prepared.name, "--as", "bruno", "--seal", prepared.seal[:11])

    assert answer == (1, "seal_moved")


def test_reject_needs_a_comment_and_keeps_it(prepared: Delivery, bruno: User) -> None:
    assert refused("reject_delivery", prepared.name, "--as", "bruno", "--comment", " ") == (
        1,
        "comment_missing",
    )

    assert (
        run("reject_delivery", prepared.name, "--as", "bruno", "--comment", "Old offer")["status"] == "draft"
    )
    assert prepared.history.first().comment == "Old offer"


def test_confirm_without_a_seal_is_refused_where_nobody_can_be_asked(ready: Delivery) -> None:
    assert refused("confirm_delivery", ready.name, "--as", "carla") == (2, "seal_missing")


def test_confirm_with_the_seal_that_was_looked_at(ready: Delivery) -> None:
    answer = run("confirm_delivery", ready.name, "--as", "carla", "--seal", ready.seal)

    assert answer["status"] == "scheduled"
    assert ready.confirmations.get().by.username == "carla"


def test_who_may_not_start_is_refused_and_the_refusal_is_kept(ready: Delivery) -> None:
    assert refused("confirm_delivery", ready.name, "--as", "ana", "--seal", ready.seal) == (1, "forbidden")

    event = AuditEvent.objects.get(refused=True)
    assert (event.actor_name, event.action, event.target_id) == ("ana", "start_deliveries", str(ready.pk))


def test_a_large_send_asks_for_the_number(ready: Delivery, settings: Any) -> None:
    settings.SINETE = settings.SINETE | {"confirm_by_typing_above": 2}
    command = ["confirm_delivery", ready.name, "--as", "carla", "--seal", ready.seal]

    assert refused(*command) == (1, "count_mistyped")
    assert refused(*command, "--type", "4") == (1, "count_mistyped")
    assert run(*command, "--type", "3")["status"] == "scheduled"


class Terminal(StringIO):
    """Somebody types these lines at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Terminal]:
    def sit_down(typed: str) -> Terminal:
        out = Terminal()
        monkeypatch.setattr("sys.stdin", Terminal(typed))
        monkeypatch.setattr("sys.stdout", out)
        return out

    return sit_down


def test_confirm_at_a_terminal_shows_everything_and_asks(
    ready: Delivery, typing: Callable[[str], Terminal]
) -> None:
    out = typing("OK\n")

    call_command("confirm_delivery", ready.name, "--as", "carla", stdout=out)

    ready.refresh_from_db()
    assert ready.status == Status.SCHEDULED
    for words in (
        "3 of 4 targeted",
        "Address not specified",
        "news@serra-alta.example",
        CONTENT["subject"],
        "at once",
    ):
        assert words in out.getvalue()


def test_confirm_at_a_terminal_without_ok_changes_nothing(
    ready: Delivery, typing: Callable[[str], Terminal]
) -> None:
    out = typing("no\n")

    with pytest.raises(CommandError, match="nothing has changed"):
        call_command("confirm_delivery", ready.name, "--as", "carla", stdout=out)

    ready.refresh_from_db()
    assert ready.status == Status.READY


@pytest.fixture
def scheduled(ready: Delivery) -> Delivery:
    run("confirm_delivery", ready.name, "--as", "carla", "--seal", ready.seal)
    ready.refresh_from_db()
    return ready


def test_a_confirmation_is_taken_back(scheduled: Delivery) -> None:
    assert run("unconfirm_delivery", scheduled.name, "--as", "carla")["status"] == "ready"


def test_pause_resume_and_stop(sending: Delivery) -> None:
    assert run("pause_delivery", sending.name, "--as", "carla")["status"] == "paused"
    assert run("resume_delivery", sending.name, "--as", "carla")["status"] == "sending"
    assert refused("stop_delivery", sending.name, "--as", "carla") == (2, "not_sure")

    answer = run("stop_delivery", sending.name, "--as", "carla", "--yes")

    assert (answer["status"], answer["left"], answer["cancelled"]) == ("stopped", 0, 3)


@pytest.fixture
def sending(scheduled: Delivery) -> Delivery:
    from deliveries import lifecycle
    from deliveries.lifecycle import Step

    delivery = Delivery.objects.select_related("unit").get(pk=scheduled.pk)
    lifecycle.move(delivery, Step.BEGIN, by=None, at=delivery.changed_at)
    return delivery


def test_a_draft_is_deleted_if_one_is_sure(draft: Delivery) -> None:
    assert refused("delete_delivery", draft.name, "--as", "ana") == (2, "not_sure")

    assert run("delete_delivery", draft.name, "--as", "ana", "--yes")["deleted"]
    assert not Delivery.objects.exists()


def test_a_proof_goes_to_test_profiles(draft: Delivery, unit: OrganizationalUnit) -> None:
    TestProfileFactory(label="Phone", unit=unit, email="phone@sinete.example")

    answer = run("send_proof", draft.name, "--as", "ana", "--test-profile", "Phone")

    assert [row["address"] for row in answer["messages"]] == ["phone@sinete.example"]
    assert refused("send_proof", draft.name, "--as", "ana") == (1, "no_test_profiles")
    assert refused("send_proof", draft.name, "--as", "ana", "--test-profile", "x") == (
        2,
        "no_such_test_profile",
    )
