"""The timeline of a person: complete, in order, page by page; and nothing of a delivery that one may not see."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import ConsentEvent, Import, Profile
from audiences.profiles import people
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries.models import Message
from deliveries.tests.factories import DeliveryFactory
from feedback.models import Hit, HitKind
from feedback.tests.factories import hit
from reporting.persons import timeline, words
from reporting.persons.events import KINDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def quiet(unit):
    """A delivery to one person, of whom nothing else is known."""
    return DeliveryFactory(recipients=1, finished=True)


def all_of(profile, user, *, size=5, kinds=frozenset()):
    """Every event, page by page."""
    seen, before = [], ""
    while True:
        page = timeline.page(profile, user=user, kinds=kinds, before=before, size=size)
        seen += page.events
        before = page.older
        if not before:
            return seen


def shown(client, profile, **query):
    return client.get(reverse("reporting:profile_history", args=[profile.pk]), query)


def text(response):
    return " ".join(response.content.decode().split())


def test_every_kind_of_event_is_there_newest_first_and_once(profile, marketer):
    people.change(profile=profile, values={"city": "Recife"}, by=UserFactory(roles={"import": profile.unit}))
    Import.objects.create(unit=profile.unit, file_name="a.csv", finished_at=clock.now())
    importing = Import.objects.latest("pk")
    ConsentEvent.objects.create(
        profile=profile, channel="sms", opted_out=True, at=clock.now(), source="import", reference=f"import {importing.pk}"
    )  # fmt: skip

    events = all_of(profile, marketer)

    assert {event.kind for event in events} == KINDS.keys() - {"subscription"} | {"subscription"}
    assert [event.at for event in events] == sorted((event.at for event in events), reverse=True)
    assert len({event.place for event in events}) == len(events)


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_alone_is_what_all_have_of_it(kind, profile, marketer):
    everything = all_of(profile, marketer)

    alone = all_of(profile, marketer, kinds=frozenset({kind}))

    assert [event.place for event in alone] == [event.place for event in everything if event.kind == kind]


def test_each_event_has_words_and_opens_its_row(client, profile, administrator):
    for event in all_of(profile, administrator):
        entry = words.entry(event, administers=True)

        assert entry.title
        if entry.url:
            assert client.get(entry.url.partition("#")[0]).status_code == 200, entry


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(moments=st.lists(st.integers(0, 3), min_size=1, max_size=12), size=st.integers(1, 7))
def test_no_event_falls_between_two_pages_whatever_happens_at_one_moment(moments, size, quiet, marketer):
    message = Message.objects.filter(delivery=quiet).first()
    profile = Profile.objects.get(pk=message.profile_id)
    start = clock.now()
    Hit.objects.filter(delivery=quiet).delete()
    for moment in moments:
        hit(quiet, HitKind.OPEN, message.seq, at=start.replace(microsecond=moment))

    found = all_of(profile, marketer, size=size)

    assert sum(event.kind == "reaction" for event in found) == len(moments)
    assert len({event.place for event in found}) == len(found)


def test_messages_to_an_earlier_address_are_there_and_say_so(quiet, marketer):
    profile = Profile.objects.get(pk=Message.objects.filter(delivery=quiet).first().profile_id)
    before = profile.email
    Profile.objects.filter(pk=profile.pk).update(email="new@example.com", email_key="new@example.com")
    profile.refresh_from_db()

    (event,) = all_of(profile, marketer, kinds=frozenset({"message"}))

    assert any(before in note for note in words.entry(event).notes)


def test_of_a_hidden_delivery_nothing_is_shown_but_how_much(client, unit):
    there, here = UnitFactory(parent=unit), UnitFactory(parent=unit)
    profile = ProfileFactory(unit=there)
    hidden = DeliveryFactory(
        unit=there,
        label="Secret plan",
        audience=AudienceFactory(unit=there, members=[profile]),
        finished=True,
    )
    hit(hidden, HitKind.OPEN, 1)
    Profile.objects.filter(pk=profile.pk).update(unit=here)
    client.force_login(UserFactory(roles={"prepare": here}))

    page = text(shown(client, profile))

    assert "Secret plan" not in page
    assert "2 events of deliveries that you may not see aren't shown." in page
    assert "Opens and clicks" in page
    assert "1 event of deliveries" in text(shown(client, profile, kind="reaction"))
    assert "of deliveries that you" not in text(shown(client, profile, kind="consent"))


def test_it_takes_as_many_queries_for_many_events_as_for_few(client, quiet, marketer):
    client.force_login(marketer)
    message = Message.objects.filter(delivery=quiet).first()
    profile = Profile.objects.get(pk=message.profile_id)
    shown(client, profile)
    with CaptureQueriesContext(connection) as few:
        shown(client, profile)
    for _ in range(3):
        other = DeliveryFactory(audience=AudienceFactory(unit=profile.unit, members=[profile]), finished=True)
        for _ in range(10):
            hit(other, HitKind.OPEN, 1)

    with CaptureQueriesContext(connection) as many:
        shown(client, profile)

    assert len(few) == len(many)


def test_a_profile_that_one_import_alone_can_have_made_says_so(unit, marketer):
    start = clock.now()
    profile = ProfileFactory(unit=unit)
    Import.objects.create(
        unit=unit, file_name="people.csv", status="done", created=1, finished_at=clock.now()
    )
    Import.objects.update(created_at=start)

    (event,) = all_of(profile, marketer)

    assert (event.kind, event.what, event.note) == ("import", "created", "people.csv")


@pytest.mark.parametrize("place", ["x", "2026-01-01", "2026-01-01T00:00:00+00:00~else~1", "~message~1"])
def test_a_place_that_is_none_is_no_page(client, profile, administrator, place):
    assert shown(client, profile, before=place).status_code == 404


def run(*arguments):
    out = StringIO()
    call_command("person_history", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_lists_what_the_page_shows(profile, marketer):
    answer = json.loads(run(profile.email, "--as", marketer.username, "--json", "--limit", "5"))
    rest = json.loads(
        run(
            str(profile.pk),
            "--as",
            marketer.username,
            "--json",
            "--limit",
            "1000",
            "--before",
            answer["before"],
        )
    )

    assert len(answer["events"]) == 5
    assert len(answer["events"]) + len(rest["events"]) == len(all_of(profile, marketer))
    assert rest["before"] is None
    assert "Sent" in run(profile.external_id, "--as", marketer.username, "--kind", "message")


@pytest.mark.parametrize("named", ["nobody@example.com", "999999999", "\0", "x" * 400])
def test_nobody_is_told_as_such(named, marketer):
    with pytest.raises(CommandError) as refusal:
        run(named, "--as", marketer.username)

    assert refusal.value.returncode == 2


def test_an_address_of_several_profiles_asks_which(profile, marketer):
    other = ProfileFactory(unit=profile.unit, email=profile.email)

    with pytest.raises(CommandError, match=f"{profile.pk}, {other.pk}"):
        run(profile.email, "--as", marketer.username)
