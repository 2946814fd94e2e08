"""Locks a row that is read together with another, such as its unit."""

from typing import TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def locked(rows: QuerySet[Row], pk: object) -> Row:
    """Return the row with this key, locked until the transaction ends, with what `rows` joins by keys that aren't NULL.

    Where somebody held it and has given it another unit meanwhile, PostgreSQL looks at the new row beside the old unit,
    finds that they don't belong together, and returns nothing (PostgreSQL's documentation, 13.2.1). By then the row is
    locked, so that a second look sees both as they are. Raise DoesNotExist where there is none.
    """
    wanted = rows.select_for_update(of=("self",))
    return wanted.filter(pk=pk).first() or wanted.get(pk=pk)
