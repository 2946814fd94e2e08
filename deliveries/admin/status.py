"""A delivery's status at the desk: in the words of the pages, and the colour of each."""

from typing import Any

from django.http import HttpRequest
from unfold.views import ChangeList

from deliveries.models import Delivery
from deliveries.overview import figures, state


class StandingList(ChangeList):
    """A list that computes the state of each row's delivery, in the same few queries for any number of rows."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)  # type: ignore[has-type]  # the stubs leave it out
        found = [self.model_admin.delivery_of(row) for row in self.result_list]
        state.annotate([delivery for delivery in found if delivery is not None])
        figures.annotate([delivery for delivery in found if delivery is not None])


def pill(delivery: Delivery) -> tuple[str, Any]:
    """Return the colour and the words of the delivery's state."""
    found = state.of(delivery)
    return found.tone, found.words
