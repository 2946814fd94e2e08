"""The desk, by axe-core and the rules of WCAG 2.2 AA: no violation.

On the same visits each page fits: none scrolls sideways, whatever names are in it.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from accounts import audit
from accounts.roles import SHIPPED, root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Audience, Service
from audiences.tests.factories import AudienceFactory, ProfileFactory, ServiceFactory
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory
from home.tests.axe import in_each_look, looks, too_wide, violations

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LONG = "x" * 120


def at_the_desk(delivery: Delivery, audience: Audience, service: Service) -> Iterator[str]:
    """One of each kind of page: start, lists with rows, without, searched and sorted, forms, what is read, history."""
    yield reverse("admin:index")
    yield reverse("admin:accounts_user_changelist") + "?q=nobody"
    for name in ("deliveries_delivery", "audiences_quarantine", "audiences_profile", "accounts_auditevent"):
        yield reverse(f"admin:{name}_changelist")
    yield reverse("admin:audiences_audience_changelist") + "?o=2.-1"
    yield reverse("admin:deliveries_delivery_change", args=[delivery.pk])
    yield reverse("admin:deliveries_delivery_history", args=[delivery.pk])
    yield reverse("admin:deliveries_preparation_change", args=[delivery.preparation_id])
    yield reverse("admin:audiences_audience_change", args=[audience.pk])
    yield reverse("admin:audiences_audience_delete", args=[audience.pk])
    yield reverse("admin:audiences_service_change", args=[service.pk])
    yield reverse("admin:accounts_organizationalunit_add")
    yield reverse("admin:deliveries_deliveryuserpermission_add")
    yield reverse("admin:reporting_personexport_add")
    yield reverse("admin:reporting_scheduledreport_add")
    yield "/admin/django_rq/dashboard/"
    yield "/admin/django_rq/dashboard/queues/0/failed/"
    yield "/admin/deliveries/instance/"


def found(new_page: Any, addresses: list[str], user: Any = None) -> list[str]:
    """What axe finds on all of them, in each look."""
    page, axe, told = new_page(user=user, viewport={"width": 1366, "height": 900}), Axe(), []
    page.set_default_timeout(60_000)
    for address in addresses:
        page.goto(address, wait_until="load")
        told += in_each_look(axe, page, address)
    return told


def test_no_page_of_the_desk_keeps_anybody_out(new_page: Any) -> None:
    unit = UnitFactory()
    boss = UserFactory(
        is_superuser=True, is_staff=True, home_unit=root(), roles=dict.fromkeys(SHIPPED, root())
    )
    delivery = DeliveryFactory(unit=unit, finished=True, recipients=2, label=LONG)
    ProfileFactory(unit=unit, first_name=LONG)
    audit.record("create_delivery", by=boss, target=delivery)
    pages = at_the_desk(delivery, AudienceFactory(unit=unit), ServiceFactory(unit=unit))

    assert found(new_page, [*pages], boss) == []


PALE_IN_THE_DARK = """<html lang="en"><title>Pale</title><style>
@media (prefers-color-scheme: dark) { p { color: #333; background: #222; } }
@media (width < 800px) { p { width: 900px; } }
</style><main><h1>Hello</h1><p>Who can read this?</p></main></html>"""


def test_what_is_wrong_in_one_look_alone_is_seen(page: Any) -> None:
    axe = Axe()
    page.set_content(PALE_IN_THE_DARK)

    seen = {look: (violations(axe, page, look), too_wide(page, look)) for look in looks(page)}

    assert seen["1366 light"] == ([], [])
    assert "color-contrast" in seen["390 dark"][0][0]
    assert "<p>" in seen["390 dark"][1][0]
