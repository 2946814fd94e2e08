"""What the links of a delivery get: what its unit says, with what it says itself on top."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop as n_

from accounts.units import unit_links
from campaign.lib import link_parameters
from campaign.lib.link_parameters import LinkParameters
from deliveries.content.findings import Finding
from deliveries.content.parameters import Parameters
from deliveries.models import Delivery


def of(delivery: Delivery) -> Parameters:
    """Return the parameters with the delivery's own fields; one query."""
    holds = said(delivery)
    return Parameters(
        pairs=holds.said,
        domains=holds.domains or (),
        values=_values(delivery),
        own=settings.PUBLIC_URL,
    )


def said(delivery: Delivery) -> LinkParameters:
    """Return what holds for the delivery as it was written; one query."""
    own = LinkParameters.stored(delivery.link_parameters, delivery.link_domains)
    return own.over(unit_links.of_unit(delivery.unit))


def sealed(delivery: Delivery) -> dict[str, Any] | None:
    """Return what a seal binds: what was written, and the delivery's fields that it uses; None where links get none."""
    parameters = of(delivery)
    if not parameters.pairs:
        return None
    used = link_parameters.fields_in(parameters.pairs)
    return {
        "written": [list(pair) for pair in parameters.pairs],
        "domains": list(parameters.domains),
        "values": {name: value for name, value in parameters.values.items() if name in used},
    }


def as_written(part: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return of a sealed part what is the same in all runs of a series: each has fields of its own."""
    return part and {name: value for name, value in part.items() if name != "values"}


def findings(delivery: Delivery, parameters: Parameters) -> list[Finding]:
    """Return a warning where a parameter uses the delivery's date, and there is none."""
    if parameters.values.get("delivery.date") or delivery.is_recurring:
        return []
    text = n_(
        "The link parameter “%(name)s” uses the delivery's date, and this delivery has none: it stays empty."
    )
    return [
        Finding("warning", "parameter_without_date", text, "links", None, {"name": name})
        for name, value in parameters.pairs
        if "delivery.date" in link_parameters.fields_in([(name, value)])
    ]


def _values(delivery: Delivery) -> dict[str, str]:
    date = delivery.local_date
    if delivery.contact_date is not None:
        date = delivery.contact_date.astimezone(delivery.zone).date()
    return {
        "delivery.label": delivery.label,
        "delivery.name": delivery.name,
        "delivery.date": date.isoformat() if date else "",
        "delivery.unit": delivery.unit.label,
    }
