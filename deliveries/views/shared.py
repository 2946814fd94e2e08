"""What every view of a delivery does: find it or 404, take one step, tell what came of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib.refusals import Forbidden, Refusal
from deliveries.drafting import NotEditable
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.overview import state


def person(request: HttpRequest) -> User:
    """Whoever is signed in; every page here asks for a login."""
    assert isinstance(request.user, User)
    return request.user


def find(request: HttpRequest, pk: int) -> Delivery:
    """Return the delivery, for whoever may see it.

    Raise Http404 for anybody else. A POST to a delivery that the person may not see is recorded in the audit trail.
    """
    rows = Delivery.objects.visible_to(person(request)).select_related(
        "unit",
        "audience",
        "content",
        "content__author",
        "route",
        "preparation",
        "preparation__started_by",
        "created_by",
    )
    found = rows.defer("preparation__compiled").filter(pk=pk).first()
    if found is None:
        hidden = Delivery.objects.filter(pk=pk).first() if request.method == "POST" else None
        if hidden is not None:
            access.record_hidden(by=person(request), target=hidden)
        raise Http404
    return found


def find_editable(request: HttpRequest, pk: int) -> Delivery:
    """The delivery, for whoever may change it now. Raises NotAllowed or NotEditable."""
    delivery = find(request, pk)
    access.require(person(request), Right.PREPARE, delivery)
    if delivery.status not in groups.EDITABLE:
        raise NotEditable(delivery=delivery, status=state.of(delivery).words)
    return delivery


@contextmanager
def told(request: HttpRequest, delivery: Delivery | None = None, *, action: str = "") -> Iterator[None]:
    """Record a refusal inside and show it as a message. Forbidden, a missing right, is raised on: it stays a 403."""
    try:
        yield
    except Forbidden:
        raise
    except Refusal as refusal:
        if request.method == "POST":
            audit.record_refusal(refusal, by=person(request), target=delivery, action=action)
        messages.error(request, str(refusal))


def refused_to_dashboard(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page that can't be had now leads back to the dashboard, which says why."""

    @wraps(view)
    def answer(request: HttpRequest, pk: int) -> HttpResponse:
        with told(request, action=view.__name__):
            return view(request, pk)
        return redirect("deliveries:dashboard", pk)

    return answer


def to_dashboard(request: HttpRequest, delivery: Delivery) -> HttpResponse:
    return redirect("deliveries:dashboard", delivery.pk)


def page(request: HttpRequest, name: str, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    return render(request, f"deliveries/{name}.html", context, status=status)


def number(request: HttpRequest, name: str) -> int | None:
    """Return a number in the address, or None where there is none. Raise Http404 for anything else."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise Http404
    return int(text)
