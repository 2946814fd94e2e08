"""What people change about themselves: name and password, and nothing that gives a right."""

from django.db import transaction

from accounts import audit
from accounts.models import User


@transaction.atomic
def change_name(*, first_name: str, last_name: str, by: User) -> None:
    """The person is shown under this name from now on; earlier events keep what they said."""
    before = str(by)
    by.first_name, by.last_name = first_name, last_name
    by.save(update_fields=["first_name", "last_name"])
    if str(by) != before:
        audit.record("change_own_name", by=by, target=by, before=before)


@transaction.atomic
def change_password(*, password: str, by: User) -> None:
    """The person signs in with the new password; sessions elsewhere have ended."""
    by.set_password(password)
    by.save(update_fields=["password"])
    audit.record("change_own_password", by=by, target=by)
