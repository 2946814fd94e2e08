"""Services and their words: who may, what is refused, what is in force; the log that only grows."""

import io
import json

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from accounts import access
from accounts.models import ApprovalPolicy, AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.consent import address_opt_outs, consents
from audiences.models import ConsentEvent, Service, ServiceText, Subscription
from audiences.quarantine import suppression
from audiences.quarantine.suppression import Cause
from audiences.rules import rules, targeting
from audiences.services import definitions as services
from audiences.services import subscribing, texts
from audiences.services.subscribing import Origin
from audiences.targets import definitions
from audiences.tests.factories import AudienceFactory, ProfileFactory, ServiceFactory
from campaign.lib import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return UserFactory(username="ana-p", roles={"prepare": root()})


@pytest.fixture
def carla():
    return UserFactory(username="carla-s", roles={"start": root()})


def made(by, **more) -> Service:
    named = {"label": "News", "public_name": "Our news", "unit": root()}
    return services.create(**named | more, by=by, at=clock.now())


def test_words_are_in_force_once_a_starter_activates_the_latest_by_its_seal(ana, carla):
    service = made(ana)
    first = service.texts.get()
    words = {"en": {"consent": "I agree", "subject": "Confirm {name}", "body": "Please"}}
    second = texts.write(service=service, words=words, by=ana, at=clock.now())

    for seal in (first.seal, "", "x" * 64):
        with pytest.raises(texts.OtherText):
            texts.activate(service=service, seal=seal, by=carla, at=clock.now())
    with pytest.raises(access.NotAllowed):
        texts.activate(service=service, seal=second.seal, by=ana, at=clock.now())
    texts.activate(service=service, seal=second.seal, by=carla, at=clock.now())

    service.refresh_from_db()
    assert (service.text, service.takes_sign_ups) == (second, True)
    assert AuditEvent.objects.filter(action="activate_service_text", actor=carla).exists()
    assert texts.in_language(service.text, "pt-br") == ("en", {**words["en"], "subject": "Confirm Our news"})
    with pytest.raises(DatabaseError), transaction.atomic():
        ServiceText.objects.filter(pk=second.pk).update(words={})


def test_under_four_eyes_nobody_activates_their_own_words(carla):
    unit = UnitFactory(parent=root(), approval_policy=ApprovalPolicy.FOUR_EYES)
    service = made(carla, unit=unit)

    with pytest.raises(texts.OwnText):
        texts.activate(service=service, seal=service.texts.get().seal, by=carla, at=clock.now())


PARTS = {"consent": "a", "subject": "b", "body": "c"}


@pytest.mark.parametrize(
    "words",
    [
        None, [], {}, "x", {"tlh": PARTS}, {"en": None}, {"en": {}}, {"en": {**PARTS, "more": "d"}},
        {"en": {**PARTS, "body": " "}}, {"en": {**PARTS, "body": 7}}, {"en": {**PARTS, "body": "x" * 10_001}},
        {"en": {**PARTS, "subject": "two\nlines"}}, {"en": {**PARTS, "consent": "nul\0"}},
        {"en": {**PARTS, "body": "half \ud800"}}, {5: PARTS}, {"en": PARTS, "pt-br": {"subject": "x"}},
    ],
)  # fmt: skip
def test_words_that_nobody_could_send_are_refused(words):
    with pytest.raises(texts.UnfitWords):
        texts._checked(words)


def test_without_double_opt_in_it_takes_a_starter(ana, carla):
    with pytest.raises(access.NotAllowed):
        made(ana, double_opt_in=False)
    service = made(ana)
    asked = {"label": "News", "public_name": "", "double_opt_in": False, "is_open": True}
    with pytest.raises(access.NotAllowed):
        services.change(service=service, by=ana, **asked)

    assert not services.change(service=service, by=carla, **asked).double_opt_in


def test_a_label_stands_once_in_a_unit_and_in_one_line(ana):
    made(ana)
    with pytest.raises(services.LabelTaken):
        made(ana, label=" News ")
    for label in ("", " ", "x" * 129, "bell\a", "\u202e"):
        with pytest.raises(services.NoName):
            made(ana, label=label)


def test_an_audience_is_subscribed_but_nobody_who_said_no():
    service, at = ServiceFactory(), clock.now()
    willing, out, left, twin = (ProfileFactory(email=f"{name}@example.com") for name in ("a", "b", "c", "c"))
    consents.opt_out(profile_id=out.pk, channel="email", at=at, source="test")
    Subscription.objects.create(service=service, profile=left, subscribed_at=at, ended_at=at)
    by = UserFactory(roles={"import": root()})
    audience = AudienceFactory(members=[willing, out, left, twin])

    numbers = [
        subscribing.subscribe_audience(service=service, audience=audience, by=by, at=at) for _ in range(2)
    ]

    assert numbers == [1, 0]
    assert subscribing.current(service).get().profile == willing
    event = ConsentEvent.objects.get(service=service)
    assert (event.profile, event.by, event.reference) == (willing, by, f"audience {audience.pk}")


def test_a_rule_asks_for_subscriptions_and_says_so(ana):
    service, inside, outside = ServiceFactory(label="News"), ProfileFactory(), ProfileFactory()
    Subscription.objects.create(service=service, profile=inside, subscribed_at=clock.now())
    rule = {"field": "@service", "is": "subscribed", "value": service.pk}

    audience = definitions.create_rule(label="Readers", rule=rule, unit=root(), by=ana)

    assert list(targeting.profiles(audience)) == [inside]
    assert rules.in_words(rule) == "subscribed to “News”"
    audience.rule = {"not": rule}
    assert list(targeting.profiles(audience)) == [outside]
    elsewhere = ServiceFactory(unit=UnitFactory(parent=root()))
    with pytest.raises(definitions.ServiceNotToBeAsked):
        definitions.create_rule(label="x", rule={**rule, "value": elsewhere.pk}, unit=root(), by=ana)


