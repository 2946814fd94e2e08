"""Whatever happens to an address in whatever order, no delivery mails whoever reads it once they said no.

By the doors that people use, with deliveries that were prepared before, and sent to a relay that counts.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random

import pytest
from django.db import transaction
from psycopg import sql

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import imports
from audiences.consent import address_opt_outs, sign_ups
from audiences.models import Profile, Service, SignUp, Subscription
from audiences.profiles import people
from audiences.quarantine import erased_addresses
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from audiences.tests.factories import AudienceFactory, ProfileFactory, ServiceFactory
from campaign.lib import clock
from deliveries.ledger import deleting
from deliveries.models import Delivery, Message, Status
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.relay import Relay, relay_running
from deliveries.tests.sends import send
from feedback.tests.factories import PromptReader, link
from reporting.persons import erasing

pytestmark = pytest.mark.django_db(transaction=True)
LIVES, LENGTH, BESIDE = 12, 12, "beside@example.com"


@pytest.fixture
def relay(tmp_path, settings) -> Iterator[Relay]:
    settings.FEEDBACK_FOLDER = tmp_path / "feedback"
    with relay_running(tmp_path / "relay.sqlite3") as running:
        settings.RELAY_URL = running.url
        yield running
    clock.set_offset(timedelta())


class House:
    """What all lives have in common: services, a unit beside, somebody who gets everything."""

    def __init__(self, relay: Relay) -> None:
        self.relay, self.reader, self.days = relay, PromptReader(), 0
        self.double, self.single = ServiceFactory(), ServiceFactory(double_opt_in=False)
        self.below = UnitFactory(parent=root())
        self.by = UserFactory(roles={"administration": root(), "import": root()})
        beside = ProfileFactory(email=BESIDE)
        for service in self.services:
            subscribing.subscribe_confirmed(
                service=service, profile=beside, origin=Origin(clock.now(), "test")
            )

    def a_day_passes(self) -> None:
        self.days += 1
        clock.set_offset(timedelta(days=self.days, minutes=self.days))

    @property
    def services(self) -> list[Service]:
        return [self.double, self.single]


class Life:
    """What happens to one address, and what its reader said last: of each service, and of mail in general (None)."""

    def __init__(self, house: House, number: int) -> None:
        self.house, self.random = house, Random(number)
        self.address = f"reader.{number}@example.com"
        self.no: dict[int | None, bool] = dict.fromkeys([None, *(one.pk for one in house.services)], False)
        self.waiting: list[Delivery] = []
        self.sent: list[tuple[Delivery, int]] = []
        self.told: list[str] = []

    def lives(self) -> None:
        deeds: list[Callable[[], None]] = [
            self.is_imported, self.is_imported_below, self.a_file_says_yes, self.a_file_says_no, self.signs_up,
            self.confirms, self.confirms, self.leaves_by_one_click, self.leaves_by_one_click, self.takes_back,
            self.an_administrator_notes_a_no, self.is_subscribed_by_others, self.is_erased, self.another_gets_the_address,
            self.is_moved_below, self.rows_go_by_retention, self.is_prepared, self.is_prepared, self.is_sent,
            self.is_sent, self.is_sent,
        ]  # fmt: skip
        for _day in range(LENGTH):
            self.house.a_day_passes()
            deed = self.random.choice(deeds)
            self.told.append(deed.__name__)
            deed()
        self.is_prepared()
        self.is_sent()

    # -- what is sent

    def is_prepared(self) -> None:
        service = self.random.choice([None, *self.house.services])
        audience = AudienceFactory(rule={"all": []})
        self.waiting.append(DeliveryFactory(scheduled=True, audience=audience, service=service))

    def is_sent(self) -> None:
        for delivery in self.waiting:
            before = Counter(self.house.relay.recipients())
            send(delivery)
            got = Counter(self.house.relay.recipients()) - before
            assert delivery.status == Status.FINISHED, self.told
            assert got[BESIDE] == 1, self.told
            if self.no[delivery.service_id]:
                assert self.address not in got, (self.told, delivery.service_id)
            if self.address in got:
                rows = Message.objects.filter(delivery=delivery, address=self.address)
                self.sent += [(delivery, seq) for seq in rows.values_list("seq", flat=True)]
        self.waiting = []

    def rows_go_by_retention(self) -> None:
        for delivery, _seq in self.sent:
            deleting.delete_recipients(delivery.pk)

    # -- what others do

    def having(self) -> list[Profile]:
        return list(Profile.objects.filter(email_key=self.address).order_by("pk"))

    def bring(self, content: str, **more) -> None:
        more = {"unit": root(), **more}
        importing = imports.register(name="a.csv", by=self.house.by, options=imports.Options(), **more)
        done = imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(content.encode()))
        assert done.status == "done"

    def is_imported(self) -> None:
        self.bring(f"email\n{self.address.upper()}\n")

    def is_imported_below(self) -> None:
        self.bring(f"email\n{self.address}\n", unit=self.house.below)

    def a_file_says_yes(self) -> None:
        unit = self.random.choice([root(), self.house.below])
        self.bring(f"email,opt_in,consent_at\n{self.address},yes,2030-01-01\n", unit=unit)

    def a_file_says_no(self) -> None:
        self.bring(f"email,no_email\n{self.address},1\n")
        if self.having():
            self.says_no()

    def is_subscribed_by_others(self) -> None:
        for service in self.house.services:
            ids = sql.SQL("SELECT id FROM audiences_profile")
            subscribing.subscribe_many(
                service=service, profile_ids=ids, origin=Origin(clock.now(), "audience")
            )

    def an_administrator_notes_a_no(self) -> None:
        channel = self.random.choice(["email", "any"])
        address_opt_outs.opt_out(
            address=self.address, channel=channel, at=clock.now(), by=self.house.by, source="desk"
        )
        self.says_no()

    def another_gets_the_address(self) -> None:
        """Somebody who confirmed by their own address gets this one."""
        other = ProfileFactory(email=f"other.{self.random.random()}@example.com")
        for service in self.house.services:
            subscribing.subscribe_confirmed(
                service=service, profile=other, origin=Origin(clock.now(), "confirmed_by_mail")
            )
        try:
            with transaction.atomic():
                people.change(profile=other, values={"email": self.address}, by=self.house.by)
        except erased_addresses.Erased:
            assert erased_addresses.among([self.address])

    def is_moved_below(self) -> None:
        Profile.objects.filter(email_key=self.address).update(unit=self.house.below)

    def is_erased(self) -> None:
        try:
            whom = erasing.find(self.address, by=self.house.by)
        except erasing.NoSuchPerson:
            return
        erasing.erase(whom, confirmed=whom.word, by=self.house.by, at=clock.now())
        assert self.having() == []
        self.says_no()

    # -- what the reader does

    def says_no(self) -> None:
        self.no = dict.fromkeys(self.no, True)

    def signs_up(self) -> None:
        service = self.random.choice(self.house.services)
        sign_ups.ask(
            service=service,
            text=service.text,
            address=self.address,
            language="en",
            network="",
            at=clock.now(),
        )

    def takes_back(self) -> None:
        for profile in self.having()[:1]:
            sign_ups.ask_again(
                profile=profile, service=None, address=self.address, language="en", network="", at=clock.now()
            )

    def confirms(self) -> None:
        waiting = SignUp.objects.filter(confirmed_at=None, address_key=self.address)
        for sign_up in waiting.order_by("-pk")[:1]:
            try:
                sign_ups.confirm(sign_up=sign_up, network="", at=clock.now())
            except sign_ups.NoLongerOpen:
                continue
            self.no[sign_up.service_id] = False
            if sign_up.service_id is None:  # of what they never had, the no went with that to all mail
                mine = Subscription.objects.filter(profile__email_key=self.address)
                had = set(mine.values_list("service_id", flat=True))
                self.no |= dict.fromkeys(self.no.keys() - had, False)

    def leaves_by_one_click(self) -> None:
        """By the link of a message that they got, be its row here or not."""
        if not self.sent:
            return
        delivery, seq = self.random.choice(self.sent)
        whose = Profile.objects.filter(email_key=self.address).exists()
        answer = self.house.reader.post(link(delivery, "u", seq=seq), {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        if whose and delivery.service_id is None:
            self.says_no()
        elif whose:
            self.no[delivery.service_id] = True


def test_nobody_who_said_no_is_mailed(relay):
    house = House(relay)
    for number in range(LIVES):
        Life(house, number).lives()
