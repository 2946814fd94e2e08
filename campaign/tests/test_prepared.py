"""Statements that a lasting connection keeps planned."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from campaign.lib import prepared

pytestmark = pytest.mark.django_db(transaction=True)

NUMBERS = "SELECT n FROM generate_series(1, %(most)s::int) n WHERE n = ANY(%(wanted)s::int[])"


def planned() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture(autouse=True)
def own_connection():
    connection.close()
    yield
    connection.close()


def test_what_is_asked_twice_is_planned_once():
    assert prepared.rows(NUMBERS, {"most": 9, "wanted": [3, 5]}) == [(3,), (5,)]
    assert prepared.rows(NUMBERS, {"most": 4, "wanted": [3, 5]}) == [(3,)]

    assert len(planned()) == 1


def test_a_plan_is_kept_for_a_minute(monkeypatch):
    prepared.rows(NUMBERS, {"most": 9, "wanted": [3]})
    said: list[str] = []
    monkeypatch.setattr(connection.connection, "execute", said.append)
    prepared.rows(NUMBERS, {"most": 9, "wanted": [3]})
    young = list(said)
    monkeypatch.setattr(prepared, "SECONDS_KEPT", -1.0)

    assert prepared.rows(NUMBERS, {"most": 9, "wanted": [3]}) == [(3,)]
    assert (young, said) == ([], ["DISCARD PLANS"])


def test_nothing_is_kept_of_what_is_asked_while_things_move():
    prepared.rows(NUMBERS, {"most": 9, "wanted": [3]}, keep=False)

    assert planned() == []


def test_a_new_connection_plans_anew():
    prepared.rows(NUMBERS, {"most": 1, "wanted": []})
    connection.close()

    assert planned() == []
    assert prepared.rows(NUMBERS, {"most": 9, "wanted": [9]}) == [(9,)]


def test_statements_of_others_on_the_same_connection_stay_unplanned():
    prepared.rows(NUMBERS, {"most": 1, "wanted": []})
    for _time in range(9):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::int", [1])

    assert len(planned()) == 1


def test_what_goes_wrong_is_an_error_of_django_and_the_next_goes_well():
    with pytest.raises(DatabaseError):
        prepared.rows("SELECT 1 / %(by)s::int", {"by": 0})

    assert prepared.rows("SELECT 1 / %(by)s::int", {"by": 1}) == [(1,)]


def test_it_is_counted_with_all_other_statements():
    prepared.rows(NUMBERS, {"most": 1, "wanted": []})

    with CaptureQueriesContext(connection) as asked:
        prepared.rows(NUMBERS, {"most": 1, "wanted": []})

    assert len(asked) == 1


def compiles() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        return cursor.fetchone()[0]


def test_a_lasting_connection_is_told_once_to_compile_nothing():
    assert prepared.is_without_jit()
    with CaptureQueriesContext(connection) as asked:
        assert prepared.is_without_jit()

    assert (compiles(), len(asked)) == ("off", 0)


def test_a_session_behind_a_pooler_or_in_a_transaction_is_left_as_it_is(monkeypatch):
    with transaction.atomic():
        inside = prepared.is_without_jit()
    monkeypatch.setattr(prepared, "_prepares_nothing", lambda: True)

    assert (inside, prepared.is_without_jit(), compiles()) == (False, False, "on")
