"""Addresses of recipients are masked for whoever may see people but not their addresses, wherever they show."""

import csv
import io
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.models import Role
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Message, MessageStatus, ProofMessage
from deliveries.proofs import proofs
from deliveries.tests.factories import DeliveryFactory
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting.tests.factories import outcome

pytestmark = pytest.mark.django_db

ADDRESS, LOCAL, MASKED = "olinda.reis@x.example", "olinda.reis", "o•••@x.example"
PHONE = "+5581987654321"
TABS = ["sending", "unknown", "exclusions", "tracking"]


@once
def unit():
    return UnitFactory()


@once
def profile(unit):
    return ProfileFactory(
        unit=unit, first_name="Olinda", last_name="Reis", email=ADDRESS, phone=PHONE, external_id="C1"
    )


@once
def delivery(unit, profile):
    out = ProfileFactory(unit=unit, first_name="Rui", email=f"{LOCAL}.out@x.example", no_email=True)
    made = DeliveryFactory(
        unit=unit, audience=AudienceFactory(unit=unit, members=[profile, out]), finished=True
    )
    outcome(made, 1, MessageStatus.IN_DOUBT)
    hit(made, HitKind.OPEN, 1)
    Message.objects.filter(delivery=made).update(reply=f"5.1.1 <{ADDRESS}>: no such user")
    return made


@once
def reader(unit):
    """Sees deliveries and people, and may take lists out, by a role that shows no addresses."""
    Role.objects.create(code="masked", label="Masked", rights=["view_deliveries", "export_data"])
    return UserFactory(roles={"read": unit, "masked": unit}, is_staff=True)


@once
def marketer(unit):
    return UserFactory(roles={"prepare": unit, "export": unit}, is_staff=True)


def text(response):
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return body.decode()


def pages(delivery, profile):
    window = [reverse("reporting:window", args=[delivery.pk, tab]) for tab in TABS]
    desk = f"/admin/deliveries/delivery/{delivery.pk}/list"
    return [
        *window,
        *(reverse("reporting:export", args=[delivery.pk, tab]) for tab in TABS),
        reverse("reporting:message", args=[delivery.pk, 1]),
        *(f"{desk}/{name}/" for name in ("sending-log", "exclusion-log", "unknown-outcomes")),
        reverse("audiences:audience", args=[delivery.audience_id]),
        reverse("audiences:profiles"),
        reverse("audiences:profile", args=[profile.pk]),
        reverse("reporting:profile_history", args=[profile.pk]),
        reverse("home:search") + "?q=olinda",
        "/admin/audiences/profile/",
        f"/admin/audiences/profile/{profile.pk}/change/",
    ]


def test_no_page_and_no_file_shows_an_address(client, delivery, profile, reader):
    client.force_login(reader)

    for url in pages(delivery, profile):
        response = client.get(url)
        assert response.status_code == 200, url
        shown = text(response)
        assert LOCAL not in shown, url
        assert PHONE not in shown, url


def test_what_stands_in_its_place_is_known_to_its_owner(client, delivery, profile, reader):
    client.force_login(reader)

    assert MASKED in text(client.get(reverse("reporting:window", args=[delivery.pk, "sending"])))
    assert f"<{MASKED}>: no such user" in text(
        client.get(reverse("reporting:export", args=[delivery.pk, "sending"]))
    )
    page = text(client.get(reverse("audiences:profile", args=[profile.pk])))
    assert MASKED in page
    assert "•••21" in page


def test_whoever_has_the_right_sees_them_all(client, delivery, profile, marketer):
    client.force_login(marketer)

    for url in pages(delivery, profile):
        if "/search" not in url and "/history" not in url:
            assert LOCAL in text(client.get(url)), url


def test_the_message_as_it_was_sent_is_for_those_who_see_the_address(client, delivery, reader, marketer):
    frame = reverse("reporting:frame", args=[delivery.pk, 1])

    client.force_login(reader)
    assert client.get(frame).status_code == 404
    client.force_login(marketer)
    assert client.get(frame).status_code == 200


@pytest.mark.parametrize("tab", TABS)
def test_no_masked_address_is_found_by_a_part_of_it(client, delivery, reader, tab):
    client.force_login(reader)
    where = reverse("reporting:window", args=[delivery.pk, tab])

    assert client.get(where, {"q": "olinda.re"}).context["page"].rows == []


def test_a_whole_address_finds_its_row(client, delivery, reader):
    client.force_login(reader)

    found = client.get(reverse("reporting:window", args=[delivery.pk, "sending"]), {"q": ADDRESS})

    assert [row.seq for row in found.context["page"].rows] == [1]


@pytest.mark.parametrize(
    ("words", "is_found"),
    [("olinda.re", False), ("98765", False), (ADDRESS, True), ("reis", True), ("C1", True)],
)
def test_a_person_is_found_by_the_name_and_by_no_part_of_the_address(
    client, profile, reader, words, is_found
):
    client.force_login(reader)

    listed = client.get(reverse("audiences:profiles"), {"q": words}).context["page"].rows

    assert (profile in listed) == is_found


def test_a_file_of_profiles_has_masked_addresses(client, unit, delivery, reader):
    client.force_login(reader)

    body = text(client.post(reverse("audiences:profiles-export"), {"unit": unit.pk}))

    rows = {row["first_name"]: row for row in csv.DictReader(io.StringIO(body.removeprefix("\ufeff")))}
    assert rows.keys() == {"Olinda", "Rui"}
    assert (rows["Olinda"]["email"], rows["Olinda"]["phone"], rows["Rui"]["email"]) == (
        MASKED,
        "•••21",
        MASKED,
    )


def test_commands_mask_too(delivery, reader):
    def said(*args):
        out = StringIO()
        call_command(*args, "--json", "--as", reader.username, stdout=out)
        return json.loads(out.getvalue())

    assert said("list_log", delivery.name, "sending")["rows"][0]["address"] == MASKED
    assert said("list_doubts", delivery.name)["doubts"][0]["address"] == MASKED
    assert said("search", "olinda")["people"][0]["email"] == MASKED


def test_a_proof_with_somebodys_values_lends_no_address(unit, profile):

    Role.objects.create(code="writers", label="Writers", rights=["view_deliveries", "prepare_deliveries"])
    writer = UserFactory(roles={"writers": unit})
    proofs.send(
        delivery=DeliveryFactory(unit=unit),
        test_profiles=[],
        profile=profile,
        to_me=True,
        by=writer,
        at=clock.now(),
    )

    assert ProofMessage.objects.get().values["email"] == MASKED


def test_a_form_leaves_what_one_may_not_see_as_it_is(client, unit, profile):
    Role.objects.create(code="clerks", label="Clerks", rights=["view_deliveries", "import_profiles"])
    client.force_login(UserFactory(roles={"clerks": unit}))
    where = reverse("audiences:profile-edit", args=[profile.pk])

    page = text(client.get(where))
    client.post(where, {"first_name": "Olinda Maria", "external_id": "C1"})

    profile.refresh_from_db()
    assert LOCAL not in page
    assert (profile.first_name, profile.email, profile.phone) == ("Olinda Maria", ADDRESS, PHONE)
