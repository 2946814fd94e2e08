"""What every page's frame shows of deliveries."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from deliveries.overview import todo
from deliveries.sending import fence
from deliveries.sending.control import halts


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return how many deliveries wait for whoever is signed in, and whether this is a copy; each is read when shown."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    return {
        "waiting_count": SimpleLazyObject(lambda: todo.count(user)),
        "halts": SimpleLazyObject(lambda: halts.shown_to(user)),
        "copy_problem": SimpleLazyObject(fence.problem),
    }
