"""Figures that a campaign can have as its goal: reporting counts and names them, and says so here."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal
from deliveries.models import Folder

LARGEST = Decimal(10_000_000_000)
PER_CENT = Decimal(100)


class NoSuchGoal(Refusal):
    message = _("There is no figure “%(figure)s” that can be a goal: choose one of %(known)s.")
    code = "no_such_goal"
    exit_code = 2


class GoalIncomplete(Refusal):
    message = _("A goal needs both: the figure, and the value that it should reach.")
    code = "goal_incomplete"
    exit_code = 2


class GoalOutOfRange(Refusal):
    message = _("The goal of “%(figure)s” is from 0 to %(largest)s.")
    code = "goal_out_of_range"
    exit_code = 2


@dataclass(frozen=True)
class Goal:
    """A figure by its name: a share in per cent or a number, which should be reached, or not be passed."""

    label: str | Promise
    is_rate: bool
    is_most: bool = False

    @property
    def choice(self) -> str:
        """As a form offers it, with what its value means."""
        if self.is_rate:
            shape = _("%(figure)s, per cent at most") if self.is_most else _("%(figure)s, per cent at least")
        else:
            shape = _("%(figure)s, a number at most") if self.is_most else _("%(figure)s, a number at least")
        return str(shape) % {"figure": self.label}

    def aimed(self, value: Decimal) -> str:
        """The value with which way it is meant: at least 25.0%."""
        said = _("at most %(value)s") if self.is_most else _("at least %(value)s")
        return str(said) % {"value": self.shown(value)}

    def shown(self, value: Decimal) -> str:
        """The value as people read it: 25.0% or 1,200."""
        if self.is_rate:
            return f"{number_format(value, 1)}%"
        return number_format(value, 0, force_grouping=True)


_offered: dict[str, Goal] = {}


def offered_as(code: str, goal: Goal) -> None:
    """Set that the figure of this code can be a goal."""
    _offered[code] = goal


def choices() -> list[tuple[str, str]]:
    """Code and words of each figure that can be a goal."""
    return [(code, goal.choice) for code, goal in _offered.items()]


def goal_of(folder: Folder) -> Goal | None:
    """What its goal is a figure of; None where it has none, or its figure is none any more."""
    return _offered.get(folder.goal_figure)


def check(figure: str, value: Decimal | None) -> None:
    """Raise NoSuchGoal, GoalIncomplete or GoalOutOfRange unless the two make a goal, or both are empty."""
    if not figure and value is None:
        return
    if not figure or value is None:
        raise GoalIncomplete()
    if (goal := _offered.get(figure)) is None:
        raise NoSuchGoal(figure=figure[:40], known=", ".join(_offered))
    largest = PER_CENT if goal.is_rate else LARGEST
    if not value.is_finite() or not 0 <= value <= largest:
        raise GoalOutOfRange(figure=goal.label, largest=number_format(largest, 0, force_grouping=True))
