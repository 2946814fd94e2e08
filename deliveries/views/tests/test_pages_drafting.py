"""Making a delivery, its schedule, a copy of it, and deleting it."""

# ruff: noqa: DTZ001 - local times as people type them have no zone

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries.models import Delivery, ScheduleKind, Status
from deliveries.tests.factories import DeliveryFactory, audience_of
from deliveries.views.tests.drafts import fresh, url

pytestmark = pytest.mark.django_db


def test_one_page_makes_a_delivery_and_leads_to_its_content(unit, preparer, client):
    audience = audience_of(unit, 2)
    year = clock.now().year + 1

    answer = client.post(
        reverse("deliveries:create"),
        {
            "label": "Spring",
            "unit": unit.pk,
            "audience": audience.pk,
            "schedule_kind": "at_date",
            "date": f"{year}-04-01T14:00",
            "time_zone": "America/Sao_Paulo",
        },
    )

    delivery = Delivery.objects.get()
    assert answer["Location"] == url("content", delivery)
    assert (delivery.label, delivery.unit, delivery.audience, delivery.created_by) == (
        "Spring",
        unit,
        audience,
        preparer,
    )
    assert delivery.contact_date == datetime(year, 4, 1, 17, 0, tzinfo=UTC)


def test_a_label_and_a_unit_are_enough(unit, preparer, client):
    client.post(reverse("deliveries:create"), {"label": "Later", "unit": unit.pk, "time_zone": "UTC"})

    assert Delivery.objects.get().schedule_kind == ScheduleKind.UNSET


def test_only_units_where_one_prepares_are_offered(unit, preparer, client):
    elsewhere = UnitFactory(label="Elsewhere")

    page = client.get(reverse("deliveries:create")).content.decode()
    client.post(reverse("deliveries:create"), {"label": "X", "unit": elsewhere.pk, "time_zone": "UTC"})

    assert "Elsewhere" not in page
    assert not Delivery.objects.exists()


def test_the_audience_is_counted_in_words_as_it_is_chosen(unit, preparer, client):
    ProfileFactory.create_batch(3, unit=unit, city="Santos")
    audience = AudienceFactory(unit=unit, rule={"field": "city", "is": "equal", "value": "Santos"})

    fragment = client.get(reverse("deliveries:count"), {"audience": audience.pk}).content.decode()

    assert "Santos" in fragment
    assert '<strong class="num">3</strong>' in fragment


def test_an_audience_elsewhere_is_not_counted(unit, preparer, client):
    elsewhere = AudienceFactory(unit=UnitFactory())

    assert (
        "Profiles now"
        not in client.get(reverse("deliveries:count"), {"audience": elsewhere.pk}).content.decode()
    )


class TestTheCountOfADraft:
    @pytest.fixture
    def draft(self, unit, preparer):
        ProfileFactory.create_batch(3, unit=unit, city="Santos")
        ProfileFactory(unit=UnitFactory(), city="Santos")
        rule = {"field": "city", "is": "equal", "value": "Santos"}
        return DeliveryFactory(unit=unit, audience=AudienceFactory(unit=root(), rule=rule))

    @pytest.mark.parametrize("name", ["audience", "dashboard"])
    def test_it_follows_its_page(self, draft, client, name):
        page = client.get(url(name, draft)).content.decode()

        assert f'hx-get="{reverse("deliveries:count")}?delivery={draft.pk}"' in page
        assert '<strong class="num">3</strong>' not in page

    @pytest.mark.parametrize("name", ["audience", "dashboard"])
    def test_it_is_there_at_once_for_whoever_asks_for_it(self, draft, client, name):
        page = client.get(url(name, draft), {"counts": "1"}).content.decode()

        assert '<strong class="num">3</strong>' in page
        assert f'hx-get="{reverse("deliveries:count")}?delivery={draft.pk}" hx-trigger="load"' not in page

    def test_people_under_its_unit_are_counted_alone(self, draft, client):
        own = client.get(reverse("deliveries:count"), {"delivery": draft.pk}).content.decode()
        chosen = {"delivery": draft.pk, "audience": draft.audience_id}
        named = client.get(reverse("deliveries:count"), chosen).content.decode()

        assert '<strong class="num">3</strong>' in own
        assert '<strong class="num">3</strong>' in named
        assert f"?audience={draft.audience_id}&amp;unit={draft.unit_id}" in named

    def test_of_a_delivery_that_one_may_not_see_there_is_none(self, draft, client):
        elsewhere = DeliveryFactory(unit=UnitFactory())

        assert client.get(reverse("deliveries:count"), {"delivery": elsewhere.pk}).status_code == 404


