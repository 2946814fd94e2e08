"""The desk for profiles, audiences, quarantine and imports: every change by its verb."""

from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, OrganizationalUnit
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Audience, Import, Profile, Quarantine, TestProfile
from audiences.quarantine import suppression
from audiences.tests.factories import AudienceFactory, ProfileFactory, TestProfileFactory
from campaign.lib import clock

pytestmark = pytest.mark.django_db


def desk(role: str, unit: OrganizationalUnit) -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, home_unit=unit, roles={role: unit}))
    return client


def test_a_profile_is_made_and_changed_by_importers(unit: OrganizationalUnit) -> None:
    importer, url = desk("import", unit), "/admin/audiences/profile/"
    posted = {"unit": unit.pk, "external_id": "C1", "email": "Rita@Example.com", "attributes": "{}"}

    importer.post(f"{url}add/", posted)
    profile = Profile.objects.get()
    assert (profile.email_key, profile.email_state) == ("rita@example.com", "good")

    importer.post(f"{url}{profile.pk}/change/", posted | {"email": "nobody"})
    profile.refresh_from_db()
    assert (profile.email_key, profile.email_state) == ("", "malformed")


def test_a_profile_without_address_and_phone_is_refused_at_its_field(unit: OrganizationalUnit) -> None:
    posted = {"unit": unit.pk, "first_name": "Rita", "attributes": "{}"}

    answer = desk("import", unit).post("/admin/audiences/profile/add/", posted)

    assert answer.context["adminform"].form.errors.keys() == {"email"}
    assert not Profile.objects.exists()


def test_profiles_elsewhere_are_not_shown(unit: OrganizationalUnit) -> None:
    hidden = ProfileFactory(unit=UnitFactory(), email="hidden@example.com")
    importer = desk("import", unit)

    assert hidden.email not in importer.get("/admin/audiences/profile/").content.decode()
    assert importer.get(f"/admin/audiences/profile/{hidden.pk}/change/").status_code == 302
    assert (
        importer.post(f"/admin/audiences/profile/{hidden.pk}/consent/", {"channel": "email"}).status_code
        == 404
    )


def test_profiles_are_found_by_any_part(unit: OrganizationalUnit) -> None:
    ProfileFactory(unit=unit, first_name="Inês", email="ines@example.com")
    ProfileFactory(unit=unit, email="other@example.com")

    page = desk("import", unit).get("/admin/audiences/profile/", {"q": "ines"}).content.decode()

    assert "ines@example.com" in page
    assert "other@example.com" not in page


def test_a_wish_is_noted_through_consents(unit: OrganizationalUnit) -> None:
    profile, preparer = ProfileFactory(unit=unit), desk("prepare", unit)
    url = f"/admin/audiences/profile/{profile.pk}/consent/"

    preparer.post(url, {"channel": "email", "wish": "out"})
    profile.refresh_from_db()
    assert profile.no_email
    assert profile.consents.count() == 1

    preparer.post(url, {"channel": "email", "wish": "in"})
    profile.refresh_from_db()
    assert not profile.no_email
    assert preparer.get(url).status_code == 405


def test_who_may_not_note_a_wish_is_refused(unit: OrganizationalUnit) -> None:
    profile = ProfileFactory(unit=unit)

    answer = desk("export", unit).post(
        f"/admin/audiences/profile/{profile.pk}/consent/", {"channel": "email", "wish": "out"}
    )

    assert answer.status_code == 403
    assert AuditEvent.objects.filter(refused=True).exists()


def test_an_audience_is_made_by_rule_or_as_a_list(unit: OrganizationalUnit) -> None:
    ProfileFactory(unit=unit, email="rita@example.com")
    preparer, url = desk("prepare", unit), "/admin/audiences/audience/add/"
    rule = '{"field": "city", "is": "equal", "value": "Recife"}'

    preparer.post(url, {"label": "Recife", "unit": unit.pk, "kind": "rule", "rule": rule})
    preparer.post(
        url, {"label": "Friends", "unit": unit.pk, "kind": "list", "rule": "{}", "pasted": "rita@example.com"}
    )

    assert Audience.objects.get(label="Recife").rule["value"] == "Recife"
    assert Audience.objects.get(label="Friends").members.count() == 1


def test_a_rule_that_makes_no_sense_is_an_error_of_the_form(unit: OrganizationalUnit) -> None:
    posted = {
        "label": "x",
        "unit": unit.pk,
        "kind": "rule",
        "rule": '{"field": "shoe", "is": "equal", "value": 1}',
    }

    answer = desk("prepare", unit).post("/admin/audiences/audience/add/", posted)

    assert "can&#x27;t be used" in answer.content.decode() or "can’t be used" in answer.content.decode()
    assert not Audience.objects.exists()


