"""What PostgreSQL says of a row that it refuses names people: no log and no failed job has it."""

import logging

import pytest
from django.db import IntegrityError, connection, transaction
from django_rq import get_queue

from audiences.models import Profile
from audiences.tests.factories import ProfileFactory
from campaign.lib.discreet import Formatter, without_rows
from campaign.stack.inprocess import InProcessWorker, play_commit
from campaign.workers import Known

pytestmark = pytest.mark.django_db
WHO = "ana.discreet@example.com"


class WorkerHere(Known, InProcessWorker):
    """A worker of ours in this process."""


def refused():
    """A job that PostgreSQL refuses, and says of whom."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE audiences_profile SET email_state = 'missing' WHERE email_key = %s", [WHO])


@pytest.fixture
def ana():
    return ProfileFactory(email=WHO, last_name="de\nSouza")


def test_a_log_has_the_error_and_not_whom_it_was_about(ana):
    with pytest.raises(IntegrityError, match=WHO) as told:  # as PostgreSQL says it
        refused()
    kind = (told.type, told.value, told.tb)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "no luck: %s", (told.value,), kind)

    line = Formatter("{levelname} {message}", style="{").format(record)

    assert "violates check constraint" in line
    assert "IntegrityError" in line
    assert WHO not in line
    assert "Souza" not in line


def test_a_job_that_failed_keeps_the_error_and_not_whom_it_was_about(ana):
    queue = get_queue("default")
    queue.enqueue(refused)
    play_commit()
    worker = WorkerHere([queue], connection=queue.connection)

    worker.work(burst=True)

    kept = worker.done[0].latest_result().exc_string
    assert "violates check constraint" in kept
    assert WHO not in kept
    assert Profile.objects.filter(email_key=WHO).exists()


@pytest.mark.parametrize("text", ["", "all is well", "The DETAILS: of it"])
def test_other_texts_stay_as_they_are(text):
    assert without_rows(text) == text


def test_what_else_is_said_stays():
    said = 'ERROR\nDETAIL:  Key (email)=(ana\nmore) exists.\nHINT:  Try.\nCONTEXT:  COPY t, line 1: "ana"\n\nThe above'

    assert without_rows(said) == "ERROR\nDETAIL: …\nHINT:  Try.\nCONTEXT: …\n\nThe above"
