"""Making a delivery, its schedule, its content, its preview, proofs."""

# ruff: noqa: DTZ001 - local times as people type them have no zone

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.tests.factories import UnitFactory
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory, TestProfileFactory
from campaign.lib import clock
from deliveries.models import Content, Delivery, Proof, ScheduleKind, Status
from deliveries.proofs import previews
from deliveries.tests.factories import CONTENT, DeliveryFactory, audience_of, person
from deliveries.tests.zips import PNG, a_zip

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit():
    return UnitFactory()


@pytest.fixture
def preparer(unit, client):
    preparer = person("prepare", unit)
    client.force_login(preparer)
    return preparer


def url(name, delivery):
    return reverse(f"deliveries:{name}", args=[delivery.pk])


def fresh(delivery):
    return Delivery.objects.get(pk=delivery.pk)


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
            "at 09:30 in each recipient&#x27;s time zone; America/New_York for those without one; whose hour has passed: leave them out"
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


class TestContent:
    def test_each_save_that_changes_something_is_a_version(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        client.post(url("content", delivery), CONTENT | {"subject": "Other"})
        client.post(url("content", delivery), CONTENT | {"subject": "Other"})

        assert [version.number for version in fresh(delivery).contents.all()] == [2, 1]
        assert fresh(delivery).content.subject == "Other"

    def test_line_ends_as_browsers_post_them_make_no_version(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        client.post(url("content", delivery), CONTENT | {"html": CONTENT["html"].replace("\n", "\r\n")})

        assert fresh(delivery).contents.count() == 1

    def test_nobody_overwrites_unseen_what_a_colleague_saved(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        client.post(url("content", delivery), CONTENT | {"subject": "Theirs", "base": 1})

        warned = client.post(
            url("content", delivery), CONTENT | {"subject": "Mine", "base": 1}
        ).content.decode()
        client.post(url("content", delivery), CONTENT | {"subject": "Mine", "base": 2})

        assert "Version 2 was saved by" in warned
        assert 'value="Mine"' in warned
        assert 'name="base" value="2"' in warned
        assert fresh(delivery).content.subject == "Mine"

    def test_an_earlier_version_is_taken_up_again(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        client.post(url("content", delivery), CONTENT | {"subject": "Second thoughts"})

        page = client.get(url("content", delivery), {"version": 1}).content.decode()

        assert 'value="News for' in page
        assert client.get(url("content", delivery), {"version": 9}).status_code == 404

    def test_a_draft_may_be_incomplete_and_its_findings_stand_beside_it(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        page = client.post(url("content", delivery), {"html": "<p>Hello</p>"}, follow=True).content.decode()

        assert "There is no subject." in page
        assert "There is no unsubscribe link" in page

    def test_every_field_can_be_inserted(self, unit, preparer, client):
        AttributeFactory(name="segment", label="Segment")

        page = client.get(url("content", DeliveryFactory(unit=unit))).content.decode()

        assert 'data-insert="{{ profile.first_name }}"' in page
        assert 'data-insert="{{ profile.segment }}"' in page
        assert 'data-insert="{{ unsubscribe_url }}"' in page

    def test_a_zip_is_taken_in_with_its_pictures(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        zipped = a_zip({"index.html": '<img src="images/a.png">', "images/a.png": PNG, "x.exe": b"MZ"})
        file = SimpleUploadedFile("news.zip", zipped.getvalue())

        page = client.post(url("upload", delivery), {"file": file}, follow=True).content.decode()

        assert "holds the page, with 1 picture." in page
        assert "x.exe" in page
        assert fresh(delivery).assets.get().sha256[:12] in fresh(delivery).content.html

    def test_a_file_that_is_no_page_is_refused_with_the_cause(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        page = client.post(url("upload", delivery), {"file": SimpleUploadedFile("a.exe", b"MZ")}, follow=True)
        none = client.post(url("upload", delivery), {})

        assert "choose an .html file" in page.content.decode()
        assert none.status_code == 422
        assert fresh(delivery).contents.count() == 1

    def test_what_stands_in_the_editor_is_previewed_unsaved(self, unit, preparer, client):
        TestProfileFactory(unit=unit, values={"first_name": "Ana"})
        delivery = DeliveryFactory(unit=unit)

        parts = CONTENT | {"html": CONTENT["html"].replace("Hello", "Ola")}
        fragment = client.post(url("preview", delivery), parts).content.decode()
        frame = client.post(url("frame", delivery), parts)

        assert f'data-posts="{url("frame", delivery)}"' in fragment
        assert "<html lang" not in fragment
        assert "Ola Ana" in frame.content.decode()
        assert frame["Content-Security-Policy"].startswith("sandbox;")
        assert fresh(delivery).contents.count() == 1

    @pytest.mark.parametrize(
        "html", ["{{", "{% for %}", "{{ profile }}", "{% if a %}", "<a href='{{ x }}'>y</a>", "\x00"]
    )
    def test_whatever_is_typed_never_breaks_the_preview(self, html, unit, preparer, client):
        answer = client.post(url("preview", DeliveryFactory(unit=unit)), {"html": html})

        assert answer.status_code == 200


class TestPreview:
    def test_for_a_profile_by_number_external_id_or_address(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        profile = ProfileFactory(unit=unit, first_name="Zuleica", external_id="C-77", email="z@example.com")

        pages = [
            client.get(url("preview", delivery), {"profile": who})
            for who in (profile.pk, "C-77", "Z@example.com")
        ]

        assert all("News for Zuleica" in page.content.decode() for page in pages)

    def test_not_for_a_profile_elsewhere(self, unit, preparer, client):
        profile = ProfileFactory(unit=UnitFactory(), first_name="Zuleica")

        page = client.get(
            url("preview", DeliveryFactory(unit=unit)), {"profile": profile.pk}
        ).content.decode()

        assert "Zuleica" not in page
        assert "No profile with the number" in page

    def test_for_a_prepared_recipient_it_is_what_was_sealed(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit, ready=True)
        row = delivery.messages.order_by("seq").first()
        from audiences.models import Profile

        before = Profile.objects.get(pk=row.profile_id).first_name
        Profile.objects.filter(pk=row.profile_id).update(first_name="Changed")

        frame = client.get(url("frame", delivery), {"seq": row.seq}).content.decode()

        assert f"Hello {before}," in frame
        assert "Changed" not in frame

    def test_the_frame_runs_nothing_and_counts_nothing(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit, ready=True)

        answer = client.get(url("frame", delivery), {"seq": 1})

        policy = answer["Content-Security-Policy"]
        assert policy.startswith("sandbox;")
        assert "default-src 'none'" in policy
        assert "/o/" not in answer.content.decode()
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        page = client.get(url("preview", delivery), {"seq": 1}).content.decode()
        assert page.count("<iframe sandbox ") == 2

    def test_markup_in_a_value_stays_text(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        profile = ProfileFactory(unit=unit, first_name="<script>alert(1)</script>")

        page = client.get(url("preview", delivery), {"profile": profile.pk}).content.decode()
        frame = client.get(url("frame", delivery), {"profile": profile.pk}).content.decode()

        assert "<script>alert" not in page
        assert "<script>alert" not in frame

    @pytest.mark.parametrize("query", [{"seq": 99}, {"version": 99}, {"test": 99}, {"seq": "x"}])
    def test_who_is_not_there_is_not_found(self, query, unit, preparer, client):
        assert client.get(url("preview", DeliveryFactory(unit=unit, ready=True)), query).status_code == 404

    def test_a_draft_shows_before_it_is_complete(self, unit):
        delivery = DeliveryFactory(unit=unit)
        content = Content(delivery=delivery, html="<p>Hello {{ profile.first_name }}</p>")

        shown = previews.preview(delivery=delivery, content=content, values={"first_name": "Ana"})

        assert "Hello Ana" in shown.html
        assert {finding.code for finding in shown.errors} == {
            "empty_subject",
            "invalid_sender",
            "no_unsubscribe_link",
        }

    def test_it_is_what_the_send_renders(self, unit):
        from deliveries.rendering import sealed_renderer

        delivery = DeliveryFactory(unit=unit, ready=True)
        row = delivery.messages.order_by("seq").first()

        shown = previews.preview(delivery=delivery, message=row)

        made = sealed_renderer(delivery)
        assert shown.subject == made.subject(values=row.values)
        assert shown.text == made.text(seq=None, values=row.values)


class TestProof:
    def test_goes_to_the_chosen_test_profiles(self, unit, preparer, client):
        test = TestProfileFactory(unit=unit)
        delivery = DeliveryFactory(unit=unit)

        page = client.post(
            url("proof", delivery), {"test_profiles": [test.pk], "prefix": "[Try]"}, follow=True
        )

        proof = Proof.objects.get()
        assert "Proof 1 is on its way" in page.content.decode()
        assert (proof.prefix, proof.messages.get().address) == ("[Try]", test.email)
        assert "[Try]" not in client.get(url("proof", delivery)).content.decode()

    def test_can_be_filled_with_a_profiles_values(self, unit, preparer, client):
        test, profile = TestProfileFactory(unit=unit), ProfileFactory(unit=unit, first_name="Zuleica")

        client.post(
            url("proof", DeliveryFactory(unit=unit)), {"test_profiles": [test.pk], "profile": profile.pk}
        )

        assert Proof.objects.get().messages.get().values["first_name"] == "Zuleica"

    def test_a_test_profile_elsewhere_is_none(self, unit, preparer, client):
        elsewhere = TestProfileFactory(unit=UnitFactory())

        client.post(url("proof", DeliveryFactory(unit=unit)), {"test_profiles": [elsewhere.pk]})

        assert not Proof.objects.exists()


def test_the_upload_is_read_as_a_stream_of_bytes(unit, preparer, client):
    page = BytesIO(b"<p>Hi</p>")
    page.name = "a.html"
    delivery = DeliveryFactory(unit=unit)

    client.post(url("upload", delivery), {"file": page})

    assert fresh(delivery).content.html == "<p>Hi</p>"
