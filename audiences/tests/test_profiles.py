from audiences.models import Profile
from audiences.tests.factories import ProfileFactory


def test_the_search_column_has_neither_capitals_nor_accents(db):
    profile = ProfileFactory(first_name="Luísa", last_name="Ångström", city="São Paulo")

    profile.refresh_from_db()

    assert "luisa\nangstrom\nsao paulo" in profile.search
    assert Profile.objects.filter(search_text__text__contains="angstr").get() == profile
