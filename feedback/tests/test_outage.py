"""No reader waits longer for the database than they should, whatever it is that it does not do."""

import time
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import OperationalError

from deliveries.sending.exchange import connection_parameters
from feedback import outage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def known_to_be_there():
    outage.forget()
    yield
    outage.forget()


@dataclass
class Line:
    connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()


def test_a_connection_that_is_made_after_the_deadline_is_cut_too():
    line, began = Line(), time.monotonic()

    with pytest.raises(outage.Away), outage.reach(seconds=0.1, by=line):
        time.sleep(0.6)
        line.connection = psycopg.connect(**connection_parameters())
        try:
            line.connection.execute("SELECT pg_sleep(4)")
        except psycopg.Error as error:
            raise OperationalError from error

    assert time.monotonic() - began < 3
