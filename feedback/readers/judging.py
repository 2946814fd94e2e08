"""The rules and networks by which hits are judged now, and what they say of what a delivery holds."""

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from deliveries.models import Delivery
from feedback.readers import agents, classes, networks, rules
from feedback.readers.networks import Networks
from feedback.readers.rules import BadReaderRules, Rules

_IN_PART = re.compile(r"\{\{ _c([0-9]{1,5}) \}\}")  # as `deliveries.content.links.slot` writes a tracked link

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judge:
    """Rules and networks as they were read at one moment."""

    rules: Rules
    networks: Networks

    def sign(self, agent: str) -> str:
        return str(agents.sign_of(agent, self.rules))

    def kind(self, network: str) -> str:
        """What a network says by itself: a class."""
        return str(self.networks.kind_of(network))

    def sweep(self, delivery_id: int) -> dict[str, Any]:
        """The parameters `links` and `seconds` of `classes.swept` for this delivery."""
        links = _links(delivery_id)
        return {"links": classes.mask(list(links)), "seconds": self.rules.seconds_of_sweep(len(links))}


def in_force() -> Judge:
    """As the files say now. Raises BadReaderRules."""
    return Judge(rules.in_force(), networks.in_force())


def at_hand() -> Judge:
    """As the files say now, or by ours alone where an operator's can't be read: what arrives must be stored."""
    try:
        return in_force()
    except BadReaderRules as error:
        logger.error("hits are judged by the rules that come with Sinete: %s", error)
        return Judge(rules.read_files(), networks.read_files())


@lru_cache(maxsize=1024)
def _links(delivery_id: int) -> tuple[int, ...]:
    """The numbers of the tracked links of the HTML, else of the text; what was sealed never changes."""
    stored = (
        Delivery.objects.filter(pk=delivery_id).values_list("preparation__compiled", flat=True).first() or {}
    )
    of_html, of_text = (set(_IN_PART.findall(stored.get(part) or "")) for part in ("html", "text"))
    return tuple(sorted(int(number) for number in of_html or of_text))
