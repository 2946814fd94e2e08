"""What people do about messages whose outcome nobody can know: hold them, send them again, count them as sent.

Signed evidence resolves a doubt by itself (feedback); everything else is somebody's decision, with a reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Max, Min, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences import sight
from campaign.lib.refusals import Refusal
from deliveries import queues
from deliveries.ledger import resolutions
from deliveries.lifecycle import groups, log
from deliveries.models import Delivery, Doubt, Message, MessageStatus, SentAgain, Status
from deliveries.sending import gate

LONGEST_REASON = 200
SLICE = 5_000  # so many rows of an “all” are decided in one transaction
LISTED = 500  # so many numbers of rows an audit event names; beyond, how many there were
LARGEST_SEQ = 2**31 - 1


class Decision(models.TextChoices):
    HOLD = "hold", _("Hold")
    SEND_AGAIN = "send_again", _("Send again")
    COUNT_AS_SENT = "count_as_sent", _("Count as sent")


class ReasonMissing(Refusal):
    message = _("Say why: a reason is needed, and kept.")
    code = "reason_missing"


class NothingChosen(Refusal):
    message = _("Choose the messages that this is about.")
    code = "nothing_chosen"


class NothingInDoubt(Refusal):
    message = _("Nothing was left to decide: what you chose was settled meanwhile.")
    code = "nothing_in_doubt"


class TooSoon(Refusal):
    message = _(
        "An answer of the relay may still come. These can be sent again from %(moment)s on; until then they are held."
    )
    code = "too_soon"


class StoppedForGood(Refusal):
    message = _(
        "“%(delivery)s” is “%(status)s”: nothing more leaves under it. To write to those who were never written to,"
        " send the remainder; these here were perhaps reached, and are not part of it."
    )
    code = "stopped_for_good"


class ValidityOver(Refusal):
    message = _("The validity period ended at %(moment)s: nothing of this delivery is tried again.")
    code = "validity_over"


@dataclass(frozen=True)
class DecisionQuestion:
    """What the second step shows: how many messages are meant, and whether they could be sent again now."""

    decision: Decision
    number: int
    of: int


@dataclass(frozen=True)
class DecisionReceipt:
    """How many messages were decided on, how many of those asked for were settled before, and who opted out since."""

    decision: Decision
    done: int
    settled_before: int = 0
    opted_out: int = 0


def question(
    *, delivery: Delivery, decision: Decision, by: User, at: datetime, seqs: Sequence[int] | None
) -> DecisionQuestion:
    """Return what `by` must look at before they say OK.

    Raise NothingInDoubt where no message of unknown outcome was chosen, and what the decision itself would raise.
    """
    access.require(by, Right.START, delivery)
    meant = _meant(delivery, seqs)
    chosen = meant.count()
    if not chosen:
        raise NothingInDoubt()
    if decision == Decision.SEND_AGAIN:
        _check_again(delivery, meant, at)
    return DecisionQuestion(decision, chosen, of=number(delivery))


def decide(
    *,
    delivery: Delivery,
    decision: Decision,
    by: User,
    at: datetime,
    reason: str,
    seqs: Sequence[int] | None,
    expected: int | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> DecisionReceipt:
    """Hold the messages of unknown outcome that `seqs` names (None: all), send them again, or count them as sent.

    `expected` is how many were on the screen. Of two people one comes first; the other's receipt says how many were
    settled before. Raise access.NotAllowed, ReasonMissing, NothingInDoubt where all were settled before, and for
    sending again StoppedForGood, ValidityOver or TooSoon.
    """
    what: dict[str, Any] = {"delivery": delivery, "decision": decision, "by": by, "at": at, "reason": reason}
    if seqs is not None:
        return _decide(**what, seqs=seqs, expected=expected)
    return _decide_all(**what, expected=expected, progress=progress)


def _decide_all(
    *,
    delivery: Delivery,
    expected: int | None,
    progress: Callable[[int, int], None],
    at: datetime,
    **what: Any,
) -> DecisionReceipt:
    """Decide slice by slice, each with an audit event of its own: no lane waits long for the delivery's row.

    Messages that fall into doubt meanwhile are not part of it. If the delivery is stopped or this process ends on
    the way, the slices that were decided stay decided, and the rest is unchanged.
    """
    meant = Doubt.objects.filter(delivery=delivery, since__lte=at)
    access.require(what["by"], Right.START, delivery)
    of = meant.count()
    if of and what["decision"] == Decision.SEND_AGAIN:
        _check_again(Delivery.objects.get(pk=delivery.pk), meant, at)
    done = opted_out = last = 0
    settled = max(0, (expected or 0) - of)
    while slice_ := list(meant.filter(seq__gt=last).order_by("seq").values_list("seq", flat=True)[:SLICE]):
        last = slice_[-1]
        try:
            receipt = _decide(delivery=delivery, at=at, seqs=slice_, chosen="all", **what)
        except NothingInDoubt:
            settled += len(slice_)
            continue
        except (StoppedForGood, ValidityOver):
            if not done:
                raise
            break
        done, opted_out = done + receipt.done, opted_out + receipt.opted_out
        settled += receipt.settled_before
        progress(done, of)
    if not done and not opted_out:
        _decide(delivery=delivery, at=at, seqs=None, chosen="all", **what)  # raises the refusal
    return DecisionReceipt(what["decision"], done, settled_before=settled, opted_out=opted_out)


@transaction.atomic
def _decide(
    *,
    delivery: Delivery,
    decision: Decision,
    by: User,
    at: datetime,
    reason: str,
    seqs: Sequence[int] | None,
    expected: int | None = None,
    chosen: str = "rows",
) -> DecisionReceipt:
    delivery = Delivery.objects.locked(delivery.pk)
    access.require(by, Right.START, delivery)
    reason = reason.strip()[:LONGEST_REASON]
    if not reason:
        raise ReasonMissing()
    meant = _meant(delivery, seqs)
    numbers = list(meant.order_by("seq").values_list("seq", flat=True)[: LISTED + 1])
    present = len(numbers) if len(numbers) <= LISTED else meant.count()
    if not present:
        raise NothingInDoubt()
    asked = max(present, len(set(seqs)) if seqs is not None else 0, expected or 0)
    if decision == Decision.SEND_AGAIN:
        _check_again(delivery, meant, at)
    done = _carry_out(delivery, decision, seqs, reason)
    receipt = DecisionReceipt(decision, done, settled_before=asked - present, opted_out=present - done)
    audit.record(
        f"unknown_outcome_{decision.value}", by=by, target=delivery, number=done, reason=reason,
        chosen=chosen, rows=numbers if len(numbers) <= LISTED else [],
        settled_before=receipt.settled_before, opted_out=receipt.opted_out,
    )  # fmt: skip
    log.write(delivery, at, _SAID[decision], by=str(by), number=done, reason=reason)
    return receipt


_SAID = {
    Decision.HOLD: n_("%(by)s holds %(number)s messages with unknown outcome: %(reason)s"),
    Decision.SEND_AGAIN: n_("%(by)s sends %(number)s messages with unknown outcome again: %(reason)s"),
    Decision.COUNT_AS_SENT: n_("%(by)s counts %(number)s messages with unknown outcome as sent: %(reason)s"),
}


def number(delivery: Delivery) -> int:
    """How many messages of the delivery have an outcome that nobody knows."""
    return Doubt.objects.filter(delivery=delivery).count()


def sent_again(delivery: Delivery) -> dict[str, int]:
    """Return how many were sent again while the first outcome was unknown, and how many of these failed."""
    again = SentAgain.objects.filter(delivery=delivery).values("seq")
    failed = Message.objects.filter(delivery=delivery, seq__in=again, status=MessageStatus.FAILED)
    return {"number": again.count(), "failed": failed.count()}


def listed(delivery: Delivery, *, user: User | None) -> QuerySet[Any]:
    """The doubts of a delivery, each with its recipient's `address` and whether the person may see it, `is_seen`."""
    message = Message.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    rows = Doubt.objects.filter(delivery=delivery).annotate(
        address=Subquery(message.values("address")[:1]), profile_id=Subquery(message.values("profile_id")[:1])
    )
    return sight.marked(rows, user=user, unit=delivery.unit)


