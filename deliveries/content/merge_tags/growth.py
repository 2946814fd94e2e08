"""Variables that grow: each `set` may use those before it, so one of a few lines could fill the memory."""

from django.utils.translation import gettext_noop as n_

from deliveries.content.merge_tags.expressions import Const, Expression, Filter, Name, children_of
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.segments import Segment

MAX_WEIGHT = 5_000  # of one variable, in units of a short text


class Growth:
    """How large the variables of one part may become; its segments are weighed in order."""

    def __init__(self) -> None:
        self._weights: dict[str, int] = {}

    def weigh(self, segment: Segment) -> None:
        """Add what this `set` may make of its variable; raise Problem where that is more than MAX_WEIGHT."""
        assert segment.expression is not None
        weight = self._weight(segment.expression)
        self._weights[segment.name] = self._weights.get(segment.name, 0) + weight
        if self._weights[segment.name] > MAX_WEIGHT:
            raise Problem("template_not_allowed", n_("“%(name)s” would grow without end."), name=segment.name)

    def _weight(self, node: Expression) -> int:
        """Return an upper bound of how large the value may become, in units of a short text."""
        match node:
            case Const(source=source):
                return 1 + len(source) // 100
            case Name(name=name):
                return self._weights.get(name, 1)
            case Filter(name="replace", operand=operand, arguments=arguments):
                return self._weight(operand) * 20 * (1 + sum(self._weight(a) for a in arguments))
        return 1 + sum(self._weight(child) for child in children_of(node))
