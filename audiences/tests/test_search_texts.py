"""People are found by what they are called now, from the moment that they are there."""

import io

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports, search_texts
from audiences.imports import Options
from audiences.models import Profile, SearchBacklog, SearchText
from audiences.profiles import people
from audiences.tests.factories import ProfileFactory
from campaign.tests.databases import database_url

MANY = 501


def found(text):
    return set(people.found(Profile.objects.all(), text, user=None).values_list("pk", flat=True))


@pytest.fixture
def many(db):
    """More people than are written down at once."""
    unit = root()
    return Profile.objects.bulk_create(
        Profile(unit=unit, first_name=f"Ana {n}", city="Olinda", external_id=f"M{n}") for n in range(MANY)
    )


@pytest.fixture
def elsewhere(transactional_db):
    with psycopg.connect(database_url()) as other:
        yield other


@pytest.mark.django_db
class TestOfAFew:
    def test_somebody_new_is_found_at_once_without_capitals_and_accents(self):
        profile = ProfileFactory(first_name="Luísa", last_name="Ångström", city="São Paulo")

        assert SearchText.objects.get(pk=profile.pk).text.endswith("luisa\nangstrom\nsao paulo\n")
        assert found("ANGSTR sao") == {profile.pk}

    def test_somebody_renamed_is_found_by_the_new_name_alone(self):
        profile = ProfileFactory(first_name="Ana")

        Profile.objects.filter(pk=profile.pk).update(first_name="Berta")

        assert (found("berta"), found("ana")) == ({profile.pk}, set())

    def test_a_whole_address_finds_whose_it_is_and_where_it_is_nobodys_those_that_hold_it(self):
        ana, longer = ProfileFactory(email="ana@example.com"), ProfileFactory(email="diana@example.com")

        assert found("Ana@Example.com") == {ana.pk}
        assert found("iana@example.com") == {longer.pk}

    def test_a_whole_address_finds_who_has_it_as_external_id_too_and_other_words_narrow_it(self):
        ana = ProfileFactory(email="ana@example.com", first_name="Ana")
        berta = ProfileFactory(email="b@example.com", external_id="ana@example.com", first_name="Berta")

        assert found("ana@example.com") == {ana.pk, berta.pk}
        assert found("berta ana@example.com") == {berta.pk}

    def test_nothing_is_left_of_somebody_deleted(self):
        profile = ProfileFactory(first_name="Ana")

        profile.delete()

        assert not SearchText.objects.exists()

    def test_a_change_that_no_search_looks_at_writes_no_text(self):
        profile = ProfileFactory()
        SearchText.objects.filter(pk=profile.pk).update(text="as it was")

        Profile.objects.filter(pk=profile.pk).update(no_email=True, language="pt-br")

        assert SearchText.objects.get(pk=profile.pk).text == "as it was"


@pytest.mark.django_db
class TestShortWords:
    @pytest.mark.parametrize(
        ("word", "finds"), [("li", True), ("ma", True), ("ia", False), ("x", False), ("@l", True)]
    )
    def test_are_found_where_a_word_begins(self, word, finds):
        profile = ProfileFactory(
            first_name="Lia-Marta", last_name="", email="lia@l.example", city="", external_id="77"
        )

        assert found(word) == ({profile.pk} if finds else set())

    @pytest.mark.parametrize("word", ["%", "_", "\\", "(", "(a", "½", "⑴", "[", "*"])
    def test_that_mean_something_elsewhere_mean_themselves(self, word):
        ProfileFactory(first_name="Ana")
        profile = ProfileFactory(first_name=f"Ana{word}")

        assert found(word) <= {profile.pk}


