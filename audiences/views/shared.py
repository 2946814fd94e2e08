"""Find or 404, say a refusal on the page that asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import ngettext

from accounts import access
from campaign.lib.refusals import Forbidden, Refusal

Found = TypeVar("Found", bound=Model)


def visible_or_404(request: HttpRequest, rows: QuerySet[Found], pk: int) -> Found:
    """A stranger's object does not exist for this person."""
    found: Found = get_object_or_404(access.visible(request.user, rows), pk=pk)
    return found


@contextmanager
def refusals_in(form: Form) -> Iterator[None]:
    """Show what a rule refuses inside, at its field or above the form; Forbidden, a missing right, is raised on."""
    try:
        yield
    except Forbidden:
        raise
    except Refusal as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


def used_again(number: int) -> str:
    """Say how many addresses were let go."""
    said = ngettext("%(n)s address may be used again.", "%(n)s addresses may be used again.", number)
    return said % {"n": number}
