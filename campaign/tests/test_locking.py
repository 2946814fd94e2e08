"""A row that was locked by somebody who gave it another unit is found all the same."""

import threading

import psycopg
import pytest
from django.db import connection, transaction

from accounts.tests.factories import UnitFactory
from audiences.models import Profile
from audiences.tests.factories import ProfileFactory
from campaign.lib.locking import locked
from campaign.tests.waiting import somebody_waits_for_a_lock, wait_until
from deliveries.sending.exchange import connection_parameters


@pytest.mark.django_db(transaction=True)
def test_a_row_that_got_another_unit_while_somebody_waited_for_it_is_found_with_the_new_one():
    profile, unit = ProfileFactory(), UnitFactory()
    found = []

    def wait_for_it():
        try:
            with transaction.atomic():
                found.append(locked(Profile.objects.select_related("unit"), profile.pk).unit)
        finally:
            connection.close()

    thread = threading.Thread(target=wait_for_it)
    with psycopg.connect(**connection_parameters()) as other:
        other.execute("UPDATE audiences_profile SET unit_id = %s WHERE id = %s", [unit.pk, profile.pk])
        thread.start()
        wait_until(somebody_waits_for_a_lock, "the second waits for the row")
    thread.join()

    assert found == [unit]


@pytest.mark.django_db
def test_who_is_not_there_is_said_not_to_be_there():
    with pytest.raises(Profile.DoesNotExist):
        locked(Profile.objects.select_related("unit"), 0)