def test_an_audience_is_changed_and_deleted_by_its_verbs(unit: OrganizationalUnit) -> None:
    audience, preparer = AudienceFactory(unit=unit, label="Old"), desk("prepare", unit)
    url = f"/admin/audiences/audience/{audience.pk}/"
    assert preparer.get(f"{url}change/").status_code == 200

    preparer.post(f"{url}change/", {"label": "New", "rule": '{"all": []}'})
    audience.refresh_from_db()
    assert audience.label == "New"

    preparer.post(f"{url}delete/", {"post": "yes"})
    assert not Audience.objects.exists()
    assert AuditEvent.objects.filter(action="delete_audience").exists()


def test_who_may_not_change_reads(unit: OrganizationalUnit) -> None:
    audience, reader = AudienceFactory(unit=unit), desk("export", unit)
    url = f"/admin/audiences/audience/{audience.pk}/change/"

    assert reader.get(url).status_code == 200
    assert reader.post(url, {"label": "x"}).status_code == 403


def test_test_profiles_are_saved_by_their_verb(unit: OrganizationalUnit) -> None:
    preparer, url = desk("prepare", unit), "/admin/audiences/testprofile/"

    preparer.post(f"{url}add/", {"label": "Phone", "unit": unit.pk, "email": "a@example.com", "values": "{}"})
    test = TestProfile.objects.get()
    preparer.post(f"{url}{test.pk}/change/", {"label": "Tablet", "email": "a@example.com", "values": "{}"})

    test.refresh_from_db()
    assert test.label == "Tablet"


def test_an_address_is_held_by_hand_and_released(unit: OrganizationalUnit) -> None:
    administrator, local = desk("administration", root()), desk("administration", unit)
    url = "/admin/audiences/quarantine/"

    assert local.post(f"{url}add/", {"address_key": "x@example.com"}).status_code == 403
    administrator.post(f"{url}add/", {"address_key": "X@Example.com", "error_text": "complained"})
    entry = Quarantine.objects.get()
    assert (entry.address_key, entry.status) == ("x@example.com", "quarantine")
    assert administrator.get(f"{url}{entry.pk}/change/").status_code == 200

    assert local.post(f"{url}{entry.pk}/release/").status_code == 403
    administrator.post(f"{url}{entry.pk}/release/")
    assert not suppression.held(["x@example.com"])


def test_a_file_is_imported_by_adding_it(unit: OrganizationalUnit, work: Any) -> None:
    file = BytesIO(b"email,first_name\na@example.com,Ana\n")
    file.name = "people.csv"
    importer = desk("import", unit)

    importer.post("/admin/audiences/import/add/", {"file": file, "unit": unit.pk})
    work()

    importing = Import.objects.get()
    assert (importing.status, importing.created) == ("done", 1)
    assert importer.get(f"/admin/audiences/import/{importing.pk}/change/").status_code == 200


def test_a_refused_file_is_imported_again_with_its_good_rows(unit: OrganizationalUnit, work: Any) -> None:
    file = BytesIO(b"email,first_name\na@example.com,Ana\nb@example.com,Bia,x,y\n")
    file.name = "broken.csv"
    importer = desk("import", unit)
    importer.post("/admin/audiences/import/add/", {"file": file, "unit": unit.pk})
    work()
    refused = Import.objects.get()
    assert refused.status == "refused"
    assert importer.get(f"/admin/audiences/import/{refused.pk}/change/").status_code == 200

    importer.post(f"/admin/audiences/import/{refused.pk}/again/")
    work()

    assert Import.objects.first().status == "done"
    assert Profile.objects.count() == 1


@pytest.mark.parametrize("make", [ProfileFactory, AudienceFactory, TestProfileFactory])
def test_lists_take_the_same_queries_for_1_and_25(unit: OrganizationalUnit, make: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    reader = desk("prepare", unit)
    made = make(unit=unit)
    url = f"/admin/{made._meta.app_label}/{made._meta.model_name}/"

    def count() -> int:
        reader.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert reader.get(url).status_code == 200
        return len(queries)

    with_one = count()
    make.create_batch(24, unit=unit)

    assert count() == with_one


def test_the_clock_is_the_databases(unit: OrganizationalUnit) -> None:
    profile = ProfileFactory(unit=unit)
    before = clock.now()

    desk("prepare", unit).post(
        f"/admin/audiences/profile/{profile.pk}/consent/", {"channel": "any", "wish": "out"}
    )

    assert before <= profile.consents.get().at <= clock.now()


def test_a_list_of_very_many_profiles_is_counted_so_far_and_says_so(
    unit: OrganizationalUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.bounded_pages.BoundedPaginator.most", 2)
    ProfileFactory.create_batch(3, unit=unit)
    importer, url = desk("import", unit), "/admin/audiences/profile/"

    page, narrowed = importer.get(url).content.decode(), importer.get(f"{url}?q=nobody").content.decode()

    assert "The first 2 of more" in page
    assert "of more" not in narrowed
