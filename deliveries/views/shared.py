"""What every view of a delivery does: find it or answer 404, take one step, show what came of it."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts import access
from accounts.desk import person as person  # the views of deliveries take these two from here
from accounts.edge.refused import told as told
from accounts.rights import Right
from campaign.lib import numbers
from deliveries.drafting import NotEditable
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.overview import state


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
        "folder",
    )
    found = rows.defer("preparation__compiled").filter(pk=pk).first()
    if found is None:
        hidden = Delivery.objects.filter(pk=pk).first() if request.method == "POST" else None
        if hidden is not None:
            access.record_hidden(by=person(request), target=hidden)
        raise Http404
    return found


def find_editable(request: HttpRequest, pk: int) -> Delivery:
    """Return the delivery, for whoever may change it now; raise NotAllowed or NotEditable."""
    delivery = find(request, pk)
    access.require(person(request), Right.PREPARE, delivery)
    if delivery.status not in groups.EDITABLE:
        raise NotEditable(delivery=delivery, status=state.of(delivery).words)
    return delivery


def refused_to_dashboard(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Wrap a view so that a refusal leads back to the dashboard, which shows it."""

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
    if (found := numbers.key(text)) is None:
        raise Http404
    return found
