"""The functions that migrations make can be made by a role of PostgreSQL that owns its database and is no superuser."""

import pytest
from django.db import connection
from psycopg import sql

OURS = """
    SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = current_schema() AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    ORDER BY p.oid
"""


@pytest.mark.django_db
def test_who_owns_the_database_makes_every_function() -> None:
    with connection.cursor() as cursor:
        cursor.execute(OURS)
        functions = [definition for (definition,) in cursor.fetchall()]
        role = sql.Identifier("sinete_plain_owner")
        cursor.execute(sql.SQL("CREATE ROLE {0}; CREATE SCHEMA plain AUTHORIZATION {0}").format(role))
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
        for definition in functions:
            cursor.execute(definition.replace("FUNCTION public.", "FUNCTION plain.", 1))

    assert len(functions) > 20
