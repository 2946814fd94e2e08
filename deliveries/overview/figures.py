"""Figures of a send that lists of deliveries show: a room above counts them, and says so here."""

from collections.abc import Callable, Collection, Iterable, Mapping

from deliveries.models import Delivery

Counter = Callable[[Collection[int]], Mapping[int, int]]
_counters: dict[str, Counter] = {}


def counted_by(name: str, counter: Counter) -> None:
    """Set what counts a figure: by the ids of deliveries, of those of which it knows something."""
    _counters[name] = counter


def annotate(deliveries: Iterable[Delivery]) -> None:
    """Give each delivery its `figures` by name, in one query for each figure; what is not known is left out."""
    rows = list(deliveries)
    ids = [delivery.pk for delivery in rows]
    counted = {name: counter(ids) for name, counter in _counters.items()} if ids else {}
    for delivery in rows:
        found = {name: by_id[delivery.pk] for name, by_id in counted.items() if delivery.pk in by_id}
        delivery.figures = found  # type: ignore[attr-defined]  # added here
