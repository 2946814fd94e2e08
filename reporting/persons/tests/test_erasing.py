"""One person is erased: everywhere, by whoever may, and nothing counts otherwise than before."""

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import imports
from audiences.consent import consents, sign_ups
from audiences.models import (
    AddressOptOut,
    ConsentDoubt,
    ConsentEvent,
    Erasure,
    ImportProblem,
    Profile,
    Quarantine,
    Suppression,
)
from audiences.profiles import people
from audiences.quarantine import erased_addresses, quarantines
from audiences.services import subscribing
from audiences.tests.factories import AudienceFactory, ProfileFactory, ServiceFactory, TestProfileFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.ledger import books
from deliveries.models import Message, Proof, ProofMessage
from deliveries.operations import reconciliation
from deliveries.tests.factories import DeliveryFactory
from feedback.models import IncomingMail, MailKind, Outcome, Report
from reporting.persons import erasers, erasing
from reporting.persons.places import BY_CODE

pytestmark = pytest.mark.django_db

ADDRESS, NAME = "ana.unique@example.com", "Anastácia"
# What the app of people (`audiences.profiles.erasing`) and the ledger (`deliveries.ledger.erasing`) take away.
OF_PEOPLE = frozenset(
    "profile memberships consents unclear_consents address_opt_outs subscriptions sign_ups quarantine address_errors"
    " suppressions".split()
)
OF_LEDGER = frozenset({"messages", "bounces"})


@pytest.fixture
def eraser():
    return UserFactory(roles={"administration": root()})


@once
def ana():
    """Somebody of whom something is known in every place."""
    eraser = UserFactory(roles={"administration": root()})
    ana = people.create(
        values={"email": ADDRESS, "first_name": NAME, "external_id": "K-77"}, unit=root(), by=eraser
    )
    others = [ProfileFactory(email="ana.unique@example.com.br"), ProfileFactory()]
    audience = AudienceFactory(members=[ana, *others])
    for stage in ("finished", "sending", "ready"):
        DeliveryFactory(**{stage: True}, audience=audience)
    service = ServiceFactory()
    sign_ups.ask(
        service=service,
        text=service.text,
        address=ADDRESS,
        language="en",
        network="10.0.0.0/24",
        at=clock.now(),
    )
    subscribing.subscribe_confirmed(
        service=service, profile=ana, origin=subscribing.Origin(clock.now(), "page", network="10.0.0.0/24")
    )
    consents.opt_out(profile_id=ana.pk, channel="email", at=clock.now(), source="page", network="10.0.0.0/24")
    DeliveryFactory(finished=True, audience=audience)  # which leaves her out
    ConsentDoubt.objects.create(profile=ana, channel="sms", words=f"{ADDRESS}: maybe", at=clock.now())
    quarantines.hold_by_hand(address=ADDRESS, error_text=f"550 {ADDRESS} unknown", at=clock.now(), by=eraser)
    _beside(eraser)
    return ana


def _beside(by):
    """What came back of her message, a proof, a report of an import, what the trail says."""
    message = Message.objects.filter(address=ADDRESS).order_by("delivery_id").first()
    mail = IncomingMail.objects.create(
        digest=b"d", raw=f"To: {ADDRESS}".encode(), envelope_to=ADDRESS, read_at=clock.now()
    )
    Report.objects.create(
        mail=mail, number=1, at=clock.now(), recipient=ADDRESS, recipient_key=ADDRESS, kind=MailKind.SOFT,
        diagnostic=f"<{ADDRESS}> is full", delivery_id=message.delivery_id, seq=message.seq, address_key=ADDRESS,
        outcome=Outcome.NOTED, settled_at=clock.now(),
    )  # fmt: skip
    delivery = DeliveryFactory()
    proof = Proof.objects.create(delivery=delivery, content=delivery.content, number=1, by=by, at=clock.now())
    ProofMessage.objects.create(proof=proof, address=ADDRESS, values={"email": ADDRESS}, status="sent")
    TestProfileFactory(email=ADDRESS, label="Reader")
    done = imports.register(name="a.csv", unit=root(), by=by, options=imports.Options())
    ImportProblem.objects.create(
        importing=done, line=2, reason="“%(value)s” is odd.", slots={"value": ADDRESS}
    )
    AuditEvent.objects.create(
        actor_name="x", action="old", target_type="audiences.profile", target_id=str(Profile.objects.get(email=ADDRESS).pk),
        target_label=f"{NAME} Souza", detail={"address": ADDRESS, "other": "ana.unique@example.com.br"},
    )  # fmt: skip


