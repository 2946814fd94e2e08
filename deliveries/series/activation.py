"""What a series' activation covers: a run within it leaves without a confirmation, any other waits for a person."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.rights import Right
from deliveries.lifecycle import link_parameters, seal
from deliveries.models import Confirmation, Delivery, Occurrence

# The parts of a run's seal that must be those of its series'. Its schedule is its own moment.
SAME = (
    "content",
    "audience",
    "validity",
    "policy",
    "route",
    "tracking",
    "unit",
    "identity",
    "parameters",
    "attachments",
    "service",
)

WELCOMED = 1_000  # people a run welcomes at least, where no limit is set

WORDS = {
    **{part: seal.PARTS[part] for part in SAME},
    "series": _("the series itself was changed or is no longer active"),
    "moment": _("its time was changed"),
    "size": _("more recipients than the series allows"),
    "starter": _("whoever activated the series may no longer start deliveries"),
}


def of(series: Delivery) -> Confirmation | None:
    """Return the activation in force, or None."""
    return series.confirmations.filter(taken_back_at=None).select_related("by", "preparation").first()


def size_limit(series: Delivery, *, counted: int) -> int:
    """Return how many recipients a run may have: as set, or twice as many as were counted.

    Of a welcome mail nobody may have been counted yet: then some come.
    """
    return series.series.size_limit or max(1 if series.days_after is None else WELCOMED, 2 * counted)


def differences(run: Delivery, parts: dict[str, Any]) -> list[str]:
    """Return which of a run's parts differ from what was activated; `["series"]` where no activation is in force."""
    series = run.execution_of
    activation = of(series) if series else None
    if activation is None:
        return ["series"]
    ours, theirs = _comparable(parts), _comparable(seal.held(activation.preparation.manifest))
    return [part for part in SAME if part in theirs and ours.get(part) != theirs[part]]


def _comparable(parts: dict[str, Any]) -> dict[str, Any]:
    """The parts without what each run has of its own."""
    return parts | {"parameters": link_parameters.as_written(parts.get("parameters"))}


def outside(run: Delivery, occurrence: Occurrence) -> list[str]:
    """Return why a prepared run may not leave on the activation of its series; empty where it may."""
    series = run.execution_of
    activation = of(series) if series else None
    if series is None or activation is None or seal.changes(series):
        return ["series"]
    prepared = run.latest_preparation()
    found = differences(run, prepared.manifest["parts"])
    if run.contact_date != occurrence.moment:
        found.append("moment")
    if prepared.to_deliver > activation.preparation.manifest["size_limit"]:
        found.append("size")
    if not access.can(activation.by, Right.START, series):
        found.append("starter")
    return found


def in_words(names: Iterable[str]) -> str:
    """What differs from what was activated, as a list in the reader's language."""
    return ", ".join(str(WORDS[name]) for name in names)