@pytest.mark.django_db
class TestOfMany:
    def test_they_are_found_before_and_after_their_texts_are_written(self, many):
        before = found("ana 17"), found("m500 olinda"), found("olinda"), found("ol")
        texts = SearchText.objects.count()

        assert search_texts.fill(seconds=60) == MANY
        after = found("ana 17"), found("m500 olinda"), found("olinda"), found("ol")

        assert (texts, SearchText.objects.count()) == (0, MANY)
        assert before == after
        assert len(before[2]) == MANY

    def test_somebody_renamed_meanwhile_keeps_the_new_name(self, many):
        Profile.objects.filter(pk=many[7].pk).update(first_name="Berta")
        assert found("berta") == {many[7].pk}

        search_texts.fill(seconds=60)

        assert found("berta") == {many[7].pk}
        assert many[7].pk not in found("ana")

    def test_somebody_deleted_meanwhile_is_not_written(self, many):
        many[7].delete()

        search_texts.fill(seconds=60)

        assert SearchText.objects.count() == MANY - 1

    def test_nothing_waits_afterwards_and_a_second_run_does_nothing(self, many):
        assert search_texts.is_anything_waiting()

        assert [search_texts.fill(seconds=60), search_texts.fill(seconds=60)] == [MANY, 0]

        assert not SearchBacklog.objects.exists()


def imported(rows):
    by = UserFactory(roles={"import": root()})
    file = "customer_id,first_name\n" + "".join(f"{number},{name}\n" for number, name in rows)
    importing = imports.register(name="people.csv", unit=root(), by=by, options=Options())
    return imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(file.encode()))


@pytest.mark.django_db
class TestAnImport:
    def test_that_renames_many_leaves_them_to_a_worker_and_they_are_found_meanwhile(self):
        imported([(f"M{n}", "Ana") for n in range(MANY)])
        search_texts.fill(seconds=60)

        imported([(f"M{n}", "Berta" if n else "Ana") for n in range(MANY)])
        waiting, meanwhile = SearchBacklog.objects.count(), (len(found("berta")), len(found("ana")))
        search_texts.fill(seconds=60)

        assert (waiting, meanwhile) == (1, (MANY - 1, 1))
        assert (len(found("berta")), len(found("ana"))) == (MANY - 1, 1)

    def test_of_few_is_indexed_at_once(self):
        imported([("M1", "Ana")])
        imported([("M1", "Berta"), ("M2", "Ana")])

        assert not SearchBacklog.objects.exists()
        assert (len(found("berta")), len(found("ana"))) == (1, 1)

    def test_asks_a_worker_to_write_the_texts(self, work):
        imported([(f"M{n}", "Ana") for n in range(MANY)])

        work()

        assert SearchText.objects.count() == MANY
        assert not SearchBacklog.objects.exists()


def test_while_a_change_is_not_committed_nothing_is_written_beside_it(elsewhere):
    Profile.objects.bulk_create(Profile(unit=root(), first_name="Ana") for _n in range(MANY))
    first = Profile.objects.order_by("pk").first()
    elsewhere.execute("UPDATE audiences_profile SET first_name = 'Berta' WHERE id = %s", [first.pk])

    refused = search_texts.fill(seconds=60)
    elsewhere.commit()
    done = search_texts.fill(seconds=60)

    assert (refused, done) == (0, MANY)
    assert found("berta") == {first.pk}


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(TEXTS, min_size=1, max_size=4),
    word=st.text("aeijlnorstÁÉßæ%_.@-1²", min_size=1, max_size=6),
)
def test_the_same_people_are_found_while_texts_wait_as_afterwards(names, word):
    made = [ProfileFactory(external_id=None, email="", first_name=name, last_name=word) for name in names]
    ids = [profile.pk for profile in made]

    SearchText.objects.filter(pk__in=ids).update(text="something else")
    waiting = SearchBacklog.objects.create(profile_ids=ids)
    meanwhile = found(word) & set(ids)
    search_texts.fill(seconds=60)

    assert not SearchBacklog.objects.filter(pk=waiting.pk).exists()
    assert meanwhile == found(word) & set(ids)
    if " ".join(word.split()) == word and len(word) >= search_texts.SHORT:
        assert meanwhile == set(ids)
