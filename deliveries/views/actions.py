"""The action bar: which buttons stand on a delivery's dashboard, and what is said in place of one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import ApprovalPolicy, User
from accounts.rights import Right
from deliveries import drafting, lifecycle
from deliveries.lifecycle import Step, groups, seal
from deliveries.models import Delivery, Status
from deliveries.operations import remainders
from deliveries.overview.diagnosis import Diagnosis
from deliveries.routing import limits


@dataclass(frozen=True)
class Button:
    """One button. `asks` leads to a page with the question; otherwise it acts, by POST."""

    name: str
    label: str | Promise
    icon: str
    asks: bool = False
    look: str = ""
    query: tuple[tuple[str, str], ...] = ()

    @property
    def method(self) -> str:
        return "get" if self.asks else "post"


STEPS: dict[Step, Button] = {
    Step.CONFIRM: Button("confirm", _("Confirm send"), "send", asks=True, look="primary"),
    Step.APPROVE: Button("approval", _("Approve"), "check", asks=True, look="primary"),
    Step.REJECT: Button("approval", _("Reject"), "x", asks=True, query=(("decision", "reject"),)),
    Step.PREPARE: Button("prepare", _("Prepare"), "seal"),
    Step.STOP_PREPARATION: Button("stop-preparation", _("Stop preparation"), "stop"),
    Step.TAKE_BACK: Button("take-back", _("Take back confirmation"), "arrow-left"),
    Step.ACTIVATE: Button("confirm", _("Activate"), "send", asks=True, look="primary"),
    Step.DEACTIVATE: Button("take-back", _("Take back activation"), "arrow-left"),
    Step.CONTINUE: Button("resume", _("Resume"), "play", look="primary"),
    Step.SUSPEND: Button("pause", _("Pause"), "pause"),
    Step.END: Button("stop", _("End series"), "stop", asks=True, look="danger"),
    Step.RESUME: Button("resume", _("Resume"), "play", look="primary"),
    Step.PAUSE: Button("pause", _("Pause"), "pause"),
    Step.STOP: Button("stop", _("Stop sending"), "stop", asks=True, look="danger"),
}
GOING_ON = frozenset({Step.RESUME, Step.CONTINUE})
PROOF = Button("proof", _("Send proof"), "mail", asks=True)
DUPLICATE = Button("duplicate", _("Duplicate"), "copy", look="quiet")
REMAINDER = Button("remainder", _("Send the remainder"), "send", look="primary")
DELETE = Button("delete", _("Delete"), "trash", asks=True, look="quiet")


@dataclass(frozen=True)
class ActionBar:
    """The buttons in their order with the addresses they lead to, and the sentence in place of a missing one."""

    buttons: list[tuple[Button, str]]
    instead: str
    can_edit: bool
    can_limit: bool


def action_bar(
    delivery: Delivery, user: User, *, changed: list[str], closed: Sequence[Diagnosis] = ()
) -> ActionBar:
    """What this person may do now, by status and rights; never more than the table of steps allows."""
    rights = access.held(user, delivery)
    steps = set(lifecycle.available(delivery, rights))
    barred = Step.APPROVE in steps and _is_barred(delivery, user)
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
        buttons=[(button, reverse(f"deliveries:{button.name}", args=[delivery.pk])) for button in buttons],
        instead=why_not or _instead(delivery, rights, barred),
        can_edit=editable,
        can_limit=limits.right_to_set(delivery) in rights,
    )


def changed_parts(delivery: Delivery) -> list[str]:
    """What differs from the sealed preparation, as long as that could still be confirmed."""
    return seal.changes(delivery) if delivery.status in groups.EDITABLE else []


def _with_look(button: Button, step: Step, delivery: Delivery, changed: list[str]) -> Button:
    """Prepare is the main button where what is prepared is of no use: there is nothing, or it changed since."""
    is_due = delivery.status in groups.UNPREPARED or changed
    if step == Step.PREPARE and is_due and is_complete(delivery):
        return replace(button, look="primary")
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


def _is_barred(delivery: Delivery, user: User) -> bool:
    return delivery.policy == ApprovalPolicy.FOUR_EYES and user in delivery.latest_preparation().makers()


def _instead(delivery: Delivery, rights: frozenset[Right], barred: bool) -> str:
    if delivery.status == Status.READY and Right.START not in rights:
        may = _t("You may see this delivery but not send it.")
        if Right.PREPARE in rights:
            may = _t("You may prepare this delivery but not send it.")
        return f"{may} {_ask(Right.START, delivery)}"
    if delivery.status == Status.AWAITING_APPROVAL and barred:
        barred_by = _t("You prepared or wrote this: someone else must approve it.")
        return f"{barred_by} {_ask(Right.APPROVE, delivery)}"
    if delivery.status == Status.AWAITING_APPROVAL and Right.APPROVE not in rights:
        waits = _t("It waits for an approval.")
        return f"{waits} {_ask(Right.APPROVE, delivery)}"
    return ""


def _ask(right: Right, delivery: Delivery) -> str:
    """Whom to ask, by name: at most eight people who may."""
    people = access.holders(right, delivery)
    if right == Right.APPROVE and delivery.policy == ApprovalPolicy.FOUR_EYES:
        people = people.exclude(pk__in=[maker.pk for maker in delivery.latest_preparation().makers()])
    names = [str(person) for person in people[:8]]
    if not names:
        return _t("Nobody holds the right “%(right)s” here: ask an administrator.") % {"right": right.label}
    return _t("Ask one of: %(people)s.") % {"people": ", ".join(names)}
