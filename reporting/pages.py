"""What the pages of this app have in common: who asks, for which delivery, and that no answer is stored."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from accounts.desk import person
from deliveries.models import Delivery


def find(request: HttpRequest, pk: int) -> Delivery:
    """The delivery, for whoever may see it; for anybody else there is none."""
    rows = Delivery.objects.visible_to(person(request)).select_related("unit", "preparation", "route")
    return get_object_or_404(rows.defer("preparation__compiled", "preparation__manifest"), pk=pk)


def never_stored(response: HttpResponse) -> HttpResponse:
    """The answer is kept by no browser and no proxy."""
    response.headers["Cache-Control"] = "no-store, private"
    return response
