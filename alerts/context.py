"""What every page's frame shows of alerts."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from alerts import choices


def frame(request: HttpRequest) -> dict[str, Any]:
    """How many alerts the person was told of and has not seen; asked only where a page shows it."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    return {"unread_alerts": SimpleLazyObject(lambda: choices.unread(user))}
