"""Every model that knows people is in the list that the export and the erasure walk, or is excepted with its reason."""

import pytest
from django.apps import apps

from audiences.models import Profile
from audiences.tests.factories import ProfileFactory
from deliveries.models import Message
from reporting.persons import gathering, identity
from reporting.persons.places import BY_CODE, EXCEPTED, PLACES, columns_about_people

MODELS = {model._meta.label: model for model in apps.get_models(include_auto_created=True)}


@pytest.mark.parametrize("label", sorted(MODELS))
def test_a_model_that_knows_people_is_listed_or_excepted(label):
    listed = {place.model._meta.label for place in PLACES}

    found = columns_about_people(MODELS[label])

    assert not found or label in listed or label in EXCEPTED, (
        f"{label} has {found}: add a Place to reporting/persons/places.py, or say in EXCEPTED why no row of it is about a person"
    )


def test_what_is_excepted_is_there_and_listed_nowhere():
    assert EXCEPTED.keys() <= MODELS.keys()
    assert not EXCEPTED.keys() & {place.model._meta.label for place in PLACES}
    assert all(EXCEPTED.values())


def test_each_place_has_a_name_of_its_own_and_a_way_to_its_rows():
    assert len(BY_CODE) == len(PLACES)
    for place in PLACES:
        assert place.by_profile or place.by_address or place.of_message or place.finds, place.code
        assert place.columns


@pytest.mark.django_db
@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_a_place_has_what_is_about_the_person_and_nothing_about_anybody_else(code, profile):
    place = BY_CODE[code]
    other = Profile.objects.get(
        pk=Message.objects.exclude(profile_id=profile.pk).filter(seq__lte=2, delivery__proofs__isnull=False)
        .values("profile_id").distinct().get()["profile_id"]
    )  # fmt: skip

    mine, theirs = (set(place.rows(identity.of(one)).values_list("pk")) for one in (profile, other))

    assert mine
    assert theirs
    assert not mine & theirs


@pytest.mark.django_db
def test_an_earlier_address_is_theirs_until_somebody_else_has_it(profile):
    before = profile.email_key
    Profile.objects.filter(pk=profile.pk).update(email="new@example.com", email_key="new@example.com")
    profile.refresh_from_db()

    mine = identity.of(profile).keys
    ProfileFactory(email=before)

    assert mine == {"new@example.com", before}
    assert identity.of(profile).keys == {"new@example.com"}


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_each_field_of_an_export_has_a_name_in_each_language(code):
    described = gathering.dictionary()[code]

    for name, words in described["fields"].items():
        assert words["label"].keys() == {"en", "pt-br"}, name
        assert all(words["label"].values()), name