def erase(whom, by, **more):
    return erasing.erase(whom, confirmed=whom.word, by=by, at=clock.now(), **more)


def found(*words):
    """The tables in which a word stands, anywhere; those too that no model knows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        tables, where = [name for (name,) in cursor.fetchall()], set()
        for table in tables:
            for word in words:
                cursor.execute(
                    f"SELECT count(*) FROM {table} t WHERE t::text ~* %s OR t::text LIKE %s",
                    [rf"{word.replace('.', '[.]')}(?![.]br)", f"%{word.encode().hex()}%"],
                )
                where |= {re.sub("_(first|[0-9_to]+)$", "", table)} if cursor.fetchone()[0] else set()
    return where


def test_every_place_of_the_list_is_looked_after():
    assert erasers.FATES.keys() == BY_CODE.keys()
    changed = {code for code, fate in erasers.FATES.items() if fate is not erasers.Fate.STAYS}
    assert changed == erasers.ERASERS.keys() | OF_PEOPLE | OF_LEDGER | {"audit"}


def test_nothing_of_them_is_left_anywhere(ana, eraser):
    assert {"audiences_profile", "deliveries_message", "feedback_report", "accounts_auditevent"} <= found(
        ADDRESS
    )

    erasure = erase(erasing.find(ADDRESS, by=eraser), eraser)

    assert erasure.waits == {}
    assert found(ADDRESS, NAME, "K-77") == set()
    assert found("ana.unique@example.com.br") >= {"audiences_profile", "deliveries_message"}


def test_figures_books_and_seals_are_as_before(ana, eraser):
    deliveries = list(Message.objects.values_list("delivery_id", flat=True).distinct())
    before = {pk: books.tallies(pk) for pk in deliveries}
    causes = list(BY_CODE["exclusions"].model.objects.values_list("cause", flat=True).order_by("pk"))

    erase(erasing.find(str(ana.pk), by=eraser), eraser)

    after = {pk: books.tallies(pk) for pk in deliveries}
    changed = {
        pk: {
            name: after[pk][name] - before[pk][name]
            for name in after[pk]
            if after[pk][name] != before[pk][name]
        }
        for pk in deliveries
    }
    assert [each for each in changed.values() if each] == [{"erased": 1, "prepared": -1}] * 2
    assert all(reconciliation.reconcile(pk).balanced for pk in deliveries)
    assert list(BY_CODE["exclusions"].model.objects.values_list("cause", flat=True).order_by("pk")) == causes


def test_what_they_said_stays_under_the_number_of_the_erasure(ana, eraser):
    before = ConsentEvent.objects.filter(profile=ana).count()

    erasure = erase(erasing.find(ADDRESS, by=eraser), eraser)

    events = ConsentEvent.objects.filter(erasure=erasure)
    assert events.count() == before == erasure.gone["consents"]
    assert {(each.profile_id, each.address_key, each.words, each.network) for each in events} == {
        (None, "", "", "")
    }
    with pytest.raises(IntegrityError, match="what is written there stays"), transaction.atomic():
        events.update(opted_out=False)


def test_the_trail_names_them_by_id_and_is_changed_by_nothing_else(ana, eraser):
    erase(erasing.find(ADDRESS, by=eraser), eraser)

    old = AuditEvent.objects.get(action="old")
    assert old.target_label == f"#{ana.pk}"
    assert old.detail == {"address": "…", "other": "ana.unique@example.com.br"}
    with pytest.raises(IntegrityError, match="what is written there stays"), transaction.atomic():
        AuditEvent.objects.filter(pk=old.pk).update(target_label="")
    event = AuditEvent.objects.get(action="erase_person")
    assert (event.actor, event.detail["redacted"] > 0) == (eraser, True)


def test_the_trail_names_people_by_id_from_the_start(eraser):
    made = people.create(values={"email": ADDRESS, "first_name": NAME}, unit=root(), by=eraser)
    quarantines.hold_by_hand(address=ADDRESS, error_text="", at=clock.now(), by=eraser)

    assert AuditEvent.objects.get(action="create_profile").target_label == f"#{made.pk}"
    assert ADDRESS not in json.dumps(list(AuditEvent.objects.values("target_label", "detail")))


def test_their_address_is_known_by_a_keyed_hash_alone_and_comes_in_by_no_door(ana, eraser, settings):
    erase(erasing.find(ADDRESS, by=eraser), eraser)

    assert erased_addresses.among([ADDRESS, "somebody@example.com"]) == {ADDRESS}
    assert list(Suppression.objects.values_list("kind", flat=True)) == ["keyed"]
    with pytest.raises(erased_addresses.Erased), transaction.atomic():
        people.create(values={"email": ADDRESS.upper()}, unit=root(), by=eraser)
    with pytest.raises(erased_addresses.Erased), transaction.atomic():
        people.change(profile=ProfileFactory(), values={"email": ADDRESS}, by=eraser)
    service = ServiceFactory(double_opt_in=False)
    asked = {"service": service, "text": service.text, "language": "en", "network": "", "at": clock.now()}
    assert sign_ups.ask(address=ADDRESS, **asked) is None
    assert not Profile.objects.filter(email_key=ADDRESS).exists()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    settings.ERASURE_KEY = "ab" * 32
    assert erased_addresses.among([ADDRESS]) == {ADDRESS}


def brought(by, content, **options):
    importing = imports.register(name="a.csv", unit=root(), by=by, options=imports.Options(**options))
    return imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(content.encode()))


def test_an_import_leaves_them_out_and_keeps_nothing_of_their_row(ana, eraser):
    erase(erasing.find(ADDRESS, by=eraser), eraser)

    done = brought(eraser, f"email,first_name,no_email\n{ADDRESS},{NAME},1\nnew@example.com,Eva,0\n")

    assert (done.status, done.created, done.skipped) == ("done", 1, 1)
    assert found(ADDRESS, NAME) == set()
    assert not AddressOptOut.objects.filter(address_key=ADDRESS).exists()


SPELLINGS = (
    "ANA.Unique@Example.COM", " ana.unique@example.com ", "ana.unique@example.com.", "ana.unique@example.com..",
    "\u200bana.unique@example.com", "ana.unique@exam\u200bple.com", "ana.unique\u00a0@example.com",
    "\uff41na.unique@example.com", "ana.unique@\uff45xample.com", "ana.unique@example\u3002com",
    "Ana <ana.unique@example.com>", "mailto:ana.unique@example.com", "<ana.unique@example.com>",
)  # fmt: skip


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_in_another_spelling_they_come_in_by_no_door_either(spelled, eraser):
    erased_addresses.remember([ADDRESS], at=clock.now())

    done = brought(eraser, f'email,first_name\n"{spelled}",{NAME}\nnew@example.com,Eva\n')
    with pytest.raises(erased_addresses.Erased):
        people.create(values={"email": spelled, "first_name": NAME}, unit=root(), by=eraser)

    assert (done.status, done.created, done.skipped) == ("done", 1, 1)
    assert list(Profile.objects.values_list("email", flat=True)) == ["new@example.com"]
    assert not [each for each in ImportProblem.objects.all() if "nique" in str(each.slots)]


@pytest.mark.parametrize(
    "other", ["ana.unique+news@example.com", "anaunique@example.com", "ana.unique@example.com.br"]
)
def test_who_has_another_address_comes_in(other, eraser):
    erased_addresses.remember([ADDRESS], at=clock.now())

    done = brought(eraser, f"email,first_name\n{other},{NAME}\n")

    assert (done.status, done.created, done.skipped) == ("done", 1, 0)


def test_a_profile_is_not_given_their_address_in_another_spelling(eraser):
    erased_addresses.remember([ADDRESS], at=clock.now())
    other = people.create(values={"email": "other@example.com"}, unit=root(), by=eraser)

    with pytest.raises(erased_addresses.Erased):
        people.change(profile=other, values={"email": f"{ADDRESS}."}, by=eraser)


def test_a_suppression_list_that_names_them_writes_no_row(ana, eraser):
    erase(erasing.find(ADDRESS, by=eraser), eraser)

    brought(eraser, f"email\n{ADDRESS}\nother@example.com\n", suppression=True)

    assert list(Quarantine.objects.values_list("address_key", flat=True)) == ["other@example.com"]


def test_whoever_may_allows_the_address_again(ana, eraser):
    erase(erasing.find(ADDRESS, by=eraser), eraser)

    assert erasing.allow_again(ADDRESS, by=eraser)
    assert people.create(values={"email": ADDRESS}, unit=root(), by=eraser).pk != ana.pk
    assert not erasing.allow_again(ADDRESS, by=eraser)


def test_what_comes_back_late_is_erased_too(ana, eraser):
    erasure = erase(erasing.find(ADDRESS, by=eraser), eraser)
    message = Message.objects.filter(profile_id=ana.pk).first()
    mail = IncomingMail.objects.create(digest=b"e", raw=f"To: {ADDRESS}".encode(), read_at=clock.now())
    Report.objects.create(
        mail=mail, number=1, at=clock.now(), recipient=ADDRESS, recipient_key=ADDRESS, kind=MailKind.HARD,
        delivery_id=message.delivery_id, seq=message.seq, settled_at=clock.now(), outcome=Outcome.NOTED,
    )  # fmt: skip

    assert erasing.carry_on_all() == 1

    erasure.refresh_from_db()
    assert found(ADDRESS) == set()
    assert erasure.gone["reports"] == 2


def test_all_profiles_of_the_address_are_meant(eraser):
    profiles = [ProfileFactory(email=ADDRESS), ProfileFactory(email=ADDRESS, unit=UnitFactory(parent=root()))]

    erase(erasing.find(str(profiles[0].pk), by=eraser), eraser)

    assert not Profile.objects.filter(email_key=ADDRESS).exists()


def test_who_may_erase_in_one_of_two_units_alone_is_told_to_ask_somebody_above():
    mine, other = UnitFactory(parent=root()), UnitFactory(parent=root())
    by = UserFactory(roles={"administration": mine})
    kept = ProfileFactory(email=ADDRESS, unit=mine)
    ProfileFactory(email=ADDRESS, unit=other)

    with pytest.raises(erasing.ElsewhereToo):
        erasing.find(str(kept.pk), by=by)


def test_a_stranger_finds_nobody_and_who_may_not_erase_is_refused(ana):
    below = UserFactory(roles={"administration": UnitFactory(parent=root())})
    beside = ProfileFactory(unit=UnitFactory(parent=root()))

    with pytest.raises(erasing.NoSuchPerson):
        erasing.find(ADDRESS, by=below)
    with pytest.raises(erasing.NoSuchPerson):
        erasing.find(str(beside.pk), by=below)
    with pytest.raises(NotAllowed):
        erasing.find(str(ana.pk), by=below)
    assert Profile.objects.filter(pk=ana.pk).exists()


def test_another_word_erases_nobody(ana, eraser):
    whom = erasing.find(ADDRESS, by=eraser)

    with pytest.raises(erasing.Unconfirmed):
        erasing.erase(whom, confirmed="yes", by=eraser, at=clock.now())

    assert Profile.objects.filter(pk=ana.pk).exists()
    assert not Erasure.objects.exists()


# -- the faces


def command(eraser, *args):
    out = io.StringIO()
    call_command("erase_person", *args, "--as", eraser.username, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_command_says_first_and_erases_by_a_word(ana, eraser):
    said = command(eraser, ADDRESS, "--dry-run")
    assert said["erased"] is False
    assert said["places"]["messages"] == 3
    assert Profile.objects.filter(pk=ana.pk).exists()

    done = command(eraser, ADDRESS, "--yes", ADDRESS, "--reference", "T-1")

    assert (done["erased"], done["waits"], done["not_covered"]) == (True, {}, {})
    assert found(ADDRESS) == set()
    assert Erasure.objects.get().reference == "T-1"
    assert command(eraser, ADDRESS, "--allow-again") == {"allowed": True}
    with pytest.raises(CommandError) as refused:
        command(eraser, ADDRESS, "--dry-run")
    assert refused.value.returncode == 2


def test_what_waits_is_said_of_one_and_of_many():
    assert "file of an import" in erasing.WAITS["import_files"] % 1
    assert "files of imports" in erasing.WAITS["import_files"] % 2


def test_the_command_names_what_no_erasure_changes(ana, eraser):
    AudienceFactory(rule={"field": "email", "is": "=", "value": ADDRESS})

    done = command(eraser, ADDRESS, "--yes", ADDRESS)

    assert done["not_covered"] == {"Rules of audiences that name the address": 1}


@pytest.fixture
def browser_of(eraser):
    client = Client()
    client.force_login(eraser)
    return client


def test_a_page_shows_what_would_go_and_erases_by_a_word(ana, browser_of):
    page = reverse("reporting:erase-person", args=[ana.pk])

    assert ADDRESS in browser_of.get(page).content.decode()
    assert "Type “" in browser_of.post(page, {"confirmed": "x"}).content.decode()
    assert Profile.objects.filter(pk=ana.pk).exists()
    answer = browser_of.post(page, {"confirmed": ADDRESS.upper()}, follow=True)

    assert not Profile.objects.filter(pk=ana.pk).exists()
    assert (
        "Erasure 1" in answer.content.decode()
        or f"Erasure {Erasure.objects.get().pk}" in answer.content.decode()
    )
    assert ADDRESS not in answer.content.decode()


def test_a_page_finds_somebody_by_an_address_that_is_posted(ana, browser_of):
    page = reverse("reporting:erase-address")

    assert "What becomes of it" in browser_of.post(page, {"person": ADDRESS}).content.decode()
    browser_of.post(page, {"person": ADDRESS, "confirmed": ADDRESS})

    assert not Profile.objects.filter(pk=ana.pk).exists()


def test_the_desk_does_the_same(ana, eraser, browser_of):
    eraser.is_staff = True
    eraser.save()
    page = reverse("admin:audiences_erasure_add")

    assert browser_of.get(page).status_code == 200
    assert "What becomes of it" in browser_of.post(page, {"person": ADDRESS}).content.decode()
    answer = browser_of.post(page, {"person": ADDRESS, "confirmed": ADDRESS}, follow=True)

    assert not Profile.objects.filter(pk=ana.pk).exists()
    assert answer.status_code == 200
    assert browser_of.get(reverse("admin:audiences_erasure_changelist")).status_code == 200


def test_who_may_not_erase_has_no_page(ana):
    client = Client()
    client.force_login(UserFactory(roles={"prepare": root()}))

    assert (
        client.post(reverse("reporting:erase-person", args=[ana.pk]), {"confirmed": ADDRESS}).status_code
        == 403
    )
    assert client.get(reverse("reporting:erasures")).status_code == 403
    client.post(reverse("reporting:erase-address"), {"person": ADDRESS, "confirmed": ADDRESS})
    assert Profile.objects.filter(pk=ana.pk).exists()