def test_for_a_service_only_its_subscribers_are_written_to_and_a_confirmed_one_against_an_earlier_no():
    service, profile = ServiceFactory(), ProfileFactory()

    def cause():
        asked = {"profile_id": profile.pk, "address_key": profile.email_key}
        return suppression.cause(**asked), suppression.cause(**asked, service_id=service.pk)

    origin = Origin(clock.now(), "test")
    assert cause() == (None, Cause.NOT_SUBSCRIBED)
    consents.opt_out(profile_id=profile.pk, channel="email", at=clock.now(), source="test")
    assert cause() == (Cause.OPTED_OUT, Cause.OPTED_OUT)
    subscribing.subscribe_confirmed(service=service, profile=profile, origin=origin)
    assert cause() == (Cause.OPTED_OUT, None)
    consents.opt_out(profile_id=profile.pk, channel="email", at=clock.now(), source="test")
    assert cause() == (Cause.OPTED_OUT, Cause.OPTED_OUT)


def test_an_address_that_said_no_is_not_written_to_under_another_profile(ana):
    profile = ProfileFactory(email="ana@example.com")
    consents.opt_out(profile_id=profile.pk, channel="email", at=clock.now(), source="test")
    abroad = UnitFactory(parent=root())
    twin = ProfileFactory(email="Ana@Example.com", unit=abroad)

    assert suppression.cause(profile_id=twin.pk, address_key=twin.email_key) == Cause.OPTED_OUT
    there = UserFactory(roles={"prepare": abroad})
    consents.opt_in(profile_id=twin.pk, channel="email", at=clock.now(), source="page", by=there)
    assert suppression.cause(profile_id=twin.pk, address_key=twin.email_key) == Cause.OPTED_OUT
    consents.opt_in(profile_id=profile.pk, channel="email", at=clock.now(), source="page", by=ana)
    assert suppression.cause(profile_id=twin.pk, address_key=twin.email_key) is None


@pytest.mark.parametrize(
    "change", ["UPDATE audiences_consentevent SET words = 'x'", "DELETE FROM audiences_consentevent"]
)
def test_postgresql_refuses_to_change_the_consent_log(change):
    consents.opt_out(profile_id=ProfileFactory().pk, channel="sms", at=clock.now(), source="test")

    with (
        pytest.raises(DatabaseError, match="what is written there stays"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


def test_commands_make_activate_list_and_subscribe(ana, carla, tmp_path):
    def answer(name, *args, by):
        out = io.StringIO()
        call_command(name, *map(str, args), "--as", by.username, "--json", stdout=out)
        return json.loads(out.getvalue())

    new = answer("create_service", "News", "--unit", root().label, by=ana)
    words = tmp_path / "words.json"
    words.write_text(json.dumps({"en": PARTS}))
    latest = answer("activate_service", new["service"], "--write", words, by=ana)
    active = answer("activate_service", new["service"], "--seal", latest["seal"], by=carla)
    profile = ProfileFactory()
    audience = AudienceFactory(members=[profile])
    importer = UserFactory(roles={"import": root()})
    subscribed = answer("subscribe_audience", new["service"], audience.pk, by=importer)

    assert (latest["in_force"], active["in_force"], subscribed["subscribed"]) == (None, 2, 1)
    assert answer("list_services", by=ana)[0]["subscribed"] == 1


def test_the_command_lists_those_of_a_unit_by_a_part_of_their_label_and_no_more_than_asked_for(ana):
    below = UnitFactory(parent=root())
    for label, unit in [("News", root()), ("News of the south", below), ("Offers", below)]:
        ServiceFactory(label=label, unit=unit)

    def labels(*args):
        out = io.StringIO()
        call_command("list_services", *args, "--as", ana.username, "--json", stdout=out)
        return {one["label"] for one in json.loads(out.getvalue())}

    assert labels("--text", "news") == {"News", "News of the south"}
    assert labels("--text", "news", "--unit", str(below.pk)) == {"News of the south"}
    assert len(labels("--limit", "2")) == 2


def test_an_address_opts_out_by_itself_and_is_taken_back_by_who_administers_all(ana):
    diego, service = UserFactory(roles={"administration": root()}), ServiceFactory()
    subscriber = ProfileFactory(email="bia@example.com")
    Subscription.objects.create(service=service, profile=subscriber, subscribed_at=clock.now())
    said = {"channel": "email", "at": clock.now(), "source": "desk"}
    with pytest.raises(access.NotAllowed):
        address_opt_outs.opt_out(address="bia@example.com", by=ana, **said)
    for wrong in (
        {"address": "nobody", "by": diego},
        {"address": "a@example.com", "by": diego, "channel": "sms"},
    ):
        with pytest.raises((address_opt_outs.NotAnAddress, address_opt_outs.NoSuchChannel)):
            address_opt_outs.opt_out(**said | wrong)

    call_command("opt_out_address", "Bia@Example.com", "--as", diego.username, stdout=io.StringIO())

    newcomer = ProfileFactory(email="bia@example.com")
    assert suppression.held(["bia@example.com"])
    assert suppression.cause(profile_id=newcomer.pk, address_key="bia@example.com") == Cause.OPTED_OUT
    assert not subscribing.current(service).exists()
    event = ConsentEvent.objects.get(profile=None)
    assert (event.address_key, event.by, event.opted_out) == ("bia@example.com", diego, True)
    assert address_opt_outs.take_back(address="bia@example.com", by=diego, **said)
    assert suppression.cause(profile_id=newcomer.pk, address_key="bia@example.com") is None
