from django.db import connection
from psycopg import sql

from audiences.fields import fields
from audiences.models import Attribute
from audiences.tests.factories import AttributeFactory, ProfileFactory


def test_the_fields_are_the_columns_and_the_declared_attributes(db, django_assert_num_queries):
    AttributeFactory(name="points", label="Points", kind=Attribute.Kind.NUMBER)

    with django_assert_num_queries(1):
        found = fields.fields()

    assert [field.name for field in found][:3] == ["external_id", "email", "first_name"]
    assert found[-1] == fields.ProfileField("points", "Points", "number", False)


def test_the_sql_of_each_field_gives_its_value(db):
    AttributeFactory(name="points", kind=Attribute.Kind.NUMBER)
    profile = ProfileFactory(first_name="Ana", birth_date="1990-05-01", attributes={"points": 7})
    known = fields.by_name()
    wanted = ["first_name", "birth_date", "points"]
    values = sql.SQL(", ").join(
        part for name in wanted for part in (sql.Literal(name), fields.value_sql(known[name]))
    )

    query = sql.SQL("SELECT jsonb_build_object({}) FROM audiences_profile p WHERE p.id = %s").format(values)
    with connection.cursor() as cursor:
        cursor.execute(query.as_string(cursor.cursor), [profile.pk])
        found = cursor.fetchone()[0]

    assert found == '{"points": 7, "birth_date": "1990-05-01", "first_name": "Ana"}'
