"""The test database, as a process of its own is told of it."""

from urllib.parse import quote

from django.db import connection


def database_url() -> str:
    """The address of the test database, for a process that connects by itself."""
    database = connection.settings_dict
    return (
        f"postgresql://{quote(database['USER'])}:{quote(database['PASSWORD'] or '')}@/{quote(database['NAME'])}"
        f"?host={quote(str(database['HOST'] or database['OPTIONS'].get('host', '')), safe='')}"
        f"&port={database['PORT'] or 5432}"
    )
