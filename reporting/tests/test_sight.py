"""People of parallel units are not seen through a delivery, an audience or an import of a unit above.

A company has two branches. A delivery of the company writes to people of both; who works in one branch reads the
delivery, and sees of its people only those of the company itself and of the own branch.
"""

import csv
import io
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Audience, Import, ImportProblem, Profile
from audiences.profiles import people
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.stack.module_db import once
from deliveries.models import Doubt, Exclusion, Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting.tests.factories import outcome

pytestmark = pytest.mark.django_db

SECRETS = ("secret@", "Sibylle", "Geheim", "4917")
TABS = ["sending", "unknown", "exclusions", "tracking"]


@once
def company():
    return UnitFactory(label="company")


@once
def branch(company):
    return UnitFactory(label="branch", parent=company)


@once
def secret(company):
    """Somebody of the other branch."""
    parallel = UnitFactory(label="parallel", parent=company)
    return ProfileFactory(
        unit=parallel, first_name="Sibylle", last_name="Geheim", email="secret@x.example", phone="4917"
    )


@once
def delivery(company, branch, secret):
    """Of the company: to somebody of it, of the branch, of the other branch; one of these opted out."""
    out = ProfileFactory(unit=secret.unit, first_name="Sibylle", email="secret@out.example", no_email=True)
    people = [
        ProfileFactory(unit=company, email="of.company@x.example"),
        ProfileFactory(unit=branch, email="of.branch@x.example"),
        secret,
        out,
    ]
    made = DeliveryFactory(
        unit=company, audience=AudienceFactory(unit=company, members=people), finished=True
    )
    for seq in Message.objects.filter(delivery=made).values_list("seq", flat=True):
        outcome(made, seq, MessageStatus.IN_DOUBT)
        hit(made, HitKind.OPEN, seq)
    Message.objects.filter(delivery=made, profile_id=secret.pk).update(
        reply="5.1.1 <secret@x.example>: Sibylle Geheim is not here"
    )
    assert Exclusion.objects.get(delivery=made).profile_id == out.pk
    return made


def seq_of(delivery, profile):
    return Message.objects.get(delivery=delivery, profile_id=profile.pk).seq


@once
def reader(branch):
    return UserFactory(roles={"prepare": branch, "export": branch}, is_staff=True)


@once
def of_the_company(company):
    return UserFactory(roles={"start": company, "export": company}, is_staff=True)


def text(response):
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return body.decode()


def leaks(response):
    return [secret for secret in SECRETS if secret in text(response)]


def pages(delivery, secret):
    """Each page of people, and how it is asked for."""
    seq = seq_of(delivery, secret)
    window = [reverse("reporting:window", args=[delivery.pk, tab]) for tab in TABS]
    desk = f"/admin/deliveries/delivery/{delivery.pk}/list"
    return [
        *window,
        *(f"{url}?q=x.example" for url in window),
        reverse("reporting:message", args=[delivery.pk, seq]),
        reverse("deliveries:preview", args=[delivery.pk]) + f"?seq={seq}",
        reverse("deliveries:frame", args=[delivery.pk]) + f"?seq={seq}",
        *(f"{desk}/{name}/" for name in ("sending-log", "exclusion-log", "unknown-outcomes")),
        reverse("audiences:audience", args=[delivery.audience_id]),
    ]


def test_no_page_shows_the_people_of_a_parallel_unit(client, delivery, secret, reader):
    client.force_login(reader)

    for url in pages(delivery, secret):
        response = client.get(url)
        assert response.status_code == 200, url
        assert leaks(response) == [], url
    assert (
        client.get(reverse("reporting:frame", args=[delivery.pk, seq_of(delivery, secret)])).status_code
        == 404
    )


def test_whoever_sees_all_of_the_company_sees_its_people(client, delivery, secret, of_the_company):
    client.force_login(of_the_company)
    seq = seq_of(delivery, secret)

    for url in pages(delivery, secret)[: len(TABS)]:
        assert "secret@" in text(client.get(url)), url
    for name in ("sending-log", "exclusion-log", "unknown-outcomes"):
        assert "secret@" in text(client.get(f"/admin/deliveries/delivery/{delivery.pk}/list/{name}/"))
    assert "Sibylle" in text(client.get(reverse("reporting:frame", args=[delivery.pk, seq])))


def test_the_own_people_are_shown_among_rows_without_names(client, delivery, reader):
    client.force_login(reader)

    page = text(client.get(reverse("reporting:window", args=[delivery.pk, "sending"])))

    assert "of.branch@x.example" in page
    assert "of.company@x.example" in page
    assert page.count("somebody of another unit") == 1


@pytest.mark.parametrize("tab", TABS)
def test_no_address_can_be_guessed_by_searching(client, delivery, reader, tab):
    client.force_login(reader)

    found = client.get(reverse("reporting:window", args=[delivery.pk, tab]), {"q": "secret@"})

    assert found.context["page"].rows == []


