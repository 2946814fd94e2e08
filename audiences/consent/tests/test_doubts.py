"""Consents that nobody could read are held until a person decides, one by one or all alike."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.consent import doubts
from audiences.models import ConsentDoubt, ConsentEvent, Profile
from audiences.tests.factories import ProfileFactory

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)


@pytest.fixture
def by(db):
    return UserFactory(roles={"prepare": root()})


def in_doubt(*channels, **values):
    """A profile that is held, with a doubt for each channel."""
    profile = ProfileFactory(consent_unclear=True, **values)
    for channel in channels or ("email",):
        ConsentDoubt.objects.create(profile=profile, channel=channel, words="unsubscribed: perhaps", at=NOON)
    return profile


@pytest.mark.parametrize(("decision", "is_out"), [("write", False), ("opt_out", True)])
def test_a_decision_about_one_person_is_kept_and_audited(by, decision, is_out):
    profile, other = in_doubt("email", "sms"), in_doubt()

    assert doubts.decide(profile=profile, decision=decision, at=NOON, by=by) == 2

    profile.refresh_from_db()
    other.refresh_from_db()
    assert (profile.consent_unclear, profile.no_email, profile.no_sms) == (False, is_out, is_out)
    assert other.consent_unclear
    assert ConsentEvent.objects.count() == 2 * is_out
    assert set(profile.doubts.values_list("decision", "decided_by")) == {(decision, by.pk)}
    event = AuditEvent.objects.get(action="decide_unclear_consents")
    assert (event.actor, event.target_id, event.detail["number"]) == (by, str(profile.pk), 2)


def test_all_of_a_unit_and_below_are_decided_alike(by):
    north = UnitFactory()
    inside, outside = in_doubt(unit=UnitFactory(parent=north)), in_doubt()

    assert doubts.decide_all(unit=north, decision="opt_out", at=NOON, by=by) == 1

    inside.refresh_from_db()
    outside.refresh_from_db()
    assert (inside.no_email, inside.consent_unclear) == (True, False)
    assert (outside.no_email, outside.consent_unclear) == (False, True)


@pytest.mark.parametrize("expected", [None, 1, 3])
def test_that_all_may_be_written_to_is_confirmed_with_their_number(by, expected):
    in_doubt(), in_doubt()

    with pytest.raises(doubts.OtherNumber):
        doubts.decide_all(unit=root(), decision="write", at=NOON, by=by, expected=expected)

    assert Profile.objects.filter(consent_unclear=True).count() == 2
    assert doubts.decide_all(unit=root(), decision="write", at=NOON, by=by, expected=2) == 2


def test_only_who_prepares_deliveries_there_decides(db):
    north = UnitFactory()
    stranger = UserFactory(roles={"prepare": UnitFactory(), "import": north})
    profile = in_doubt(unit=north)

    with pytest.raises(NotAllowed):
        doubts.decide(profile=profile, decision="write", at=NOON, by=stranger)
    with pytest.raises(NotAllowed):
        doubts.decide_all(unit=north, decision="write", at=NOON, by=stranger)
    assert Profile.objects.get().consent_unclear


@pytest.mark.parametrize(
    ("decision", "refusal"), [("write", doubts.NothingUnclear), ("?", doubts.NoSuchDecision)]
)
def test_what_makes_no_sense_is_refused(by, decision, refusal):
    with pytest.raises(refusal):
        doubts.decide(profile=ProfileFactory(), decision=decision, at=NOON, by=by)


def test_the_page_lists_them_and_decides(by, client):
    first, second = in_doubt(first_name="Amélia"), in_doubt(first_name="Bento")
    client.force_login(by)

    page = client.get(reverse("audiences:unclear")).content.decode()
    assert "Amélia" in page
    assert "unsubscribed: perhaps" in page
    assert "Consent unclear" in client.get(reverse("audiences:profile", args=[first.pk])).content.decode()

    client.post(reverse("audiences:unclear-decide", args=[first.pk]), {"decision": "opt_out", "list": "1"})
    everybody = {"decision": "write", "unit": root().pk}
    asked = client.post(reverse("audiences:unclear-all"), everybody).content.decode()
    assert "All 1 may be written to" in asked
    assert Profile.objects.filter(consent_unclear=True).exists()
    client.post(reverse("audiences:unclear-all"), {**everybody, "expected": "1"})

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.no_email, second.no_email, second.consent_unclear) == (True, False, False)


@pytest.mark.parametrize("name", ["unclear-decide", "unclear-all"])
def test_a_decision_that_a_rule_refuses_is_said_on_the_page_and_audited(by, client, name):
    profile = in_doubt()
    client.force_login(by)
    pks = [profile.pk] if name == "unclear-decide" else []

    answer = client.post(
        reverse(f"audiences:{name}", args=pks), {"decision": "maybe", "unit": root().pk}, follow=True
    )

    event = AuditEvent.objects.get(action="decide_unclear_consents")
    assert event.refused
    assert event.detail["reason"] in answer.content.decode()
    assert ConsentDoubt.objects.count() == 1


def test_the_desk_decides(db, client):
    first, second = in_doubt(), in_doubt()
    client.force_login(UserFactory(roles={"prepare": root(), "administration": root()}, is_staff=True))

    url = reverse("admin:audiences_consentdoubt_changelist")
    assert "unsubscribed: perhaps" in client.get(url).content.decode()
    marked = {"action": "opt_out", "_selected_action": [first.doubts.get().pk]}
    client.post(url, marked)
    client.post(
        reverse("admin:audiences_consentdoubt_decide", args=[second.doubts.get().pk]), {"decision": "write"}
    )

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.no_email, first.consent_unclear) == (True, False)
    assert (second.no_email, second.consent_unclear) == (False, False)


def test_the_command_lists_and_decides(by):
    profile = in_doubt()

    def command(*args):
        out = StringIO()
        call_command("decide_consents", *map(str, args), "--as", by.username, "--json", stdout=out)
        return json.loads(out.getvalue())

    assert command()["doubts"][0]["words"] == "unsubscribed: perhaps"
    assert command("--decision", "opt_out", "--profile", profile.pk)["decided"] == 1
    assert command()["open"] == 0
