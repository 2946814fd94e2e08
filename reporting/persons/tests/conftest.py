"""A person of whom something is known in every place, beside somebody else of whom the same is."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.consent import consents
from audiences.models import (
    AddressError,
    ConsentDoubt,
    Import,
    ImportProblem,
    Profile,
    Quarantine,
    Service,
    ServiceText,
    SignUp,
    Subscription,
    Suppression,
    TestProfile,
)
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Bounce, Doubt, Message, Proof, ProofMessage, SentAgain, Try
from deliveries.tests.factories import DeliveryFactory
from feedback.agents import AgentKind
from feedback.models import HitKind, IncomingMail, MailKind, Reply, Report
from feedback.tests.factories import hit
from reporting.models import PersonExport


@pytest.fixture
def unit(db):
    return root()


@pytest.fixture
def administrator(client, unit):
    user = UserFactory(roles={"administration": unit}, is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def marketer(unit):
    return UserFactory(roles={"prepare": unit})


@once
def delivery():
    """Finished; it was sent to two people."""
    return DeliveryFactory(recipients=2, finished=True)


@once
def profile(delivery):
    """Its first recipient, of whom something is known in every place."""
    first, second = Message.objects.filter(delivery=delivery).order_by("seq")
    for message in (second, first):
        made = Profile.objects.get(pk=message.profile_id)
        _messages(message)
        _mail(message)
        _wishes(made, delivery)
        _address(made)
        _colleagues(made, delivery)
    return made


def _messages(message):
    of = {"delivery_id": message.delivery_id, "seq": message.seq}
    at = clock.now()
    hit(message.delivery, HitKind.OPEN, message.seq)
    hit(message.delivery, HitKind.CLICK, message.seq, agent_kind=AgentKind.MACHINE)
    Try.objects.create(**of, due_at=at, tries=1)
    Doubt.objects.create(**of, since=at, token=1)
    SentAgain.objects.create(**of, since=at)
    Bounce.objects.create(**of, at=at, nature="hard", reason="user_unknown", was=1)


def _mail(message):
    of = {"delivery_id": message.delivery_id, "seq": message.seq}
    for number in range(2):
        raw = f"Subject: mail {number} about {message.address}\n\n".encode()
        mail = IncomingMail.objects.create(raw=raw, digest=hashlib.sha256(raw).digest())
        if number:
            Reply.objects.create(mail=mail, **of)
        else:
            Report.objects.create(
                mail=mail, number=0, at=clock.now(), kind=MailKind.HARD, reason="user_unknown", **of
            )


def _wishes(profile, delivery):
    at = clock.now()
    service, _made = Service.objects.get_or_create(label="News", public_name="News", unit=root())
    written = {"words": {"en": {"consent": "Yes, write to me"}}, "seal": "s" * 64, "at": at}
    text, _made = ServiceText.objects.get_or_create(service=service, number=1, defaults=written)
    Subscription.objects.create(service=service, profile=profile, subscribed_at=at)
    SignUp.objects.create(
        service=service, text=text, address=profile.email, address_key=profile.email_key, language="en",
        network="192.0.2.0/24", at=at, mail_after=at,
    )  # fmt: skip
    ConsentDoubt.objects.create(profile=profile, channel="email", words="Newsletter: perhaps", at=at)
    consents.opt_out(
        profile_id=profile.pk, channel="email", at=at, source="unsubscribe_link",
        reference=f"delivery {delivery.pk}", by=UserFactory(roles={"prepare": root()}),
    )  # fmt: skip
    other = ProfileFactory(unit=root())
    audience = AudienceFactory(unit=root(), members=[profile, other])
    DeliveryFactory(audience=audience, finished=True)  # which leaves out whoever opted out


def _address(profile):
    key, at = profile.email_key, clock.now()
    Quarantine.objects.create(address_key=key, status="quarantine", reason="user_unknown", reference="x")
    AddressError.objects.create(address_key=key, at=at, nature="hard", reference="x")
    Suppression.objects.create(kind="sha256", value=hashlib.sha256(key.encode()).hexdigest(), created_at=at)
    TestProfile.objects.create(label="Mine", unit=root(), email=profile.email.upper())
    importing = Import.objects.create(unit=root(), file_name="people.csv")
    ImportProblem.objects.create(importing=importing, line=3, reason="%(value)s", slots={"value": key})


def _colleagues(profile, delivery):
    user, at = UserFactory(first_name="Colleague"), clock.now()
    proof = Proof.objects.create(
        delivery=delivery, content=delivery.content, number=delivery.proofs.count() + 1, by=user, at=at
    )
    ProofMessage.objects.create(proof=proof, address="team@example.com", values={"email": profile.email})
    LogEntry.objects.create(
        user=user, content_type=ContentType.objects.get_for_model(Profile), object_id=str(profile.pk),
        object_repr=str(profile), action_flag=CHANGE, change_message="",
    )  # fmt: skip
    PersonExport.objects.create(
        profile=profile, by=user, at=at, status="ready", expires_at=at + timedelta(hours=1)
    )
