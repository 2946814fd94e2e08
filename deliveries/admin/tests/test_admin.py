"""The operators' desk for deliveries: the whole job in it, through the verbs, and nothing behind their backs."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, OrganizationalUnit
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries.admin.tests.desk import LIST, change, filled, step
from deliveries.models import ContentTemplate, Delivery, Moment, Status
from deliveries.tests.factories import CONTENT, DeliveryFactory

pytestmark = pytest.mark.django_db


def test_the_whole_job_at_the_desk(
    preparer: Client, approver: Client, starter: Client, unit: OrganizationalUnit, work: Any
) -> None:
    ProfileFactory.create_batch(3, unit=unit)
    audience = AudienceFactory(unit=unit)

    preparer.post(f"{LIST}add/", filled(unit, audience=audience.pk))
    delivery = Delivery.objects.get()
    preparer.post(step(delivery, "prepare"))
    work()
    delivery.refresh_from_db()
    page = approver.get(step(delivery, "approve")).content.decode()
    assert "3 targeted" in page
    assert delivery.seal in page
    approver.post(step(delivery, "approve"), {"seal": delivery.seal})
    page = starter.get(step(delivery, "confirm")).content.decode()
    assert CONTENT["from_address"] in page
    assert ">OK" in page.replace("\n", "").replace("  ", "")
    starter.post(step(delivery, "confirm"), {"seal": delivery.seal})

    delivery.refresh_from_db()
    assert delivery.status == Status.SCHEDULED
    assert [change.face for change in delivery.history.exclude(by=None)] == ["admin"] * 3


def test_buttons_follow_the_table_of_steps(
    preparer: Client, starter: Client, unit: OrganizationalUnit
) -> None:
    delivery = DeliveryFactory(unit=unit, ready=True)

    for client, wanted, unwanted in (
        (starter, ["Confirm send", "Prepare", "Send proof", "Duplicate", "Delete"], ["Approve", "Pause"]),
        (preparer, ["Prepare", "Send proof"], ["Confirm send"]),
    ):
        bar = (
            client.get(change(delivery))
            .content.decode()
            .split('aria-label="Steps"')[1]
            .split("</section>")[0]
        )
        for label in wanted:
            assert f"{label}\n</button>" in bar.replace("\n\n", "\n"), label
        for label in unwanted:
            assert label not in bar


def test_who_may_not_send_is_told_whom_to_ask(preparer: Client, unit: OrganizationalUnit) -> None:
    UserFactory(first_name="Carla", last_name="Nogueira", roles={"start": unit})
    delivery = DeliveryFactory(unit=unit, ready=True)

    page = preparer.get(change(delivery)).content.decode()

    assert "You may prepare this delivery but not send it." in page
    assert "Carla Nogueira" in page


def test_confirming_names_the_seal_that_was_on_the_screen(starter: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, ready=True)

    answer = starter.post(step(delivery, "confirm"), {"seal": "0" * 64}, follow=True)

    assert "no longer what is prepared" in answer.content.decode()
    delivery.refresh_from_db()
    assert delivery.status == Status.READY
    assert AuditEvent.objects.filter(refused=True, target_id=str(delivery.pk)).exists()


def test_a_large_send_asks_for_the_number(starter: Client, unit: OrganizationalUnit, settings: Any) -> None:
    settings.SINETE = settings.SINETE | {"confirm_by_typing_above": 2}
    delivery = DeliveryFactory(unit=unit, ready=True)
    assert 'name="typed"' in starter.get(step(delivery, "confirm")).content.decode()

    starter.post(step(delivery, "confirm"), {"seal": delivery.seal, "typed": "2"})
    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY
    starter.post(step(delivery, "confirm"), {"seal": delivery.seal, "typed": "3"})
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SCHEDULED


def test_stopping_asks_again_with_the_numbers(starter: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, sending=True)

    assert "0 have left, 3 never will" in starter.get(step(delivery, "stop")).content.decode()
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SENDING


def test_a_step_is_never_taken_by_get(starter: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, sending=True)

    assert starter.get(step(delivery, "pause")).status_code == 302
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SENDING


def test_an_edit_goes_through_drafting_and_drops_what_was_prepared(
    preparer: Client, unit: OrganizationalUnit
) -> None:
    delivery = DeliveryFactory(unit=unit, ready=True)
    page = preparer.get(change(delivery))
    posted = _as_shown(page)

    answer = preparer.post(change(delivery), posted | {"subject": "Another subject"})

    assert answer.status_code == 302
    delivery.refresh_from_db()
    assert delivery.content.subject == "Another subject"
    assert (delivery.content.number, delivery.status) == (2, Status.DRAFT)
    assert delivery.history.first().detail["changed"] == ["content"]


def test_a_delivery_begins_with_a_template_and_what_is_typed_stands_in_its_place(
    preparer: Client, unit: OrganizationalUnit
) -> None:
    own = ContentTemplate.objects.create(
        unit=unit, label="Ours", subject="S", html="<p>H</p>", changed_at=clock.now()
    )
    hidden = ContentTemplate.objects.create(unit=UnitFactory(), label="Theirs", changed_at=clock.now())
    empty = dict.fromkeys(CONTENT, "")

    offered = dict(preparer.get(f"{LIST}add/").context["adminform"].form.fields["template"].choices)
    preparer.post(f"{LIST}add/", filled(unit, **empty | {"template": own.pk, "subject": "Mine"}))
    refused = preparer.post(f"{LIST}add/", filled(unit, **empty | {"template": hidden.pk}))

    delivery = Delivery.objects.get()
    assert (delivery.content.subject, delivery.content.html) == ("Mine", "<p>H</p>")
    assert offered[str(own.pk)] == f"Ours ({unit.label})"
    assert "letter.en" in offered
    assert refused.status_code == 200  # the form again, with its error
    preparer.post(change(delivery), _as_shown(preparer.get(change(delivery))) | {"template": "letter.en"})
    assert Delivery.objects.get().content.subject == "What this letter is about"


def test_saving_without_a_change_keeps_what_was_prepared(preparer: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, ready=True)

    answer = preparer.post(change(delivery), _as_shown(preparer.get(change(delivery))))

    assert answer.status_code == 302
    delivery.refresh_from_db()
    assert (delivery.content.number, delivery.status) == (1, Status.READY)


def _as_shown(page: Any) -> dict[str, Any]:
    """What the browser would post back of a form that nobody touched."""
    form = page.context["adminform"].form
    values = {}
    for name in form.fields:
        value = form[name].value()
        if value is True:
            value = "on"
        if value not in (None, False):
            values[name] = getattr(value, "pk", value)
    return values


def test_a_refusal_of_the_verb_is_an_error_of_the_form(preparer: Client, unit: OrganizationalUnit) -> None:
    OrganizationalUnit.objects.filter(pk=unit.pk).update(approval_policy="four_eyes")

    answer = preparer.post(f"{LIST}add/", filled(unit, approval_policy="none"))

    assert answer.status_code == 200
    assert "a delivery can only be stricter" in answer.content.decode()
    assert not Delivery.objects.exists()
    assert AuditEvent.objects.filter(refused=True).exists()


@pytest.mark.parametrize(
    ("date", "error"),
    [
        ("", "Say the date"),
        ("2030-03-31T02:30", "does not exist there"),
        ("0001-01-01T00:00", "calendars know"),
    ],
)
def test_a_date_that_cannot_be_is_named(
    preparer: Client, unit: OrganizationalUnit, date: str, error: str
) -> None:
    posted = filled(unit, schedule_kind="at_date", date=date, time_zone="Europe/Berlin")

    assert error in preparer.post(f"{LIST}add/", posted).content.decode()


def test_a_date_is_read_in_its_zone(preparer: Client, unit: OrganizationalUnit) -> None:
    posted = filled(unit, schedule_kind="at_date", date="2030-12-01T09:00", time_zone="America/Sao_Paulo")

    preparer.post(f"{LIST}add/", posted)

    assert Delivery.objects.get().contact_date.isoformat() == "2030-12-01T12:00:00+00:00"


def test_a_local_hour_and_waves_are_set_at_the_desk(preparer: Client, unit: OrganizationalUnit) -> None:
    local = {"date": "2030-12-01T09:00", "time_zone": "America/Sao_Paulo", "past_choice": "leave_out"}
    waves = {
        "wave_value": 10,
        "wave_by": "share",
        "wave_minutes": 30,
        "wave_limit": "2.5",
        "wave_start": "at_once",
    }

    preparer.post(f"{LIST}add/", filled(unit, schedule_kind="local_hour", **local))
    made = Delivery.objects.get()
    assert (str(made.local_date), str(made.local_hour), made.past_choice) == (
        "2030-12-01",
        "09:00:00",
        "leave_out",
    )

    preparer.post(change(made), filled(unit, schedule_kind="waves", **waves))
    made.refresh_from_db()
    assert (made.wave_value, made.wave_by, made.wave_minutes, float(made.wave_limit)) == (
        10,
        "share",
        30,
        2.5,
    )
    assert made.local_date is None


def test_the_desk_shows_the_plan_and_releases_a_held_wave(
    starter: Client, preparer: Client, unit: OrganizationalUnit
) -> None:
    delivery = DeliveryFactory(
        unit=unit, sending=True, recipients=4, schedule_kind="waves", wave_by="number", wave_value=2,
        wave_minutes=60, wave_limit=5,
    )  # fmt: skip
    Moment.objects.filter(delivery=delivery, number=2).update(held_at=clock.now(), held_percent=20)

    assert "Release the held wave" in starter.get(change(delivery)).content.decode()
    assert preparer.post(step(delivery, "release-wave")).status_code == 403
    starter.post(step(delivery, "release-wave"))

    page = starter.get(change(delivery)).content.decode()
    assert "Sending plan" in page
    assert "Release the held wave" not in page


def test_what_was_released_can_only_be_read(starter: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, scheduled=True)
    assert starter.get(change(delivery)).status_code == 200

    answer = starter.post(change(delivery), filled(unit, label="Changed"))

    assert answer.status_code == 403
    delivery.refresh_from_db()
    assert delivery.label != "Changed"
    assert AuditEvent.objects.filter(refused=True).exists()


def test_the_status_is_nobodys_to_write(preparer: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit)

    preparer.post(change(delivery), _as_shown(preparer.get(change(delivery))) | {"status": "finished"})

    assert Delivery.objects.get(pk=delivery.pk).status == Status.DRAFT


def test_nothing_is_deleted_behind_the_verb(boss: Client, starter: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit)

    for client in (boss, starter):
        assert client.post(f"{LIST}{delivery.pk}/delete/", {"post": "yes"}).status_code == 403
        client.post(LIST, {"action": "delete_selected", "_selected_action": [delivery.pk], "post": "yes"})

    assert Delivery.objects.filter(pk=delivery.pk).exists()


def test_a_draft_is_deleted_through_the_verb(preparer: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit)

    preparer.post(step(delivery, "remove"))

    assert not Delivery.objects.filter(pk=delivery.pk).exists()
    assert AuditEvent.objects.filter(action="delete_delivery").exists()


def test_a_stranger_finds_nothing(unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, ready=True)
    stranger = signed_in(UserFactory(is_staff=True, roles={"start": UnitFactory()}))

    assert delivery.label not in stranger.get(LIST).content.decode()
    assert stranger.get(change(delivery)).status_code == 302
    assert stranger.get(f"{LIST}{delivery.pk}/list/sending-log/").status_code == 404
    assert unit.label not in stranger.get(LIST).content.decode()
