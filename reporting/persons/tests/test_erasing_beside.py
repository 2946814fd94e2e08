"""An erasure beside others who bring the same person in, or erase them too: each waits for the other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections, transaction

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.consent import sign_ups
from audiences.models import Erasure, Profile
from audiences.profiles import erasing as forgetting
from audiences.profiles import people
from audiences.quarantine import erased_addresses
from audiences.tests.factories import ProfileFactory
from campaign.lib import clock
from reporting.persons import erasing

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "ana.beside@example.com"


@contextmanager
def at_work(work) -> Iterator[None]:
    """Somebody else does it meanwhile, in a transaction of their own that is not over when this begins."""
    begun, failed = threading.Event(), []

    def alone():
        try:
            with transaction.atomic():
                work()
                begun.set()
                threading.Event().wait(0.4)
        except BaseException as error:  # told to whoever waits
            failed.append(error)
            begun.set()
        finally:
            connections.close_all()

    thread = threading.Thread(target=alone)
    thread.start()
    begun.wait(10)
    yield
    thread.join(10)
    assert not failed, failed


def erase(whom, by):
    return erasing.erase(whom, confirmed=whom.word, by=by, at=clock.now())


def test_whom_an_import_brings_in_meanwhile_is_erased_with_them():
    by, other = UserFactory(roles={"administration": root()}), UnitFactory(parent=root())
    ProfileFactory(email=ADDRESS)
    whom = erasing.find(ADDRESS, by=by)

    def import_is_written():
        forgetting.wait_for_others([])
        ProfileFactory(email=ADDRESS, unit=other)

    with at_work(import_is_written):
        erasure = erase(whom, by)

    assert not Profile.objects.filter(email_key=ADDRESS).exists()
    assert erasure.profiles.count() == 2


def test_whoever_may_not_erase_whom_an_import_brings_in_meanwhile_is_told_so():
    mine, other = UnitFactory(parent=root()), UnitFactory(parent=root())
    by = UserFactory(roles={"administration": mine})
    ProfileFactory(email=ADDRESS, unit=mine)
    whom = erasing.find(ADDRESS, by=by)

    def import_is_written():
        forgetting.wait_for_others([])
        ProfileFactory(email=ADDRESS, unit=other)

    with at_work(import_is_written), pytest.raises(erasing.ElsewhereToo):
        erase(whom, by)

    assert Profile.objects.filter(email_key=ADDRESS).count() == 2


def is_erased_meanwhile():
    forgetting.wait_for_others([ADDRESS])
    erasure = Erasure.objects.create(unit=root(), at=clock.now(), watched_until=clock.now())
    ids = list(Profile.objects.filter(email_key=ADDRESS).values_list("pk", flat=True))
    forgetting.forget(erasure, profile_ids=ids, keys=[ADDRESS])


def test_nobody_comes_in_by_a_form_while_they_are_erased():
    by = UserFactory(roles={"import": root()})
    another = ProfileFactory(email="another@example.com")

    with at_work(is_erased_meanwhile), pytest.raises(erased_addresses.Erased):
        people.create(values={"email": ADDRESS}, unit=root(), by=by)
    with pytest.raises(erased_addresses.Erased):
        people.change(profile=another, values={"email": ADDRESS}, by=by)

    assert not Profile.objects.filter(email_key=ADDRESS).exists()


def test_whoever_comes_in_by_a_form_meanwhile_is_erased_with_them():
    by = UserFactory(roles={"administration": root()})
    another = ProfileFactory(email=ADDRESS)
    whom = erasing.find(ADDRESS, by=by)

    with at_work(lambda: people.create(values={"email": ADDRESS.upper()}, unit=root(), by=by)):
        erase(whom, by)

    assert not Profile.objects.filter(email_key=ADDRESS).exists()
    assert not Profile.objects.filter(pk=another.pk).exists()


def test_of_two_erasures_of_one_person_the_second_finds_nobody():
    unit = UnitFactory(parent=root())
    by = UserFactory(roles={"administration": unit})
    ProfileFactory(email=ADDRESS, unit=unit)
    whom = erasing.find(ADDRESS, by=by)

    with at_work(is_erased_meanwhile), pytest.raises(erasing.NoSuchPerson):
        erase(whom, by)

    assert Erasure.objects.count() == 1


def test_a_sign_up_and_an_erasure_of_one_address_take_turns():
    by = UserFactory(roles={"administration": root()})
    ProfileFactory(email=ADDRESS)
    whom = erasing.find(ADDRESS, by=by)

    with at_work(lambda: (sign_ups.wait_for_others(ADDRESS), ProfileFactory(email=ADDRESS))):
        erase(whom, by)

    assert not Profile.objects.filter(email_key=ADDRESS).exists()
