"""The action bar: the buttons of a delivery's dashboard, and what is said in place of a missing one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.functional import Promise

from accounts import access
from accounts.models import User
from accounts.rights import Right
from deliveries import drafting, lifecycle
from deliveries.lifecycle import Step, groups, seal
from deliveries.lifecycle.actions import ACTIONS, Action, is_barred
from deliveries.models import Delivery
from deliveries.operations import remainders
from deliveries.overview import reasons
from deliveries.overview.diagnosis import Diagnosis
from deliveries.routing import limits


@dataclass(frozen=True)
class Button:
    """An action as a button: where it leads. `asks` leads to a page with the question; otherwise it acts, by POST."""

    action: Action
    page: str
    asks: bool = False
    query: tuple[tuple[str, str], ...] = ()
    look: str = ""

    @property
    def label(self) -> str | Promise:
        return self.action.label

    @property
    def icon(self) -> str:
        return self.action.icon

    @property
    def method(self) -> str:
        return "get" if self.asks else "post"


def _button(
    name: str, page: str = "", *, asks: bool = False, query: tuple[tuple[str, str], ...] = ()
) -> Button:
    action = ACTIONS[name]
    return Button(action, page or name, asks=asks, query=query, look=action.look)


STEPS: dict[Step, Button] = {
    button.action.step: button
    for button in (
        _button("confirm", asks=True),
        _button("approve", "approval", asks=True),
        _button("reject", "approval", asks=True, query=(("decision", "reject"),)),
        _button("prepare"),
        _button("stop-preparation"),
        _button("take-back"),
        _button("activate", "confirm", asks=True),
        _button("deactivate", "take-back"),
        _button("continue", "resume"),
        _button("suspend", "pause"),
        _button("end", "stop", asks=True),
        _button("resume"),
        _button("pause"),
        _button("stop", asks=True),
    )
    if button.action.step is not None
}
GOING_ON = frozenset({Step.RESUME, Step.CONTINUE})
PROOF = _button("proof", asks=True)
DUPLICATE = _button("duplicate")
REMAINDER = _button("remainder")
DELETE = _button("remove", "delete", asks=True)


@dataclass(frozen=True)
class ActionBar:
    """The buttons in their order with their addresses, and the sentence in place of a missing one."""

    buttons: list[tuple[Button, str]]
    instead: str
    can_edit: bool
    can_limit: bool
    can_place: bool


def action_bar(
    delivery: Delivery, user: User, *, changed: list[str], closed: Sequence[Diagnosis] = ()
) -> ActionBar:
    """Return what this person may do now, by status and rights; never more than the table of steps allows."""
    rights = access.held(user, delivery)
    steps = set(lifecycle.available(delivery, rights))
    barred = Step.APPROVE in steps and is_barred(delivery, user)
    if changed:
        steps -= lifecycle.SEALED_STEPS
    why_not = " ".join(one.text for one in closed) if steps & GOING_ON else ""
    if closed:
        steps -= GOING_ON
    if barred:
        steps.discard(Step.APPROVE)
    buttons = [_with_look(button, step, delivery, changed) for step, button in STEPS.items() if step in steps]
    buttons += _others(delivery, user, rights)
    editable = Right.PREPARE in rights and delivery.status in groups.EDITABLE
    return ActionBar(
        buttons=[(button, reverse(f"deliveries:{button.page}", args=[delivery.pk])) for button in buttons],
        instead=why_not or reasons.instead(delivery, user, rights),
        can_edit=editable,
        can_limit=limits.right_to_set(delivery) in rights,
        can_place=Right.PREPARE in rights,
    )


def changed_parts(delivery: Delivery) -> list[str]:
    """Return what differs from the sealed preparation, as long as that could still be confirmed."""
    return seal.changes(delivery) if delivery.status in groups.EDITABLE else []


def _with_look(button: Button, step: Step, delivery: Delivery, changed: list[str]) -> Button:
    """Make Prepare the main button where what is prepared can't be used: there is none, or it changed since."""
    is_due = delivery.status in groups.UNPREPARED or changed
    if step == Step.PREPARE and not (is_due and is_complete(delivery)):
        return replace(button, look="")
    return button


def is_complete(delivery: Delivery) -> bool:
    """Whether audience, content and schedule are there, so that a preparation makes sense."""
    content = delivery.content
    written = (
        content is not None and content.subject and content.from_address and (content.html or content.text)
    )
    return bool(delivery.audience_id and written and delivery.schedule_kind)


def _others(delivery: Delivery, user: User, rights: frozenset[Right]) -> list[Button]:
    found = []
    if Right.PREPARE in rights and delivery.content_id and delivery.status in groups.EDITABLE:
        found.append(PROOF)
    if access.can(user, Right.PREPARE, delivery.unit):
        if remainders.is_possible(delivery):
            found.append(REMAINDER)
        found.append(DUPLICATE)
    if Right.PREPARE in rights and drafting.is_deletable(delivery):
        found.append(DELETE)
    return found
