"""Whether opens and clicks of a person may be measured: what they said, by each way, and the log that tells it."""

import io
import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import imports, tracking
from audiences.consent import tracking_consents
from audiences.imports import Options
from audiences.models import ConsentEvent, Profile
from audiences.profiles import people
from audiences.rules import rules
from audiences.services.subscribing import Origin
from audiences.tests.factories import ProfileFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)


def said(profile):
    return Profile.objects.values_list("track_opens", "track_clicks").get(pk=profile.pk)


def say(profile, *, by=None, **purposes):
    origin = Origin(NOON, "page", by=by, reference="delivery 7", network="192.0.2.0/24")
    return tracking_consents.say(
        profile_id=profile.pk, purposes=purposes or tracking.both(False), origin=origin
    )


def test_a_no_is_kept_for_each_purpose_with_when_where_and_by_what():
    profile = ProfileFactory()
    assert said(profile) == (None, None)

    assert say(profile)
    assert not say(profile)

    assert said(profile) == (False, False)
    events = list(profile.consents.order_by("purpose"))
    assert [(event.purpose, event.opted_out) for event in events] == [("clicks", True), ("opens", True)]
    assert {(event.reference, event.network, event.at) for event in events} == {
        ("delivery 7", "192.0.2.0/24", NOON)
    }


def test_one_purpose_leaves_the_other_alone_and_mail_goes_on():
    profile = ProfileFactory()

    say(profile, clicks=False)

    profile.refresh_from_db()
    assert (profile.track_opens, profile.track_clicks, profile.no_email) == (None, False, False)


def test_a_no_holds_for_whoever_has_the_address_and_a_yes_for_one_alone():
    one, other = (ProfileFactory(email="ana@example.com", external_id=name) for name in ("a", "b"))

    say(one)
    assert said(other) == (False, False)

    say(one, opens=True)
    assert (said(one), said(other)) == ((True, False), (False, False))
    assert other.consents.count() == 2


def test_a_person_needs_the_right_and_leaves_an_audit_event():
    profile = ProfileFactory(unit=UnitFactory())
    with pytest.raises(NotAllowed):
        say(profile, by=UserFactory(roles={"prepare": UnitFactory()}))
    assert said(profile) == (None, None)

    say(profile, by=UserFactory(roles={"prepare": profile.unit}))

    assert AuditEvent.objects.get(action="tracking_consent").detail["said"] == {
        "clicks": False,
        "opens": False,
    }


def test_the_page_of_the_profile_notes_and_tells_it(client):
    profile = ProfileFactory()
    client.force_login(UserFactory(roles={"prepare": root()}))

    client.post(reverse("audiences:consent", args=[profile.pk]), {"purpose": "opens", "decision": "out"})
    page = client.get(reverse("audiences:profile", args=[profile.pk])).content.decode()

    assert said(profile) == (False, None)
    assert "Open tracking: refused" in " ".join(page.split())


def test_the_desk_notes_it(client):
    profile = ProfileFactory()
    client.force_login(UserFactory(roles={"prepare": root()}, is_staff=True))

    client.post(
        reverse("admin:audiences_profile_consent", args=[profile.pk]), {"purpose": "clicks", "wish": "out"}
    )

    assert said(profile) == (None, False)
    assert (
        "Agrees: Click tracking"
        in client.get(reverse("admin:audiences_profile_change", args=[profile.pk])).content.decode()
    )


def test_the_command_notes_it():
    profile = ProfileFactory(email="ana@example.com")
    by = UserFactory(roles={"prepare": root()})
    out = StringIO()

    call_command("note_tracking_consent", "Ana@example.com", "no", "--as", by.username, "--json", stdout=out)

    assert json.loads(out.getvalue()) == {"address": "Ana@example.com", "opens": False, "clicks": False}
    assert said(profile) == (False, False)
    with pytest.raises(CommandError) as refused:
        call_command("note_tracking_consent", "nobody@example.com", "no", "--as", by.username)
    assert refused.value.returncode == 2


@pytest.fixture
def bring():
    importer = UserFactory(roles={"import": root()})

    def bring(content):
        importing = imports.register(name="people.csv", unit=root(), by=importer, options=Options())
        return imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(content.encode()))

    return bring


@pytest.mark.parametrize(
    ("header", "cell", "expected"),
    [
        ("Tracking consent", "yes", (True, True)),
        ("tracking_consent", "não", (False, False)),
        ("track_opens", "0", (False, None)),
        ("Do not track", "x", (False, False)),
        ("do_not_track", "no", (True, True)),
        ("consentimento_de_rastreamento", "", (None, None)),
        ("tracking_consent", "perhaps", (False, False)),
    ],
)
def test_a_column_of_a_file_says_it(bring, header, cell, expected):
    bring(f"email,{header}\nana@x.example,{cell}\n")

    assert said(Profile.objects.get()) == expected
    assert not Profile.objects.get().no_email


def test_what_a_file_cannot_tell_is_reported_and_taken_for_a_no(bring):
    importing = bring("email,tracking_consent\nana@x.example,perhaps\n")

    (problem,) = importing.problems.all()
    assert "taken for a no" in str(problem.text)


def test_a_file_never_agrees_for_who_refused_and_refuses_for_who_agreed(bring):
    refused, agreed = (ProfileFactory(email=f"{name}@x.example", external_id=name) for name in ("no", "yes"))
    say(refused)
    say(agreed, **tracking.both(True))

    bring("external_id,email,tracking_consent\nno,no@x.example,yes\nyes,yes@x.example,no\n")

    assert (said(refused), said(agreed)) == ((False, False), (False, False))
    event = ConsentEvent.objects.filter(profile=agreed).order_by("-pk")[0]
    assert (event.source, event.reference.partition(" ")[0]) == ("import", "import")


def test_of_two_rows_of_one_person_a_no_counts(bring):
    bring("external_id,email,tracking_consent\n1,a@x.example,no\n1,a@x.example,yes\n")

    assert said(Profile.objects.get()) == (False, False)


def test_an_export_brought_back_changes_nothing(bring):
    for answer, name in ((None, "a"), (True, "b"), (False, "c")):
        ProfileFactory(email=f"{name}@x.example", external_id=name, track_opens=answer, track_clicks=answer)
    exporter = UserFactory(roles={"export": root()})
    before = list(Profile.objects.order_by("pk").values_list("track_opens", "track_clicks"))

    text = "".join(people.export(profiles=Profile.objects.all(), unit=root(), by=exporter))
    importing = bring(text)

    assert importing.updated == 0
    assert list(Profile.objects.order_by("pk").values_list("track_opens", "track_clicks")) == before
    assert not ConsentEvent.objects.exists()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("yes", {"agreed"}), ("no", {"refused"}), ("empty", {"silent"}), ("not_empty", {"agreed", "refused"})],
)
def test_a_rule_asks_what_was_said(asked, expected):
    for name, answer in (("agreed", True), ("refused", False), ("silent", None)):
        ProfileFactory(first_name=name, track_opens=answer)
    rule = rules.validated({"field": "@track_opens", "is": asked})

    found = Profile.objects.filter(rules.condition(rule))

    assert {profile.first_name for profile in found} == expected
    assert rules.in_words(rule).startswith("Open tracking ")
