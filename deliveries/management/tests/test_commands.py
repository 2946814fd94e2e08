"""The ops staff's face: a delivery and a person are named, deliveries are listed, and JSON and exit codes say the rest."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, get_commands, load_command_class

from accounts.models import AuditEvent, User
from accounts.tests.factories import UnitFactory, UserFactory
from deliveries.management.tests.calling import refused, run
from deliveries.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("form", ["DM{}", "dm{}", "{}"])
def test_a_delivery_is_named_by_its_id(draft: Delivery, form: str) -> None:
    assert run("duplicate_delivery", form.format(draft.pk), "--as", "ana")["copied_from"] == draft.name


@pytest.mark.parametrize("text", ["DM999999", "x", "", "DM", "99999999999999999999", "٣"])
def test_what_names_no_delivery_is_not_found(draft: Delivery, text: str) -> None:
    assert refused("duplicate_delivery", text, "--as", "ana") == (2, "no_such_delivery")


STEPS = [
    ["prepare_delivery"],
    ["stop_preparation"],
    ["approve_delivery"],
    ["reject_delivery", "--comment", "no"],
    ["confirm_delivery", "--seal", "0" * 64],
    ["unconfirm_delivery"],
    ["pause_delivery"],
    ["resume_delivery"],
    ["stop_delivery", "--yes"],
    ["duplicate_delivery"],
    ["delete_delivery", "--yes"],
    ["send_proof"],
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[0])
def test_a_step_without_a_person_is_refused(draft: Delivery, step: list[str]) -> None:
    name, *options = step

    assert refused(name, draft.name, *options) == (2, "no_person")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[0])
def test_a_stranger_is_told_that_there_is_no_such_delivery(draft: Delivery, step: list[str]) -> None:
    UserFactory(username="nadia", roles={"start": UnitFactory(), "approve": UnitFactory()})
    name, *options = step

    assert refused(name, draft.name, *options, "--as", "nadia") == (2, "no_such_delivery")
    event = AuditEvent.objects.get(refused=True)
    assert (event.actor_name, event.face, event.target_id) == ("nadia", "command", str(draft.pk))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[0])
def test_each_command_says_in_its_help_how_it_is_used(step: list[str]) -> None:
    command = load_command_class(get_commands()[step[0]], step[0])
    text = command.create_parser("manage.py", step[0]).format_help()

    assert f"manage.py {step[0]} " in text.split("example:")[1]


def test_the_users_name_of_the_system_is_audited(draft: Delivery) -> None:
    from accounts import audit

    run("prepare_delivery", draft.name, "--as", "ana")

    change = draft.history.get()
    assert (change.face, change.by.username, change.os_user) == ("command", "ana", audit.system_user())


# -- reading --------------------------------------------------------------------------------------------


def test_deliveries_are_listed_by_status_unit_and_text(
    draft: Delivery, ana: User, file: Callable[..., Path]
) -> None:
    run("create_delivery", file(label="Autumn"), "--as", "ana")

    def listed(*options: str) -> list[str]:
        return [row["label"] for row in run("list_deliveries", *options)["deliveries"]]

    assert listed() == ["Autumn", "July offers"]
    assert listed("--status", "ready") == []
    assert listed("--unit", "brasil", "--text", "autu") == ["Autumn"]
    assert listed("--unit", "Atlantis") == []
    assert listed("--text", draft.name) == ["July offers"]
    assert listed("--before", str(draft.pk + 1)) == ["July offers"]


def test_deliveries_are_listed_in_an_order_that_goes_on(
    draft: Delivery, ana: User, file: Callable[..., Path]
) -> None:
    for label in ("Natal", "Autumn"):
        run("create_delivery", file(label=label), "--as", "ana")

    def listed(*options: str) -> list[str]:
        return [row["label"] for row in run("list_deliveries", *options)["deliveries"]]

    first = run("list_deliveries", "--sort", "label", "--limit", "2")

    assert [row["label"] for row in first["deliveries"]] == ["Autumn", "July offers"]
    assert listed("--sort", "label", "--limit", "2", "--before", str(first["before"])) == ["Natal"]
    assert listed("--sort", "label", "--reverse") == ["Natal", "July offers", "Autumn"]
    assert listed("--reverse") == ["July offers", "Natal", "Autumn"]
    assert listed("--sort", "attention", "--limit", "1") == ["Autumn"]


def test_a_person_sees_a_persons_list(draft: Delivery) -> None:
    UserFactory(username="nadia", roles={"prepare": UnitFactory()})

    assert run("list_deliveries", "--as", "nadia")["deliveries"] == []
    assert len(run("list_deliveries", "--as", "ana")["deliveries"]) == 1


def test_the_list_takes_the_same_queries_for_1_and_25(
    draft: Delivery, django_assert_num_queries: Any
) -> None:
    def count() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as queries:
            run("list_deliveries")
        return len(queries)

    with_one = count()
    for _ in range(24):
        run("duplicate_delivery", draft.name, "--as", "ana")

    assert count() == with_one


def test_the_list_for_people_is_a_table(draft: Delivery) -> None:
    out = StringIO()

    call_command("list_deliveries", stdout=out)

    header, row = out.getvalue().splitlines()
    assert header.split()[:2] == ["ID", "STATUS"]
    assert row.startswith(draft.name)
    assert row.endswith("July offers")


def test_wait_comes_back_when_it_has_come_about(draft: Delivery) -> None:
    assert run("wait_delivery", draft.name, "--until", "draft")["status"] == "draft"


def test_wait_does_not_wait_for_ever(draft: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deliveries.commands.base.DeliveriesCommand.let_time_pass", lambda self: None)

    assert refused("wait_delivery", draft.name, "--timeout", "0") == (1, "timeout")
