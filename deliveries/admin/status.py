"""A delivery's status at the desk: in the words of the pages, and the colour of each."""

from typing import Any

from django.http import HttpRequest
from unfold.views import ChangeList

from deliveries.models import Delivery, Status
from deliveries.overview import state

NEEDS_SOMEBODY = "needs_somebody"  # held, or finished with unknown outcomes: no status of its own

COLOURS = {
    Status.DRAFT: "default",
    Status.PREPARING: "info",
    Status.PREPARATION_FAILED: "danger",
    Status.AWAITING_APPROVAL: "warning",
    Status.READY: "warning",
    Status.SCHEDULED: "primary",
    Status.SENDING: "info",
    Status.PAUSED: "warning",
    Status.ACTIVE: "primary",
    Status.SUSPENDED: "warning",
    Status.FINISHED: "success",
    Status.STOPPED: "danger",
    Status.FAILED: "danger",
    Status.EXPIRED: "default",
    NEEDS_SOMEBODY: "warning",
}


class StandingList(ChangeList):
    """A list of which each row's delivery knows where it stands; the same few queries for any number of rows."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)  # type: ignore[has-type]  # the stubs leave it out
        found = [self.model_admin.delivery_of(row) for row in self.result_list]
        state.annotate([delivery for delivery in found if delivery is not None])


def pill(delivery: Delivery) -> tuple[str, Any]:
    """The colour's key and the words."""
    return NEEDS_SOMEBODY if state.tone(delivery) else delivery.status, state.label(delivery)
