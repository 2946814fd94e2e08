"""What the desk's first page shows beside its lists."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.desk import administers_everything
from accounts.models import User
from campaign.lib import clock
from home import health, shortcuts


def frame(request: HttpRequest) -> dict[str, Any]:
    """How the machinery stands, for those who administer everything, and an operator's shortcuts.

    Either is looked at only where it is shown.
    """
    if not isinstance(getattr(request, "user", None), User):
        return {}

    def look() -> health.Health | None:
        return health.of_machinery(at=clock.now()) if administers_everything(request) else None

    return {
        "machinery": SimpleLazyObject(look),
        "shortcuts": SimpleLazyObject(lambda: shortcuts.of(request)),
    }
