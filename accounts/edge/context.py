"""What every page's frame shows of the person who is signed in."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.desk import administers_everything, anywhere
from accounts.models import User
from accounts.rights import Right


def frame(request: HttpRequest) -> dict[str, Any]:
    """Whether the person administers any unit; asked only where a page shows it, one query at most."""
    if not isinstance(getattr(request, "user", None), User):
        return {}
    return {
        "administers_units": SimpleLazyObject(lambda: Right.ADMINISTER in anywhere(request)),
        "administers_everything": SimpleLazyObject(lambda: administers_everything(request)),
    }
