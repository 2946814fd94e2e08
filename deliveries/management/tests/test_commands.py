"""The ops staff's face: each command takes its step through the verb, answers in JSON, and refuses with a code."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import AuditEvent, OrganizationalUnit, User
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Audience
from audiences.tests.factories import AudienceFactory, ProfileFactory, TestProfileFactory
from deliveries.models import Delivery, Status

pytestmark = pytest.mark.django_db

CONTENT = {
    "subject": "Hello {{ profile.first_name }}",
    "from_name": "Serra Alta",
    "from_address": "news@serra-alta.example",
    "html": '<p>Hello <a href="https://serra-alta.example/">shop</a></p><p><a href="{{ unsubscribe_url }}">Bye</a></p>',
    "text": "Hello https://serra-alta.example/ {{ unsubscribe_url }}",
}


@pytest.fixture
def unit() -> OrganizationalUnit:
    return UnitFactory(label="Brasil")


@pytest.fixture
def ana(unit: OrganizationalUnit) -> User:
    return UserFactory(username="ana", roles={"prepare": unit})


@pytest.fixture
def bruno(unit: OrganizationalUnit) -> User:
    return UserFactory(username="bruno", roles={"approve": unit})


@pytest.fixture
def carla(unit: OrganizationalUnit) -> User:
    return UserFactory(username="carla", roles={"start": unit})


@pytest.fixture
def everybody(unit: OrganizationalUnit) -> Audience:
    ProfileFactory.create_batch(3, unit=unit)
    ProfileFactory(unit=unit, email="")
    return AudienceFactory(label="Everybody", unit=unit)


@pytest.fixture
def file(tmp_path: Path, everybody: Audience) -> Callable[..., Path]:
    """Write the JSON file of a delivery that can be prepared, with some of it replaced."""

    def write(**changes: Any) -> Path:
        data = {
            "label": "July offers",
            "unit": "Brasil",
            "audience": "Everybody",
            "content": CONTENT,
            "schedule": {"at": "now"},
        }
        path = tmp_path / "delivery.json"
        path.write_text(json.dumps(data | changes))
        return path

    return write


def run(*arguments: Any) -> dict[str, Any]:
    """What the command answers with --json."""
    out = StringIO()
    call_command(*map(str, arguments), "--json", stdout=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def refused(*arguments: Any) -> tuple[int, str]:
    """The exit code of a command that refuses, and the code of its answer."""
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command(*map(str, arguments), "--json", stdout=out)
    return error.value.returncode, json.loads(out.getvalue())["error"]


# -- create_delivery ------------------------------------------------------------------------------------


def test_a_delivery_is_made_from_a_file(ana: User, file: Callable[..., Path]) -> None:
    answer = run("create_delivery", file(), "--as", "ana")

    delivery = Delivery.objects.get()
    assert answer["delivery"] == delivery.name
    assert answer["status"] == "draft"
    assert (delivery.label, delivery.unit.label, delivery.audience.label) == (
        "July offers",
        "Brasil",
        "Everybody",
    )
    assert delivery.content.subject == CONTENT["subject"]
    assert delivery.created_by == ana


def test_the_html_and_its_images_come_from_files_beside_it(
    ana: User, file: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "mail.html").write_text('<img src="images/a.png">')
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    content = {key: value for key, value in CONTENT.items() if key != "html"}

    run(
        "create_delivery",
        file(content=content | {"html_file": "mail.html", "images": "images"}),
        "--as",
        "ana",
    )

    delivery = Delivery.objects.get()
    picture = delivery.assets.get()
    assert delivery.content.html == f'<img src="{picture.path}">'
    assert (delivery.content.number, delivery.content.subject) == (1, CONTENT["subject"])


def test_a_date_is_read_in_its_zone(ana: User, file: Callable[..., Path]) -> None:
    run(
        "create_delivery",
        file(schedule={"at": "2030-12-01T09:00", "zone": "America/Sao_Paulo"}),
        "--as", "ana",
    )  # fmt: skip

    assert Delivery.objects.get().contact_date.isoformat() == "2030-12-01T12:00:00+00:00"


def test_an_audience_can_be_made_along_with_it_and_once_only(ana: User, file: Callable[..., Path]) -> None:
    rule = {"field": "city", "is": "equal", "value": "Recife"}

    for _ in range(2):
        run("create_delivery", file(audience={"label": "Recife", "rule": rule}), "--as", "ana")

    assert Audience.objects.get(label="Recife").rule == rule


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lable": "x"}, "lable"),
        ({"label": ""}, "label"),
        ({"label": "x" * 129}, "label"),
        ({"unit": "Atlantis"}, "unit"),
        ({"audience": "Nobody"}, "audience"),
        ({"audience": {"label": "x", "rule": []}}, "audience.rule"),
        ({"content": {"subjekt": "x"}}, "content.subjekt"),
        ({"content": {"subject": 3}}, "content.subject"),
        ({"content": {"html_file": "nowhere.html"}}, "content.html_file"),
        ({"content": {"html": "x", "html_file": "nowhere.html"}}, "content.html_file"),
        ({"content": {"images": "nowhere"}}, "content.images"),
        ({"schedule": {"at": "tomorrow"}}, "schedule.at"),
        ({"schedule": {"local": "tomorrow"}}, "schedule.local"),
        ({"schedule": {"local": "2030-12-01T09:00", "at": "now"}}, "schedule.at"),
        ({"schedule": {"local": "2030-12-01T09:00", "past": "never"}}, "schedule.past"),
        ({"schedule": {"at": "now", "past": "now"}}, "schedule.past"),
        ({"schedule": {"at": "now", "waves": {"number": 2, "size": 5, "minutes": 1}}}, "schedule.waves"),
        ({"schedule": {"at": "now", "waves": {"number": 2}}}, "schedule.waves.minutes"),
        ({"schedule": {"at": "2030-12-01T09:00+02:00"}}, "schedule.at"),
        ({"schedule": {"at": "2030-03-31T02:30", "zone": "Europe/Berlin"}}, "schedule.at"),
        ({"schedule": {"at": "now", "zone": "Mars/Olympus"}}, "schedule.zone"),
        ({"validity_hours": "84"}, "validity_hours"),
        ({"validity_hours": 0}, "validity_hours"),
        ({"approval_policy": "lax"}, "approval_policy"),
        ({"tracking": 1}, "tracking"),
        ({"route": "nowhere"}, "route"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_field(
    ana: User, file: Callable[..., Path], changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(CommandError, match=f"^{field}: ") as error:
        call_command("create_delivery", str(file(**changes)), "--as", "ana")

    assert error.value.returncode == 2
    assert not Delivery.objects.exists()


def test_a_file_that_is_no_json_is_named_with_its_line(ana: User, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{\n"label": }')

    with pytest.raises(CommandError, match="line 2, column 10"):
        call_command("create_delivery", str(tmp_path / "x.json"), "--as", "ana")


def test_a_file_can_bring_a_delivery_up_to_date(ana: User, file: Callable[..., Path], tmp_path: Path) -> None:
    name = run("create_delivery", file(), "--as", "ana")["delivery"]
    change = tmp_path / "change.json"
    change.write_text(json.dumps({"label": "August offers", "content": {"subject": "New"}}))

    run("create_delivery", change, "--update", name, "--as", "ana")

    delivery = Delivery.objects.get()
    assert (delivery.label, delivery.content.subject, delivery.content.number) == ("August offers", "New", 2)
    assert delivery.content.text == CONTENT["text"]


def test_nothing_stays_of_a_delivery_whose_content_is_refused(ana: User, file: Callable[..., Path]) -> None:
    code = refused("create_delivery", file(unit="All"), "--as", "ana")

    assert code == (1, "forbidden")
    assert not Delivery.objects.exists()


# -- naming a delivery and a person ---------------------------------------------------------------------


@pytest.fixture
def draft(ana: User, file: Callable[..., Path]) -> Delivery:
    run("create_delivery", file(), "--as", "ana")
    return Delivery.objects.get()


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
    from django.core.management import load_command_class

    command = load_command_class("deliveries", step[0])
    text = command.create_parser("manage.py", step[0]).format_help()

    assert f"manage.py {step[0]} " in text.split("example:")[1]


def test_the_users_name_of_the_system_is_audited(draft: Delivery) -> None:
    from accounts import audit

    run("prepare_delivery", draft.name, "--as", "ana")

    change = draft.history.get()
    assert (change.face, change.by.username, change.os_user) == ("command", "ana", audit.system_user())


# -- the steps ------------------------------------------------------------------------------------------


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


@pytest.fixture
def prepared(draft: Delivery, work: Any) -> Delivery:
    run("prepare_delivery", draft.name, "--as", "ana")
    work()
    draft.refresh_from_db()
    return draft


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


@pytest.fixture
def ready(prepared: Delivery, bruno: User, carla: User) -> Delivery:
    run("approve_delivery", prepared.name, "--as", "bruno")
    return prepared


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
