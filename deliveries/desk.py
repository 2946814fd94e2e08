"""The operators' buttons on a delivery: one table of them, and what each does when it is pressed.

Each is one step through the same verb as on the pages, always by POST. Those that need thought lead to a page first;
the second step of *Confirm send* is one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts import access
from accounts.desk import DeskAdmin, person
from accounts.models import User
from accounts.rights import Right
from campaign.lib import clock, numbers
from deliveries import lifecycle
from deliveries.lifecycle import Step, seal
from deliveries.lifecycle.actions import ACTIONS, Action, is_barred
from deliveries.models import Delivery
from deliveries.schedule import capacity


@dataclass(frozen=True)
class Order:
    """One press of a button: on which delivery, by whom, when, and what was posted with it."""

    delivery: Delivery
    by: User
    at: datetime
    posted: QueryDict

    @property
    def seal(self) -> str:
        return self.posted.get("seal", "")

    @property
    def comment(self) -> str:
        return self.posted.get("comment", "").replace("\x00", "").strip()

    @property
    def reason(self) -> str:
        return self.posted.get("reason", "").replace("\x00", "")

    @property
    def typed(self) -> int | None:
        return numbers.whole(self.posted.get("typed", ""))


@dataclass(frozen=True)
class Done:
    """What is said after a button was pressed, and where it leads: to `target`, else to the delivery's own page."""

    text: str | Promise
    target: Model | None = None
    is_gone: bool = False


@dataclass(frozen=True)
class DeskStep:
    """One button, named after its action. Without `offered`, the table of steps says when it is shown."""

    name: str
    take: Callable[[Order], Done]
    offered: Callable[[Delivery, User, frozenset[Right]], bool] = lambda delivery, user, rights: False
    page: str = ""  # the template that asks first
    context: Callable[[Delivery, User, datetime], dict[str, Any]] = lambda delivery, user, at: {}
    needs_open: bool = False  # refused while all sending is stopped, and on a copy

    @property
    def action(self) -> Action:
        return ACTIONS[self.name]

    @property
    def label(self) -> str | Promise:
        return self.action.label

    @property
    def variant(self) -> str:
        """unfold's name for the look of its button."""
        return self.action.look if self.action.look in VARIANTS else "default"


VARIANTS = frozenset({"primary", "danger"})
# unfold's names for the five colours of a state.
COLOURS = {"grey": "default", "blue": "info", "yellow": "warning", "red": "danger", "green": "success"}
STEPS: dict[str, DeskStep] = {}


def register(desk_step: DeskStep) -> None:
    """Add this button to the desk; raise KeyError where no action has its name."""
    STEPS[desk_step.action.name] = desk_step


def offered(delivery: Delivery, user: User) -> list[DeskStep]:
    """Return the buttons for this person now; never more than the table of steps allows."""
    rights = access.held(user, delivery)
    available = lifecycle.available(delivery, rights)
    if available & lifecycle.SEALED_STEPS and seal.changes(delivery):
        available -= lifecycle.SEALED_STEPS
    if Step.APPROVE in available and is_barred(delivery, user):
        available -= {Step.APPROVE}
    in_order = [STEPS[name] for name in ACTIONS if name in STEPS]
    return [
        one
        for one in in_order
        if (one.action.step in available if one.action.step else one.offered(delivery, user, rights))
    ]


def prepared(delivery: Delivery) -> dict[str, Any]:
    """Return what a decision is about: the counts, the causes, the findings, the seal."""
    latest = delivery.latest_preparation()
    return {
        "preparation": latest,
        "causes": [row for row in latest.cause_rows if row.number],
        "findings": capacity.current(delivery, at=clock.now()),
        "seal": latest.seal,
        "policy": delivery.policy.label,
    }


class OfDeliveryAdmin(DeskAdmin):
    """Rows of a delivery, for those who may see it."""

    right = Right.VIEW
    under_unit = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = Delivery.objects.visible_to(person(request))
        return self.model._default_manager.filter(delivery__in=mine.values("pk"))

    @display(description=_("delivery"), ordering="delivery")
    def whose(self, row: Any) -> str:
        return row.delivery.label
