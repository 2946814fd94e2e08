"""Where requests come in and answers go out: what is typed while signed out is kept, and stands in its form again.

A form is known to be of a page of ours by its token, and is given back to whom that page was made for, alone.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _t
from django.views.csrf import csrf_failure

from accounts import leading
from accounts.kept_forms import browsers, filling, reading, rows
from accounts.models import KeptForm, User
from campaign.lib import clock

Answer = Callable[[HttpRequest], HttpResponseBase]
# Passwords are changed behind these: nothing of such a page is kept.
NEVER_KEPT = ("/login/", "/account/password/", "/account/2fa/", "/account/reauthenticate/")
LONGEST_PAGE = 8 * 1024 * 1024  # octets of a page that is filled in


def middleware(get_response: Answer) -> Answer:
    """Know the browser again; fill in forms that wait for whoever is signed in in it."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        pk = _signed_in(request)
        if pk is not None:
            browser = browsers.of(request)
            if secret := request.META.get("CSRF_COOKIE"):
                browser.meet(pk, secret)
            if browser.forms and not hasattr(request, "_was_kept"):
                _give_back(request, response, browser, pk)
        browsers.tell(request, response)
        return response

    return answer


def _signed_in(request: HttpRequest) -> int | None:
    """The key of whoever the answer was made for; a session that nobody read isn't read for it."""
    session: Any = getattr(request, "session", None)
    if hasattr(session, "_session_cache") and SESSION_KEY in session:
        return int(session[SESSION_KEY])
    return None


# -- keeping -------------------------------------------------------------------------------------------


def remember(request: HttpRequest, user: Any) -> None:
    """Note whose session it was that is about to end."""
    request._was = user.pk  # type: ignore[attr-defined]  # added here


def note_refusal(request: HttpRequest) -> None:
    """Note that a rule said no to what was posted: it is not done with."""
    request._was_refused = True  # type: ignore[attr-defined]  # added here


def keep(request: HttpRequest, *, page: str) -> str:
    """Keep what was posted by whoever is signed out, and return the page where they find it again, else nothing.

    What a page asks for by itself, in the background or in a frame, is no form that somebody posted.
    """
    if request.headers.get("HX-Request") or request.path.startswith(NEVER_KEPT):
        return ""
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        return ""
    owner = getattr(request, "_was", None) or browsers.of(request).owner_of(
        request.POST.get("csrfmiddlewaretoken", "")
    )
    return _kept(request, owner, page or request.path) if owner else ""


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """A form of a page that was opened before somebody signed in anew is given back to them; any other is refused.

    What another site made a browser post is never kept.
    """
    token = request.POST.get("csrfmiddlewaretoken", "")
    owner = browsers.of(request).owner_of(token) if token and _is_from_here(request) else None
    page = _kept(request, owner, leading.page_of(request) or request.path) if owner else ""
    if page and not request.user.is_authenticated:
        return HttpResponseRedirect(f"{reverse('login')}?next={quote(page)}")
    if page and request.user.pk == owner:
        return HttpResponseRedirect(page)
    return csrf_failure(request, reason)


def _is_from_here(request: HttpRequest) -> bool:
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    return bool(origin) and urlsplit(origin).netloc == request.get_host()


def _kept(request: HttpRequest, owner: int, page: str) -> str:
    typed = reading.typed(request)
    if typed.is_too_large:
        messages.warning(request, _t("You were signed out. What you typed is too much to be kept."))
        return ""
    user = User.objects.filter(pk=owner, is_active=True).first()
    if typed.is_empty or user is None:
        return ""
    if not ratelimit.consume(request, action="keep_form", key=str(owner)):
        return ""
    browser = browsers.of(request)
    row = rows.keep(
        user=user, browser=browser.digest, page=page, action=request.path, typed=typed, at=clock.now()
    )
    if row is None:
        return ""
    request._was_kept = True  # type: ignore[attr-defined]  # added here
    browser.count(_number(browser))
    if not request.user.is_authenticated:
        text = _t(
            "You were signed out. What you typed is kept: log in as %(person)s and it stands there again."
        )
        messages.info(request, text % {"person": user.get_username()})
    return page


def _number(browser: browsers.Browser) -> int:
    return KeptForm.objects.filter(browser=browser.digest).count()


# -- giving back ---------------------------------------------------------------------------------------


def _give_back(request: HttpRequest, response: HttpResponseBase, browser: browsers.Browser, pk: int) -> None:
    """Fill in what waits for the person on this page; once they posted it themselves, it is done with."""
    mine: dict[str, Any] = {"user_id": pk, "browser": browser.digest, "at": clock.now()}
    if request.method == "POST" and not request.headers.get("HX-Request"):
        went_well = response.status_code in (301, 302, 303) and not hasattr(request, "_was_refused")
        if went_well or response.status_code >= 400:
            rows.posted(**mine, action=request.path, went_well=went_well)
    elif request.method == "GET" and isinstance(response, HttpResponse) and _is_page(request, response):
        waiting = rows.of(**mine).filter(posted_at=None, page__startswith=request.path)
        for form in waiting:
            if form.path == request.path:
                _fill(request, response, form)
    else:
        return
    browser.count(_number(browser))


def waiting(request: HttpRequest) -> dict[str, str]:
    """What waits to be filled in on this page, one value for each field: for a page that makes its fields of it."""
    user = getattr(request, "user", None)
    browser = browsers.of(request)
    if request.method != "GET" or not browser.forms or not isinstance(user, User):
        return {}
    found = rows.of(user_id=user.pk, browser=browser.digest, at=clock.now())
    form = found.filter(posted_at=None, action=request.path).first()
    return {name: values[-1] for name, values in form.typed.items() if values} if form else {}


def _is_page(request: HttpRequest, response: HttpResponse) -> bool:
    return (
        response.status_code == 200
        and not request.headers.get("HX-Request")
        and response.headers.get("Content-Type", "").startswith("text/html")
        and len(response.content) <= LONGEST_PAGE
    )


def _fill(request: HttpRequest, response: HttpResponse, form: KeptForm) -> None:
    mark = f"kept-{get_random_string(24)}"
    page = response.content.decode(response.charset)
    filled = filling.fill(page, address=request.path, action=form.action, typed=form.typed, mark=mark)
    if not filled.is_there:
        return
    left = [(name, "\n".join(values)) for name, values in filled.left_over.items()]
    face = "admin" if request.path.startswith("/admin/") else "page"
    context = {"form": form, "face": face, "places": filled.places, "left_over": left}
    note = render_to_string("accounts/_kept.html", context, request)
    response.content = filled.html.replace(mark, note, 1)


def frame(request: HttpRequest) -> dict[str, Any]:
    """What every page says of kept forms that belong to other pages."""
    return {"kept_elsewhere": SimpleLazyObject(lambda: _elsewhere(request))}


def _elsewhere(request: HttpRequest) -> list[KeptForm]:
    user = getattr(request, "user", None)
    browser = browsers.of(request)
    if not browser.forms or not isinstance(user, User) or request.path == reverse("kept_forms"):
        return []
    found = rows.of(user_id=user.pk, browser=browser.digest, at=clock.now()).defer("typed")
    return [form for form in found if form.posted_at or form.path != request.path]
