"""No sequence of imports, sign-ups and opt-outs leads to somebody who said no being written to."""

import io
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest
from django.db import transaction
from psycopg import sql

from accounts.models import OrganizationalUnit
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import imports
from audiences.consent import consents, sign_ups
from audiences.models import Erasure, Profile, Service, SignUp, Subscription
from audiences.profiles import erasing, people
from audiences.quarantine import erased_addresses, suppression
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from audiences.tests.factories import ProfileFactory, ServiceFactory
from campaign.lib import clock

pytestmark = pytest.mark.django_db

ADDRESS = "ana@example.com"
SEQUENCES, LENGTH = 25, 7


class Life:
    """What happens to one address in days that follow one another, and what its reader said last."""

    def __init__(self, random: Random, double: Service, single: Service) -> None:
        self.random, self.services = random, [double, single]
        self.at = clock.now()
        self.importer, self.below = UserFactory(roles={"import": root()}), UnitFactory(parent=root())
        self.said_no = {None: False, double.pk: False, single.pk: False}
        self.told: list[str] = []

    def lives(self) -> None:
        deeds: list[Callable[[], None]] = [
            self.imported, self.imported_with_a_no, self.opts_out, self.asks, self.confirms, self.leaves, self.leaves,
            self.is_subscribed_by_others, self.takes_back, self.asks, self.confirms, self.is_erased,
            self.imported_below, self.imported_with_a_yes, self.another_gets_the_address,
        ]  # fmt: skip
        first = [
            self.imported,
            self.is_subscribed_by_others,
            self.random.choice([self.leaves, self.opts_out]),
        ]
        for deed in first + self.random.choices(deeds, k=LENGTH):
            self.at += timedelta(days=1, minutes=1)
            self.told.append(deed.__name__)
            deed()
            self.nobody_who_said_no_is_written_to()
            self.nobody_who_was_erased_is_here()

    def nobody_who_said_no_is_written_to(self) -> None:
        for profile in self.having():
            for service, said_no in self.said_no.items():
                cause = suppression.cause(profile_id=profile.pk, address_key=ADDRESS, service_id=service)
                assert cause is not None or not said_no, (self.told, service)

    def nobody_who_was_erased_is_here(self) -> None:
        if erased_addresses.among([ADDRESS]):
            assert self.having() == [], self.told
            assert not SignUp.objects.filter(address_key=ADDRESS).exists(), self.told

    def is_erased(self) -> None:
        ids = [profile.pk for profile in self.having()]
        erasure = Erasure.objects.create(unit=root(), at=self.at, watched_until=self.at)
        erasing.wait_for_others([ADDRESS])
        erasing.forget(erasure, profile_ids=ids, keys=[ADDRESS])
        self.said_no = dict.fromkeys(self.said_no, True)

    def having(self) -> list[Profile]:
        return list(Profile.objects.filter(email_key=ADDRESS).order_by("pk"))

    def one(self) -> Profile:
        return self.random.choice(self.having() or [self.comes_in()])

    def comes_in(self) -> Profile:
        """By the door that files, forms and the desk have in common: who was erased comes in as somebody else."""
        is_erased = bool(erased_addresses.among([ADDRESS]))
        try:
            values = {"email": ADDRESS}
            with transaction.atomic():
                return people.create(values=values, unit=root(), by=self.importer)
        except erased_addresses.Erased:
            assert is_erased
            return ProfileFactory(email="somebody.else@example.com")

    def imported(self, header: str = "email", more: str = "", unit: OrganizationalUnit | None = None) -> None:
        content = f"{header}\n{ADDRESS}{more}\nbeside@example.com{more}\n".encode()
        importing = imports.register(
            name="a.csv", unit=unit or root(), by=self.importer, options=imports.Options()
        )
        imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(content))

    def imported_below(self) -> None:
        self.imported(unit=self.below)

    def imported_with_a_yes(self) -> None:
        self.imported("email,opt_in,no_email", ",yes,0")

    def another_gets_the_address(self) -> None:
        """Somebody who confirmed the services by an address of their own."""
        other = ProfileFactory()
        for service in self.services:
            subscribing.subscribe_confirmed(service=service, profile=other, origin=Origin(self.at, "mail"))
        try:
            with transaction.atomic():
                people.change(profile=other, values={"email": ADDRESS}, by=self.importer)
        except erased_addresses.Erased:
            assert erased_addresses.among([ADDRESS])

    def imported_with_a_no(self) -> None:
        self.imported()
        ids = sql.SQL("SELECT id, '' FROM audiences_profile WHERE id = {}").format(sql.Literal(self.one().pk))
        channel = self.random.choice(["email", "any"])
        consents.opt_out_many(profile_ids=ids, channel=channel, at=self.at, source="import")
        self.said_no = dict.fromkeys(self.said_no, True)

    def opts_out(self) -> None:
        consents.opt_out(profile_id=self.one().pk, channel="email", at=self.at, source="unsubscribe_link")
        self.said_no = dict.fromkeys(self.said_no, True)

    def asks(self) -> None:
        service = self.random.choice(self.services)
        sign_ups.ask(
            service=service, text=service.text, address=ADDRESS, language="en", network="", at=self.at
        )

    def takes_back(self) -> None:
        profile = self.one()
        sign_ups.ask_again(
            profile=profile, service=None, address=ADDRESS, language="en", network="", at=self.at
        )

    def confirms(self) -> None:
        waiting = (
            SignUp.objects.filter(confirmed_at=None, at__gt=self.at - timedelta(days=6)).order_by("?").first()
        )
        if waiting is not None:
            sign_ups.confirm(sign_up=waiting, network="", at=self.at)
            self.said_no[waiting.service_id] = False
            if waiting.service_id is None:  # of what they never had, the no went with that to all mail
                mine = Subscription.objects.filter(profile__email_key=ADDRESS)
                had = set(mine.values_list("service_id", flat=True))
                self.said_no |= dict.fromkeys(self.said_no.keys() - had, False)

    def leaves(self) -> None:
        service = self.random.choice(self.services)
        subscribing.leave(service=service, profile_id=self.one().pk, origin=Origin(self.at, "link"))
        if Subscription.objects.filter(service=service, profile__email_key=ADDRESS).exists():
            self.said_no[service.pk] = True

    def is_subscribed_by_others(self) -> None:
        ids = sql.SQL("SELECT id FROM audiences_profile")
        for service in self.services:
            subscribing.subscribe_many(service=service, profile_ids=ids, origin=Origin(self.at, "audience"))


def test_no_sequence_mails_somebody_who_said_no():
    double, single = ServiceFactory(), ServiceFactory(double_opt_in=False)
    for seed in range(SEQUENCES):
        with transaction.atomic():
            Life(Random(seed), double, single).lives()
            transaction.set_rollback(True)
