"""After a test that committed the database holds what it held before the first one, and nothing else."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from accounts.models import AuditEvent, OrganizationalUnit, Role, User
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.stack.clean_slate import CleanSlate
from deliveries.models import Delivery, Message
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db(transaction=True)


def contents() -> dict[str, list]:
    """Every row of every table of a model."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
            found[table] = cursor.fetchall()
    return found


def test_what_was_committed_is_gone_and_what_was_taken_away_is_back():
    before, slate = contents(), CleanSlate()
    DeliveryFactory(finished=True, unit=UnitFactory())
    Permission.objects.all().delete()
    Role.objects.update(label="another")
    OrganizationalUnit.objects.filter(pk=root().pk).update(label="renamed")

    slate.restore()

    assert contents() == before


def test_content_types_permissions_and_roles_are_those_that_a_migration_makes():
    slate = CleanSlate()
    call_command("flush", interactive=False, verbosity=0)
    made = what_a_migration_makes()

    slate.restore()

    assert what_a_migration_makes() == made


def what_a_migration_makes() -> dict[str, set]:
    """By their names: numbers go on after each flush of Django's."""
    return {
        "content types": set(ContentType.objects.values_list("app_label", "model")),
        "permissions": set(Permission.objects.values_list("content_type__model", "codename")),
        "roles": {(role.code, role.label, *role.rights) for role in Role.objects.all()},
        "units": set(OrganizationalUnit.objects.values_list("label", "parent")),
    }


def test_the_triggers_watch_again_afterwards():
    CleanSlate().restore()

    with connection.cursor() as cursor:
        cursor.execute("SHOW session_replication_role")
        assert cursor.fetchone() == ("origin",)


@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_test_begins_without_what_another_committed(turn):
    assert not any(model.objects.exists() for model in (Delivery, Message, User))
    assert AuditEvent.objects.count() == 1  # the topmost unit was made

    UserFactory()
    DeliveryFactory(awaiting_approval=True)
