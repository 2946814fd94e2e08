import csv
import io
import re
from datetime import date

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.consent import consents
from audiences.models import Attribute, Audience, Import, Profile, TestProfile
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory, TestProfileFactory
from campaign.lib import clock

EVIL = "<script>alert(1)</script>{{ email }}"


@pytest.fixture
def everything(db):
    return {"prepare": root(), "import": root(), "export": root()}


@pytest.fixture
def client(client, everything):
    client.force_login(UserFactory(roles=everything))
    return client


def signed_in(client, **roles):
    client.force_login(UserFactory(roles=roles))
    return client


def page(client, name, *args, **query):
    response = client.get(reverse(f"audiences:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def post(client, name, *args, follow=True, **data):
    return client.post(reverse(f"audiences:{name}", args=args), data, follow=follow)


@pytest.mark.parametrize(
    ("words", "found"),
    [("LUISA", True), ("uís", True), ("sao paulo", True), ("rezende luísa", True), ("000777", True), ("nobody", False), ("%", False)],
)  # fmt: skip
def test_any_part_finds_a_profile_whatever_its_case_and_accents(client, words, found):
    ProfileFactory(
        external_id="C000777",
        first_name="Luísa",
        last_name="Rezende",
        city="São Paulo",
        email="l@example.com",
    )

    shown = page(client, "profiles", q=words)

    assert ("Luísa" in shown) == found


def test_pages_of_profiles_lead_on_and_back(client):
    ProfileFactory.create_batch(60)

    first = page(client, "profiles")
    older = re.search(r'rel="next" href="(\?[^"]+)"', first)[1].replace("&amp;", "&")
    second = client.get(reverse("audiences:profiles") + older).content.decode()

    assert first.count("row-link") == second.count("row-link") == 25
    assert 'rel="prev"' in second
    assert 'rel="prev"' not in first


def test_profiles_are_filtered_by_state(client):
    ProfileFactory(first_name="Missing", email="")
    ProfileFactory(first_name="Zulmira", no_email=True)

    assert "Missing" in page(client, "profiles", state="missing")
    assert "Zulmira" not in page(client, "profiles", state="missing")
    assert "Zulmira" in page(client, "profiles", state="opted_out")


def test_a_profile_shows_its_facts_and_harms_nobody(client):
    AttributeFactory(name="segment", label="Segment")
    profile = ProfileFactory(first_name=EVIL, attributes={"segment": EVIL})

    shown = page(client, "profile", profile.pk)

    assert EVIL not in shown
    assert "&lt;script&gt;" in shown
    assert f'hx-get="/profiles/{profile.pk}/history/"' in shown


def test_a_profile_is_written_as_its_reader_writes(client):
    AttributeFactory(name="points", label="Points", kind="number")
    AttributeFactory(name="last_order_on", label="Last order on", kind="date")
    profile = ProfileFactory(
        birth_date=date(1990, 1, 2), country="DE", language="de",
        attributes={"points": 56295, "last_order_on": "2025-05-17"},
    )  # fmt: skip
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "pt-br"

    shown = page(client, "profile", profile.pk)

    for said in ("02/01/1990", "17/05/2025", "56.295", "Alemanha (DE)", "Alemão (de)"):
        assert said in shown


def test_a_strangers_profile_does_not_exist(client):
    profile = ProfileFactory(unit=UnitFactory())
    signed_in(client, prepare=UnitFactory())

    assert client.get(reverse("audiences:profile", args=[profile.pk])).status_code == 404
    assert profile.first_name not in page(client, "profiles")


def test_a_profile_is_made_and_changed_by_the_form(client):
    AttributeFactory(name="points", kind=Attribute.Kind.NUMBER)
    AttributeFactory(name="vip", kind=Attribute.Kind.YES_NO)
    values = {"unit": root().pk, "email": "Ana@Example.com", "first_name": "Ana", "language": "pt_br", "points": "7",
              "vip": "true"}  # fmt: skip

    post(client, "profile-create", **values)
    profile = Profile.objects.get()
    post(client, "profile-edit", profile.pk, **values | {"first_name": "Anna", "points": ""})

    assert (profile.email_key, profile.language, profile.attributes) == (
        "ana@example.com", "pt-BR", {"points": 7, "vip": True},
    )  # fmt: skip
    profile.refresh_from_db()
    assert (profile.first_name, profile.attributes) == ("Anna", {"vip": True})
    assert AuditEvent.objects.filter(action="change_profile").get().detail["changed"] == [
        "attributes",
        "first_name",
    ]


def test_a_profile_without_address_and_phone_is_refused_at_the_field(client):
    answer = post(client, "profile-create", unit=root().pk, first_name="Ana")

    assert answer.context["form"].errors.keys() == {"email"}
    assert "Give an email address or a phone number" in answer.content.decode()
    assert not Profile.objects.exists()


def test_a_phone_number_alone_makes_a_profile_and_the_last_address_stays(client):
    post(client, "profile-create", unit=root().pk, phone="+55 81 99999-0000")
    profile = Profile.objects.get()

    answer = post(client, "profile-edit", profile.pk, first_name="Ana", phone="")

    assert answer.context["form"].errors.keys() == {"email"}
    profile.refresh_from_db()
    assert (profile.phone, profile.first_name) == ("+55 81 99999-0000", "")


def test_who_has_no_address_from_a_file_is_changed_all_the_same(client):
    profile = ProfileFactory(email="", external_id="C1")

    post(client, "profile-edit", profile.pk, external_id="C1", first_name="Ana")

    profile.refresh_from_db()
    assert profile.first_name == "Ana"


def test_an_id_that_is_taken_is_said_on_the_form(client):
    ProfileFactory(external_id="C1")

    response = post(client, "profile-create", unit=root().pk, external_id="C1", email="c@example.com")

    assert "Another profile has the external id “C1”." in response.content.decode()
    assert Profile.objects.count() == 1


def test_consents_change_by_post_and_show_with_who_and_when(client):
    profile = ProfileFactory()

    shown = post(client, "consent", profile.pk, channel="email", decision="out").content.decode()

    profile.refresh_from_db()
    assert profile.no_email
    assert "opted out" in shown
    assert client.get(reverse("audiences:consent", args=[profile.pk])).status_code == 405


@pytest.mark.parametrize("name", ["profile-edit", "consent"])
def test_who_may_only_see_may_not_change_a_profile(client, name):
    profile = ProfileFactory()
    signed_in(client, approve=root())

    assert post(client, name, profile.pk, channel="email", decision="out").status_code == 403
    profile.refresh_from_db()
    assert not profile.no_email


def test_the_export_is_streamed_harmless_and_audited(client):
    ProfileFactory(first_name='=HYPERLINK("http://x.example","y")', last_name="Ana\r\nBcc", unit=root())

    response = post(client, "profiles-export", q="", follow=False)

    rows = list(
        csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"), newline=""))
    )
    assert rows[0]["first_name"] == '\'=HYPERLINK("http://x.example","y")'
    assert AuditEvent.objects.get(action="export_profiles").detail == {"rows": 1}


def test_without_the_right_nothing_is_exported_and_that_is_recorded(client):
    signed_in(client, prepare=root())

    assert post(client, "profiles-export").status_code == 403
    assert AuditEvent.objects.filter(refused=True, action="export_data").exists()


def test_one_exports_only_below_the_unit_of_the_right(client):
    north = UnitFactory()
    ProfileFactory(first_name="Inside", unit=north)
    ProfileFactory(first_name="Outside")
    signed_in(client, export=north)

    response = post(client, "profiles-export", follow=False)

    text = b"".join(response.streaming_content).decode()
    assert "Inside" in text
    assert "Outside" not in text
    assert post(client, "profiles-export", unit=root().pk).status_code == 403


def test_an_audience_is_made_without_any_script(client):
    ProfileFactory(city="Recife")
    values = {
        "label": "North-east",
        "unit": root().pk,
        "combine": "all",
        "g0-combine": "all",
        "g0r0-field": "city",
    }

    chosen = post(client, "create", **values, do="choose").content.decode()
    assert 'name="g0r0-is"' in chosen
    assert not Audience.objects.exists()
    values |= {"g0r0-is": "equal", "g0r0-value": "recife"}
    added = post(client, "create", **values, do="add-row-0").content.decode()
    assert 'name="g0r1-field"' in added
    assert 'value="North-east"' in added
    counted = post(client, "create", **values, do="count").content.decode()
    assert "City is “recife”" in counted
    post(client, "create", **values, do="save")

    assert Audience.objects.get().rule == {"field": "city", "is": "equal", "value": "recife"}


def test_a_bad_rule_stays_on_the_form_with_its_reason(client):
    response = post(client, "create", **{"label": "x", "unit": root().pk, "g0r0-field": "birth_date", "g0r0-is": "before",
                                         "g0r0-value": "soon"})  # fmt: skip

    assert "“soon” is not a date" in response.content.decode()
    assert not Audience.objects.exists()


def test_the_rule_is_counted_live_among_those_one_may_see(client):
    north = UnitFactory()
    ProfileFactory(city="Recife", unit=north)
    ProfileFactory(city="Recife", unit=UnitFactory())
    signed_in(client, prepare=north)
    row = {"g0r0-field": "city", "g0r0-is": "equal", "g0r0-value": "Recife"}

    shown = post(client, "preview", unit=north.pk, **row).content.decode()
    hidden = post(client, "preview", unit=UnitFactory().pk, **row).content.decode()

    assert re.search(r"1 <span>profile<", shown)
    assert not re.search(r"[2-9] <span>profile", hidden)


def test_a_deep_rule_is_edited_as_text(client):
    rule = {"all": [{"any": [{"not": {"field": "city", "is": "empty"}}, {"field": "city", "is": "empty"}]}]}
    audience = AudienceFactory(rule=rule)

    assert "<textarea" in page(client, "edit", audience.pk)
    post(client, "edit", audience.pk, label="x", text='{"field": "city", "is": "empty"}')
    bad = post(client, "edit", audience.pk, label="x", text="{").content.decode()

    audience.refresh_from_db()
    assert audience.rule == {"field": "city", "is": "empty"}
    assert "The rule can&#x27;t be used" in bad


def test_an_audience_whose_attribute_is_gone_says_so(client):
    audience = AudienceFactory(rule={"field": "points", "is": "above", "value": 3})

    assert "there is no field" in page(client, "audience", audience.pk)
    assert "there is no field" in page(client, "list")


def test_a_fixed_list_is_made_of_pasted_ids_and_addresses(client):
    by_id, by_address = ProfileFactory(external_id="C1"), ProfileFactory(email="b@example.com")

    shown = post(
        client, "create-list", label="Guests", unit=root().pk, pasted="C1, B@Example.com\nnobody@example.com"
    )

    audience = Audience.objects.get()
    assert set(audience.members.values_list("profile", flat=True)) == {by_id.pk, by_address.pk}
    assert "Nobody is known by this: nobody@example.com" in shown.content.decode()
    post(client, "remove-member", audience.pk, by_id.pk)
    post(client, "add-members", audience.pk, pasted="C1")
    assert audience.members.count() == 2


def test_an_audience_is_deleted_after_a_question(client):
    audience = AudienceFactory(label="Gone")

    assert "Delete “Gone”?" in page(client, "delete", audience.pk)
    post(client, "delete", audience.pk)

    assert not Audience.objects.exists()


@pytest.mark.parametrize("name", ["edit", "delete"])
def test_who_may_only_see_may_not_change_an_audience(client, name):
    audience = AudienceFactory()
    signed_in(client, approve=root())

    assert post(client, name, audience.pk, label="x").status_code == 403
    assert (
        post(client, "create", label="x").status_code == 200
    )  # there is no unit to choose: the form says so
    assert Audience.objects.get() == audience


def test_test_profiles_are_made_changed_and_deleted(client):
    AttributeFactory(name="points", kind=Attribute.Kind.NUMBER)
    values = {"label": "Phone", "address": "proof@sinete.example", "unit": root().pk, "first_name": "Ana", "points": "5",
              "birth_date": "1990-01-02"}  # fmt: skip

    post(client, "test-profile-create", **values)
    made = TestProfile.objects.get()
    post(client, "test-profile-edit", made.pk, **values | {"label": "Desktop"})
    bad = post(client, "test-profile-create", **values | {"address": "nobody"}).content.decode()

    assert made.values == {"first_name": "Ana", "points": 5, "birth_date": "1990-01-02"}
    assert TestProfile.objects.get().label == "Desktop"
    assert "“nobody” is no email address." in bad
    post(client, "test-profile-delete", made.pk)
    assert not TestProfile.objects.exists()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("profiles", lambda: ProfileFactory()),
        ("list", lambda: AudienceFactory(rule={"field": "city", "is": "equal", "value": "Recife"})),
        ("imports", lambda: Import.objects.create(unit=root(), file_name="x.csv", started_by=UserFactory())),
        ("test-profiles", lambda: TestProfileFactory()),
    ],
)
def test_the_queries_of_a_list_do_not_grow_with_it(client, name, make):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            page(client, name)
        return len(captured)

    make()
    page(client, name)
    one = queries()
    for _ in range(24):
        make()

    assert queries() == one


def test_the_queries_of_a_profile_do_not_grow_with_its_consents(client):
    profile = ProfileFactory()

    def queries():
        page(client, "profile", profile.pk)
        with CaptureQueriesContext(connection) as captured:
            page(client, "profile", profile.pk)
        return len(captured)

    post(client, "consent", profile.pk, channel="email", decision="out", follow=False)
    one = queries()
    for number in range(24):
        decide = consents.opt_out if number % 2 else consents.opt_in
        assert decide(profile_id=profile.pk, channel="email", at=clock.now(), source="page")

    assert queries() == one


@pytest.mark.parametrize(
    "name",
    [
        "profiles",
        "profile-create",
        "list",
        "create",
        "create-list",
        "imports",
        "test-profiles",
        "test-profile-create",
    ],
)
def test_pages_ask_for_a_login(client, name):
    client.logout()

    assert client.get(reverse(f"audiences:{name}")).status_code == 302
