"""What administrators set for all deliveries: the routes."""

from typing import Any

from django.db import transaction

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from deliveries.models import Route


@transaction.atomic
def save_route(*, route: Route, by: User, **fields: Any) -> Route:
    """The route is as given; where it became the default, no other one is. Its breaker is closed again."""
    access.require(by, Right.ADMINISTER, root())
    if fields.get("is_default"):
        Route.objects.exclude(pk=route.pk).filter(is_default=True).update(is_default=False)
    before = {name: getattr(route, name) for name in fields if getattr(route, name) != fields[name]}
    for name, value in fields.items():
        setattr(route, name, value)
    route.closed_until, route.closed_because, route.refusals_in_a_row = None, "", 0
    route.save()
    audit.record("save_route", by=by, target=route, before=before)
    return route
