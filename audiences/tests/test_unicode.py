"""Texts are compared composed and without letter case, whoever wrote them, and where."""

import io
import unicodedata

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.imports import Options
from audiences.models import Profile
from audiences.profiles import people
from audiences.rules import rules
from audiences.tests.factories import ProfileFactory


def apart(text):
    """The text with accents that are characters of their own, as a Mac writes it."""
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        (apart("São Paulo"), "são paulo"),
        ("São Paulo", apart("SÃO PAULO")),
        ("Straßburg", "STRASSBURG"),
        ("ΑΘΗΝΑΣ", "αθηνας"),
        ("100% \\a_b", "100% \\A_B"),
    ],
)
@pytest.mark.parametrize("code", ["equal", "contains", "begins_with", "one_of"])
def test_rules_compare_texts_as_people_do(db, stored, asked, code):
    ProfileFactory(city=stored)
    ProfileFactory(city="100x aab")
    value = [asked, "Recife"] if code == "one_of" else asked

    found = Profile.objects.filter(rules.condition({"field": "city", "is": code, "value": value}))

    assert [profile.city for profile in found] == [stored]


def test_an_import_and_a_person_store_composed_letters_that_a_search_finds(db):
    by = UserFactory(roles={"import": root()})
    importing = imports.register(name="mac.csv", unit=root(), by=by, options=Options())
    file = f"email,city\na@x.example,{apart('São Luís')}\n".encode()
    imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(file))
    people.create(
        values={"email": "b@x.example", "city": apart("São Luís"), "attributes": {}}, unit=root(), by=by
    )

    assert set(Profile.objects.values_list("city", flat=True)) == {"São Luís"}
    assert people.found(Profile.objects.all(), apart("são LUÍS"), user=None).count() == 2
