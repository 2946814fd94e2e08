"""Figures of a send that lists of deliveries show: a room above counts and names them, and says so here."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise

from deliveries.models import Delivery

Counter = Callable[[Collection[int]], Mapping[int, int]]


@dataclass(frozen=True)
class Shown:
    """A figure: what counts it, its name in words, and the filter of the log that shows its rows.

    It is counted by the ids of deliveries, of those of which something is known.
    """

    counter: Counter
    label: str | Promise
    log: str
    rows: str


_shown: dict[str, Shown] = {}


def shown_as(name: str, figure: Shown) -> None:
    """Set what a figure is."""
    _shown[name] = figure


def named(name: str) -> Shown:
    """The figure of this name; raise KeyError where no room has set it."""
    return _shown[name]


def annotate(deliveries: Iterable[Delivery]) -> None:
    """Give each delivery its `figures` by name, in one query for each figure; what is not known is left out."""
    rows = list(deliveries)
    ids = [delivery.pk for delivery in rows]
    counted = {name: figure.counter(ids) for name, figure in _shown.items()} if ids else {}
    for delivery in rows:
        found = {name: by_id[delivery.pk] for name, by_id in counted.items() if delivery.pk in by_id}
        delivery.figures = found  # type: ignore[attr-defined]  # added here
