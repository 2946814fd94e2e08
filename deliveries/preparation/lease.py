"""One worker at a time carries a preparation out, and its statement can be found to be cancelled.

A run holds the preparation's row under a lease and a token, independent of any connection. A run that was taken over
finds another token at its next step, and seals nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from campaign.lib import leases
from deliveries.models import Preparation, PreparationStatus
from deliveries.preparation.progress import Abandoned


@contextmanager
def hold(preparation_id: int) -> Iterator[Preparation | None]:
    """Yield the preparation under this run's own token; None where nothing is to do, or another run is at it."""
    row = Preparation.objects.filter(pk=preparation_id, status=PreparationStatus.RUNNING)
    token = leases.take_once_free(row)
    if token is None:
        yield None
        return
    with leases.renewed(row, token=token), leases.heard_of(row, token=token):
        yield _read(row.filter(token=token))


def _read(row: QuerySet[Preparation]) -> Preparation | None:
    """The preparation with what it is made of."""
    parts = ("delivery__unit", "delivery__audience__unit", "delivery__route", "content")
    preparation = row.select_related(*parts).first()
    if preparation is not None and preparation.content_id == preparation.delivery.content_id:
        preparation.delivery.content = preparation.content
    return preparation


@contextmanager
def statement(preparation: Preparation) -> Iterator[CursorWrapper]:
    """Open a transaction whose statements `cancel_statement` finds; raise Abandoned unless this run holds the row.

    Its name ends with the transaction: behind a pooler the next one may be somebody else's. If its worker freezes,
    the server ends it after a lease, so that it blocks no row for the run that takes over.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('application_name', %s, true),"
            " set_config('idle_in_transaction_session_timeout', %s, true)"
            " FROM deliveries_preparation WHERE id = %s AND status = %s AND token = %s",
            [
                _name(preparation.pk), f"{int(leases.LEASE.total_seconds())}s",
                preparation.pk, PreparationStatus.RUNNING, preparation.token,
            ],
        )  # fmt: skip
        if cursor.rowcount == 0:
            raise Abandoned
        yield cursor


def _name(preparation_id: int) -> str:
    return f"sinete preparation {preparation_id}"


def cancel_statement(preparation_id: int) -> None:
    """PostgreSQL ends the statement that this preparation is at, wherever it runs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND state = 'active' AND pid <> pg_backend_pid()",
            [_name(preparation_id)],
        )
