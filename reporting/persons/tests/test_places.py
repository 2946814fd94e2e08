"""Every model that knows people is in the list that the export and the erasure walk, or is excepted with its reason."""

import pytest
from django.apps import apps

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
