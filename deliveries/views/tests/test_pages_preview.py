"""A preview for one recipient, and proofs."""

import pytest

from accounts.tests.factories import UnitFactory
from audiences.models import Profile
from audiences.tests.factories import ProfileFactory, TestProfileFactory
from deliveries.models import Content, Proof
from deliveries.proofs import previews
from deliveries.rendering import sealed_renderer
from deliveries.tests.factories import DeliveryFactory
from deliveries.views import whose
from deliveries.views.tests.drafts import url

pytestmark = pytest.mark.django_db


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
        assert "Nobody is found by the number" in page

    def test_people_are_found_by_name_and_gone_through_one_by_one(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        souzas = [
            ProfileFactory(unit=unit, first_name=name, last_name="Souza") for name in ("Ana", "Bia", "Caio")
        ]
        ProfileFactory(unit=UnitFactory(), first_name="Zeca", last_name="Souza")

        page, names = client.get(url("preview", delivery), {"profile": "SOUZA"}), []
        while True:
            names.append(page.context["preview"].subject)
            following = page.context["who"].following
            if not following:
                break
            page = client.get(f"{url('preview', delivery)}?{following}")

        assert names == [f"News for {souza.first_name}" for souza in reversed(souzas)]
        assert f"profile={souzas[1].pk}" in page.context["who"].previous
        assert [one.first_name for one in page.context["who"].found] == ["Caio", "Bia", "Ana"]

    def test_without_a_search_one_goes_through_the_audience(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit, recipients=2)
        ProfileFactory(unit=unit)

        first = client.get(
            f"{url('preview', delivery)}?{client.get(url('preview', delivery)).context['who'].following}"
        )
        second = client.get(f"{url('preview', delivery)}?{first.context['who'].following}")

        assert {first.context["who"].profile, second.context["who"].profile} == {
            member.profile for member in delivery.audience.members.all()
        }
        assert second.context["who"].following == ""

    def test_for_a_prepared_recipient_it_is_what_was_sealed(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit, ready=True)
        row = delivery.messages.order_by("seq").first()
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

    def test_many_test_profiles_are_one_list_to_choose_from(self, unit, preparer, client, monkeypatch):
        monkeypatch.setattr(whose, "MOST_OFFERED", 3)
        tests = [TestProfileFactory(unit=unit, label=f"Inbox {n}") for n in range(5)]
        TestProfileFactory(unit=UnitFactory(), label="Elsewhere")
        delivery = DeliveryFactory(unit=unit)

        chosen = client.get(url("preview", delivery), {"test": tests[1].pk}).content.decode()
        typed = client.get(url("preview", delivery), {"profile": "inbox 4"}).content.decode()
        elsewhere = client.get(url("preview", delivery), {"profile": "Elsewhere"}).content.decode()

        assert chosen.count("<option") == 3
        assert f'<option value="{tests[1].pk}" selected>Inbox 1</option>' in chosen
        assert "These are the first 3 test profiles" in chosen
        assert "As Inbox 4 gets it" in typed
        assert "Nobody is found by the number" in elsewhere

    @pytest.mark.parametrize("query", [{"seq": 99}, {"version": 99}, {"test": 99}, {"seq": "x"}])
    def test_who_is_not_there_is_not_found(self, query, unit, preparer, client):
        assert client.get(url("preview", DeliveryFactory(unit=unit, ready=True)), query).status_code == 404

    def test_a_draft_shows_before_it_is_complete(self, unit):
        delivery = DeliveryFactory(unit=unit)
        draft = Content(delivery=delivery, html="<p>Hello {{ profile.first_name }}</p>")

        shown = previews.preview(delivery=delivery, content=draft, values={"first_name": "Ana"})

        assert "Hello Ana" in shown.html
        assert {finding.code for finding in shown.errors} == {
            "empty_subject",
            "invalid_sender",
            "no_unsubscribe_link",
        }

    def test_it_is_what_the_send_renders(self, unit):
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
