"""The sealed page of a message, each link of ours told by its number: what a map of clicks is drawn upon."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deliveries.content.compiled import Compiled
from deliveries.content.message.render import RenderError
from deliveries.models import Delivery, Preparation
from deliveries.proofs import previews
from deliveries.rendering import renderer

PLACE = "#link-"  # and the number of the link, in place of where it leads
_SLOT = re.compile(r"\{\{ _base \}\}/(?:c/\{\{ _c(?P<index>\d+) \}\}|(?P<own>[um])/\{\{ _[um] \}\})")
_OWN = {"u": "opt_out", "m": "mirror"}


def is_possible(delivery: Delivery) -> bool:
    """Whether there is a sealed page, tracked as all of its messages are."""
    if delivery.preparation_id is None or not delivery.tracking:
        return False
    rows = Preparation.objects.filter(pk=delivery.preparation_id).exclude(seal="")
    return rows.exclude(compiled__html="").exclude(compiled={}).exists()


def page(delivery: Delivery, values: Mapping[str, Any]) -> str:
    """The page for these values, whose links lead to their numbers; empty where it can't be filled in."""
    compiled = Compiled.from_json(delivery.latest_preparation().compiled)
    own: dict[str, int] = {}
    for link in compiled.links:
        own.setdefault(link.kind, link.index)

    def numbered(slot: re.Match[str]) -> str:
        index = slot["index"] if slot["index"] is not None else own.get(_OWN[slot["own"]], "")
        return f"{PLACE}{index}"

    marked = replace(compiled, html=_SLOT.sub(numbered, compiled.html))
    try:
        return previews.at_rest(renderer(delivery, marked).html(seq=None, values=values))
    except RenderError:
        return ""