def again_from(since: datetime) -> datetime:
    """Return from when on a hand-over in doubt may be sent again: no answer to it can come any more."""
    waits = settings.SINETE["lease_seconds"] + settings.SINETE["smtp_reply_seconds"]
    return since + timedelta(seconds=waits)


def _meant(delivery: Delivery, seqs: Sequence[int] | None) -> QuerySet[Doubt]:
    found = Doubt.objects.filter(delivery=delivery)
    if seqs is None:
        return found
    if not seqs:
        raise NothingChosen()
    return found.filter(seq__in=[seq for seq in set(seqs) if 0 < seq <= LARGEST_SEQ])


def _valid_until(delivery: Delivery, meant: QuerySet[Doubt]) -> datetime | None:
    """Return until when all of them could be tried again: each moment has a validity period of its own."""
    if delivery.started_at is None or not delivery.has_moments:
        return delivery.valid_until
    ends = meant.aggregate(first=Min("seq"), last=Max("seq"))
    between = delivery.moments.filter(seq_to__gte=ends["first"] or 0, seq_from__lte=ends["last"] or 0)
    gate = between.aggregate(gate=Min("not_before"))["gate"]
    return max(delivery.started_at, gate or delivery.started_at) + timedelta(hours=delivery.validity_hours)


def _check_again(delivery: Delivery, meant: QuerySet[Doubt], at: datetime) -> None:
    if delivery.status not in groups.REPEATABLE:
        raise StoppedForGood(delivery=delivery, status=Status(delivery.status).label)
    until = _valid_until(delivery, meant)
    if until is not None and at >= until:
        raise ValidityOver(moment=_moment(delivery, until))
    possible = again_from(meant.aggregate(last=Max("since"))["last"])
    if at < possible:
        raise TooSoon(moment=_moment(delivery, possible))


def _moment(delivery: Delivery, moment: datetime) -> str:
    return f"{moment.astimezone(delivery.zone):%Y-%m-%d %H:%M:%S} {delivery.time_zone}"


def _carry_out(delivery: Delivery, decision: Decision, seqs: Sequence[int] | None, reason: str) -> int:
    if seqs is not None:
        seqs = [seq for seq in set(seqs) if 0 < seq <= LARGEST_SEQ]
    if decision == Decision.HOLD:
        return resolutions.annotate(delivery_id=delivery.pk, seqs=seqs, note=reason)
    if decision == Decision.COUNT_AS_SENT:
        note = n_("Counted as sent: somebody decided so.")
        return resolutions.count_as_sent(delivery_id=delivery.pk, seqs=seqs, note=note)
    done = resolutions.send_again(delivery_id=delivery.pk, seqs=seqs)
    if done and delivery.status == Status.FINISHED:
        gate.reopen(delivery.pk, because=n_("Messages with unknown outcome are sent again: sending goes on"))
    queues.TICK.enqueue()
    return done
