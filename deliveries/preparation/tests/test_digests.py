"""Digests of chunks and salts of rows: whatever changes shows, and who is erased leaves the rest provable."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliveries.models import Delivery, Message, Status
from deliveries.operations import reconciliation
from deliveries.preparation.tests.staging_rows import fetch
from deliveries.schedule import planning
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute
from deliveries.tests.schedules import at_a_new_time
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db


def digest(delivery: Delivery, first: int = 1, last: int = 5) -> bytes | None:
    found = fetch("SELECT deliveries_chunk_digest(%s, %s, %s)", delivery.pk, first, last)[0][0]
    return None if found is None else bytes(found)


@contextmanager
def any_change() -> Iterator[None]:
    """Whatever is done inside, sealed or not, is undone."""
    with transaction.atomic():
        execute("ALTER TABLE deliveries_message DISABLE TRIGGER sealed_columns")
        yield
        transaction.set_rollback(True)


def test_rows_that_do_not_fill_their_range_have_no_digest(prepared):
    assert len(digest(prepared) or b"") == 33

    execute("DELETE FROM deliveries_message WHERE seq = 3")

    assert digest(prepared) is None
    assert digest(prepared, 6, 8) is None


def test_a_chunk_over_a_hole_is_not_written(prepared):
    execute("DELETE FROM deliveries_message WHERE seq = 3")

    with pytest.raises(IntegrityError):
        planning.write_runs(prepared, [planning.Segment(5, None)])


CHANGES = {
    "address": "address || 'x'",
    "address_key": "address_key || 'x'",
    "values": 'values || \'{"first_name": "Eve"}\'',
    "profile_id": "profile_id + 1",
    "salt": "sha256('another')",
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(1, 5), columns=st.sets(st.sampled_from(sorted(CHANGES)), min_size=1), keep=st.booleans()
)
def test_whatever_changes_in_a_row_changes_its_chunks_digest(prepared, seq, columns, keep):
    sealed = digest(prepared)
    with any_change():
        # Its own digest, kept as of somebody who was erased, lends nothing to a row that still says something.
        kept = f", digest = {OWN}, salt = NULL" if keep and "salt" not in columns else ""
        sets = ", ".join(f"{column} = {CHANGES[column]}" for column in sorted(columns))
        execute(f"UPDATE deliveries_message m SET {sets}{kept} WHERE seq = %s", seq)

        assert digest(prepared) != sealed


OWN = (
    "sha256(m.salt || convert_to(concat_ws(chr(31), m.seq, m.profile_id, m.address, m.address_key,"
    " m.values::text), 'UTF8'))"
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(erased=st.sets(st.integers(1, 5), min_size=1))
def test_who_is_erased_leaves_the_digest_of_the_chunk_as_it_is(prepared, erased):
    sealed = digest(prepared)
    with any_change():
        execute(
            f"UPDATE deliveries_message m SET digest = {OWN}, salt = NULL, address = '', address_key = '',"
            " values = '{}', profile_id = 0 WHERE seq = ANY(%s)",
            list(erased),
        )

        assert digest(prepared) == sealed


def test_each_row_has_a_salt_of_its_own(prepared):
    again = DeliveryFactory(awaiting_approval=True, audience=prepared.audience)

    salts = [bytes(salt) for salt in Message.objects.values_list("salt", flat=True)]
    assert {len(salt) for salt in salts} == {16}
    assert len(set(salts)) == 10
    assert again.messages.count() == 5


@pytest.mark.parametrize("column", ["salt", "digest"])
def test_salt_and_digest_of_a_row_stay(prepared, column):
    with pytest.raises(IntegrityError, match="what is written there stays"):
        execute(f"UPDATE deliveries_message SET {column} = sha256('x')")


@pytest.fixture
def rows_without_salt(settings):
    """As rows were that an earlier version prepared."""
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    execute(
        "CREATE FUNCTION pg_temp.without_salt() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.salt = NULL; RETURN NEW; END $$;"
        "CREATE TRIGGER without_salt BEFORE INSERT ON deliveries_message"
        " FOR EACH ROW EXECUTE FUNCTION pg_temp.without_salt()"
    )
    yield  # the trigger goes with the session whose function it calls, if that ends earlier
    execute("DROP TRIGGER IF EXISTS without_salt ON deliveries_message")


@pytest.mark.django_db(transaction=True)
def test_what_an_earlier_version_prepared_is_sent_and_reconciled(rows_without_salt, relay):
    delivery = DeliveryFactory(scheduled=True, recipients=5)
    before = "sha256(string_agg(convert_to(concat_ws(chr(31), seq, profile_id, address, address_key, values::text),"
    before += " 'UTF8'), '\\x1e'::bytea ORDER BY seq))"
    assert fetch(f"SELECT {before} FROM deliveries_message") == [(digest(delivery),)]

    send(delivery)

    assert (delivery.status, len(relay.recipients())) == (Status.FINISHED, 5)
    assert not reconciliation.reconcile(delivery.pk).off


def test_what_an_earlier_version_prepared_can_be_given_a_new_time(rows_without_salt):
    delivery = DeliveryFactory(ready=True, recipients=5)

    at_a_new_time(delivery)

    assert delivery.status == Status.AWAITING_APPROVAL
    assert len(digest(delivery) or b"") == 32
