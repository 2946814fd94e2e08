"""The table in which django-allauth counts attempts to sign in: Django's own cache of the database."""

from django.conf import settings
from django.db import connection
from django.utils import timezone


def forget() -> int:
    """Counts that have run out are gone; returns how many."""
    table = connection.ops.quote_name(str(settings.CACHES["default"]["LOCATION"]))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [timezone.now()])
        return cursor.rowcount