@pytest.mark.parametrize("tab", ["sending", "tracking"])
def test_an_address_that_nobody_has_any_more_is_found_though_somebodys_ends_like_it(
    client, delivery, branch, of_the_company, tab
):
    had = Profile.objects.get(email="of.branch@x.example")
    people.change(profile=had, values={"email": "anew@x.example"}, by=UserFactory(roles={"import": root()}))
    ProfileFactory(unit=branch, email="manager.of.branch@x.example")
    client.force_login(of_the_company)

    found = client.get(
        reverse("reporting:window", args=[delivery.pk, tab]), {"q": "of.branch@x.example"}
    ).context["page"]

    assert {row.address for row in found.rows} == {"of.branch@x.example"}


@pytest.mark.parametrize("name", ["sending-log", "exclusion-log", "unknown-outcomes"])
def test_no_address_can_be_guessed_at_the_desk(client, delivery, reader, name):
    client.force_login(reader)

    found = client.get(f"/admin/deliveries/delivery/{delivery.pk}/list/{name}/", {"q": "secret@"})

    assert found.context["page"].rows == []


def test_a_right_to_export_one_delivery_takes_nobody_else_out(client, delivery, branch, of_the_company):
    from accounts import access
    from accounts.rights import Right

    guest = UserFactory(roles={"prepare": branch})
    admin = UserFactory(is_superuser=True)
    access.grant_single(user=guest, right=Right.EXPORT, target=delivery, by=admin)

    for user, number in ((guest, 0), (of_the_company, 1)):
        client.force_login(user)
        for tab in TABS:
            body = text(client.get(reverse("reporting:export", args=[delivery.pk, tab])))
            rows = list(csv.reader(io.StringIO(body)))
            assert ("secret@" in body) == bool(number), (user, tab)
            assert len(rows) == (2 if tab == "exclusions" else 4), (user, tab)  # every row is counted


def test_the_command_lists_whom_its_person_may_see(delivery, reader):
    def listed(*args):
        out = StringIO()
        call_command("list_doubts", delivery.name, "--json", *args, stdout=out)
        return sorted(row["address"] for row in json.loads(out.getvalue())["doubts"])

    own = ["of.branch@x.example", "of.company@x.example"]
    assert listed("--as", reader.username) == [*own, "somebody of another unit"]
    assert listed() == [*own, "secret@x.example"]


def test_an_audience_of_a_unit_above_counts_all_and_names_whom_one_sees(client, delivery, reader):
    client.force_login(reader)

    page = client.get(reverse("audiences:audience", args=[delivery.audience_id]))

    assert page.context["count"] == 4
    assert {profile.email for profile in page.context["profiles"]} == {
        "of.company@x.example", "of.branch@x.example",
    }  # fmt: skip
    assert "You may see 2 of them" in text(page)


def test_of_somebody_who_is_gone_only_those_see_the_address_who_see_all_below(
    client, delivery, secret, reader, of_the_company
):
    seq = seq_of(delivery, secret)
    Profile.objects.filter(pk=secret.pk).delete()
    url = reverse("reporting:message", args=[delivery.pk, seq])

    client.force_login(reader)
    assert leaks(client.get(url)) == []
    client.force_login(of_the_company)
    assert "secret@" in text(client.get(url))


def test_a_reader_of_the_report_of_an_import_above_sees_no_values(client, company, reader, of_the_company):
    importing = Import.objects.create(unit=company, file_name="all.csv", status="refused", problems_found=1)
    ImportProblem.objects.create(
        importing=importing, line=7, field="email", reason="“%(value)s” is no email address.",
        slots={"value": "secret@x"},
    )  # fmt: skip
    urls = [
        reverse("audiences:import", args=[importing.pk]),
        f"/admin/audiences/import/{importing.pk}/change/",
    ]

    for url in urls:
        client.force_login(reader)
        hidden = client.get(url)
        client.force_login(of_the_company)
        assert leaks(hidden) == [], url
        assert "is no email address" in text(hidden), url
        assert "secret@x" in text(client.get(url)), url


@once
def to_few_and_many(company):
    """Deliveries to one, to one and to twelve, of whom as many opted out."""
    return [to_so_many(company, number) for number in (1, 1, 12)]


def to_so_many(company, number):
    people = ProfileFactory.create_batch(number, unit=company)
    people += ProfileFactory.create_batch(number, unit=UnitFactory(parent=company), no_email=True)
    made = DeliveryFactory(
        unit=company, audience=AudienceFactory(unit=company, members=people), finished=True
    )
    for seq in range(1, number + 1):
        outcome(made, seq, MessageStatus.IN_DOUBT)
        hit(made, HitKind.OPEN, seq)
    return made


@pytest.mark.parametrize("tab", TABS)
def test_a_log_asks_as_often_for_one_person_as_for_many(client, to_few_and_many, reader, tab):
    client.force_login(reader)
    counts = []
    for made in to_few_and_many:  # the first look fills caches, and its use is noted in the session
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(reverse("reporting:window", args=[made.pk, tab])).status_code == 200
        counts.append(len(asked))

    assert counts[1] == counts[2]
    assert Doubt.objects.exists()
    assert Audience.objects.filter(unit=root()).count() == 0
