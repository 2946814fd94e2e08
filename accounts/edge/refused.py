"""What a page does where a rule said no inside of one of its steps."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template import loader
from django.utils import translation

from accounts import audit
from accounts.kept_forms import edge as kept_forms
from accounts.models import User
from campaign.lib.refusals import Forbidden, Refusal


@contextmanager
def told(request: HttpRequest, target: Model | None = None, *, action: str = "") -> Iterator[None]:
    """Show a refusal inside as a message; that of a POST leaves an audit event, too.

    Forbidden, a missing right, is raised on: it stays a 403.
    """
    try:
        yield
    except Forbidden:
        raise
    except Refusal as refusal:
        if request.method == "POST":
            by = request.user if isinstance(request.user, User) else None
            audit.record_refusal(refusal, by=by, target=target, action=action)
        messages.error(request, str(refusal))
        kept_forms.note_refusal(request)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 to an address that nothing takes, in the language of whoever asked: the page chooses none yet."""
    with translation.override(translation.get_language_from_request(request)):
        return HttpResponseBadRequest(loader.render_to_string("400.html"))
