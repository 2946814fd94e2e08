"""What is kept of oneself in this browser, to read, to copy from and to throw away."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_POST, require_safe

from accounts.kept_forms import browsers, rows
from accounts.models import KeptForm, User
from campaign.lib import clock


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """All that is kept, with every word: also what has no form any more."""
    forms = [(form, _said(form)) for form in _mine(request)]
    return render(request, "accounts/kept.html", {"forms": forms})


@require_POST
def throw_away(request: HttpRequest, pk: int) -> HttpResponse:
    """It is gone; the page is shown as it is without it."""
    form = get_object_or_404(_mine(request), pk=pk)
    rows.throw_away(form=form, by=_person(request))
    messages.info(request, _t("What you had typed is thrown away."))
    return redirect(form.page if request.POST.get("back") else "kept_forms")


def _mine(request: HttpRequest) -> QuerySet[KeptForm]:
    browser = browsers.of(request)
    return rows.of(user_id=_person(request).pk, browser=browser.digest, at=clock.now())


def _said(form: KeptForm) -> list[tuple[str, str]]:
    return [(name, "\n".join(values)) for name, values in form.typed.items() if any(values)]


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