class TestSchedule:
    def post(self, client, delivery, **values):
        values = {"schedule_kind": "at_date", "time_zone": "America/New_York"} | values
        return client.post(url("schedule", delivery), values, follow=True).content.decode()

    def next_change(self, month):
        """The next Sunday on which New York changes its clocks: second of March, first of November."""
        year = clock.now().year + 1
        first = datetime(year, month, 1)
        sunday = first + timedelta(days=(6 - first.weekday()) % 7)
        return sunday + timedelta(days=7) if month == 3 else sunday

    def test_at_a_date_in_a_zone(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        year = clock.now().year + 1

        self.post(client, delivery, date=f"{year}-07-01T09:30")

        delivery = fresh(delivery)
        assert delivery.contact_date == datetime(year, 7, 1, 13, 30, tzinfo=UTC)
        assert delivery.time_zone == "America/New_York"
        assert "09:30" in client.get(url("dashboard", delivery)).content.decode()

    def test_at_a_local_hour(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        year = clock.now().year + 1

        self.post(
            client, delivery, schedule_kind="local_hour", date=f"{year}-07-01T09:30", past_choice="leave_out"
        )

        delivery = fresh(delivery)
        assert (delivery.local_date.isoformat(), f"{delivery.local_hour:%H:%M}") == (f"{year}-07-01", "09:30")
        assert (delivery.past_choice, delivery.time_zone) == ("leave_out", "America/New_York")
        shown = client.get(url("dashboard", delivery)).content.decode()
        assert (
            "at 09:30 in each recipient&#x27;s time zone; America/New York for those without one; whose hour has passed: leave them out"
            in shown
        )

    def test_in_waves(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        self.post(
            client, delivery, schedule_kind="waves", wave_start="at_once", wave_by="share", wave_value="25",
            wave_minutes="30", wave_limit="2.5",
        )  # fmt: skip

        shown = client.get(url("dashboard", delivery)).content.decode()
        assert "In waves of 25%, 30 minutes apart" in shown
        assert "held above 2.5% bounces and errors" in shown
        assert 'value="25"' in client.get(url("schedule", delivery)).content.decode()

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"schedule_kind": "local_hour", "date": "2020-01-01T09:00"}, "This hour has passed everywhere"),
            ({"schedule_kind": "local_hour", "date": ""}, "Say the date and the time"),
            ({"schedule_kind": "waves", "wave_by": "number", "wave_minutes": "5"}, "Say a number"),
            (
                {"schedule_kind": "waves", "wave_by": "share", "wave_value": "101", "wave_minutes": "5"},
                "A share is 100 percent at most",
            ),
        ],
    )
    def test_what_is_missing_of_it_is_said_at_its_field(self, unit, preparer, client, values, words):
        delivery = DeliveryFactory(unit=unit)

        assert words in self.post(client, delivery, **values)
        assert fresh(delivery).schedule_kind == ScheduleKind.AT_ONCE

    def test_a_time_that_the_clocks_skip_is_refused_with_a_sentence(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        page = self.post(client, delivery, date=f"{self.next_change(3):%Y-%m-%d}T02:30")

        assert "jump from 02:00 to 03:00: 02:30 does not exist there" in page
        assert fresh(delivery).schedule_kind == ScheduleKind.AT_ONCE

    def test_of_a_time_that_comes_twice_the_first_is_taken_and_said(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        page = self.post(client, delivery, date=f"{self.next_change(11):%Y-%m-%d}T01:30")

        assert "it comes twice" in page
        assert fresh(delivery).contact_date.hour == 5

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({}, "Say the date and the time"),
            ({"date": "2020-01-01T10:00"}, "This moment has passed"),
            ({"date": "9999-12-31T23:59"}, "Choose a date that calendars know"),
            ({"date": "tomorrow"}, "Enter a valid date/time"),
            ({"date": "2040-01-01T10:00", "time_zone": "Mars/Base"}, "Select a valid choice"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, values, words, unit, preparer, client):
        assert words in self.post(client, DeliveryFactory(unit=unit), **values)

    def test_a_new_time_keeps_what_was_prepared_and_says_what_is_asked_again(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit, ready=True)

        page = self.post(client, delivery, date=f"{clock.now().year + 1}-07-01T09:30")

        assert "the new time must be approved and confirmed" in page
        assert fresh(delivery).status == Status.AWAITING_APPROVAL


def test_a_looser_approval_than_the_units_is_refused_with_the_reason(unit, preparer, client):
    delivery = DeliveryFactory(unit=unit)
    values = {"label": "X", "unit": unit.pk, "validity_hours": 5, "approval_policy": "none"}

    page = client.post(url("edit", delivery), values).content.decode()

    assert "a delivery can only be stricter" in page
    assert fresh(delivery).label != "X"


def test_what_is_on_its_way_can_not_be_edited(unit, preparer, client):
    delivery = DeliveryFactory(unit=unit, scheduled=True)

    names = ("edit", "audience", "schedule", "content", "delete")
    answers = [client.get(url(name, delivery), follow=True) for name in names]
    answers.append(client.post(url("content", delivery), {"subject": "X"}, follow=True))

    for answer in answers:
        assert answer.redirect_chain == [(url("dashboard", delivery), 302)]
        assert "it can&#x27;t be changed" in answer.content.decode()
    assert fresh(delivery).contents.count() == 1


def test_a_copy_has_everything_but_a_date(unit, preparer, client):
    delivery = DeliveryFactory(unit=unit, finished=True)

    client.post(url("duplicate", delivery))

    copy = Delivery.objects.latest("pk")
    assert (copy.copied_from, copy.audience, copy.schedule_kind) == (
        delivery,
        delivery.audience,
        ScheduleKind.UNSET,
    )
    assert "Choose when it leaves" in client.get(url("dashboard", copy)).content.decode()


def test_delete_asks_first(unit, preparer, client):
    delivery = DeliveryFactory(unit=unit, ready=True)

    assert "Delete “" in client.get(url("delete", delivery)).content.decode()
    client.post(url("delete", delivery))

    assert not Delivery.objects.exists()
