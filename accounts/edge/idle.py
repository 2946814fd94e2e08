"""When a session ends by itself: so long after somebody last used it. What a page asks for by itself is no use."""

import time

from django.conf import settings
from django.http import HttpRequest

LAST_USE = "last_use"
SECONDS_BETWEEN_NOTES = 60  # a session's row is not written for each click
REFRESHES = "refreshes"  # in the address that a page without scripts gives itself to load again


def is_use(request: HttpRequest) -> bool:
    """Whether a person asked for this: something posted, or a page of its own that did not ask for itself."""
    if request.method not in ("GET", "HEAD"):
        return True
    if request.headers.get("HX-Request") or request.headers.get("X-Requested-With"):
        return False
    # A browser says what it wants the answer for; what is fetched by a script or shown in a frame was not opened.
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        return False
    return REFRESHES not in request.GET and not request.path.endswith(".json")


def has_ended(request: HttpRequest) -> bool:
    """Whether the session of whoever is signed in was left alone for too long; otherwise its use is noted."""
    longest, now = settings.SESSION_IDLE_MINUTES * 60, int(time.time())
    last = request.session.get(LAST_USE)
    if longest and isinstance(last, int) and now - last > longest:
        return True
    if last is None or (is_use(request) and now - last >= min(SECONDS_BETWEEN_NOTES, longest // 10)):
        request.session[LAST_USE] = now
    return False
