"""Made-up histories of a delivery: each message takes steps of the ledger by chance, and its people do things."""

import random
from datetime import timedelta
from typing import Any

from accounts.roles import root
from audiences.models import ErasedProfile, Erasure
from campaign.lib import clock
from deliveries.ledger import bounces, erasing
from deliveries.ledger.bounces import Reported
from deliveries.models import Delivery, Doubt, Message, MessageStatus, Nature, Reason, Try
from deliveries.operations.doubts import Decision
from deliveries.tests.doubts import decide
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind, IncomingMail, MailKind, Reply, Report

S = MessageStatus
NEXT = {
    S.PREPARED: (
        S.PREPARED,
        S.SENT,
        S.SENT,
        S.SENT,
        S.FAILED,
        S.RETRYING,
        S.IN_DOUBT,
        S.IGNORED,
        S.CANCELLED,
    ),
    S.RETRYING: (S.RETRYING, S.SENT, S.FAILED, S.IN_DOUBT, S.CANCELLED),
    S.IN_DOUBT: (S.IN_DOUBT, S.SENT, S.FAILED),
}


# What a message must let be measured, so that such a hit is kept; a wish always is.
_NEEDS, _KEPT = {HitKind.CLICK: 2}, {HitKind.UNSUBSCRIBE}


def made(seed: int, *, recipients: int = 40, is_over: bool = False) -> Delivery:
    """A delivery that is being sent, and what `seed` makes of it; nobody waits any more where it `is_over`."""
    chance = random.Random(seed)
    delivery = DeliveryFactory(sending=True, recipients=recipients)
    tracked = {seq: chance.choice([3, 3, 0, 1, 2]) for seq in range(1, recipients + 1)}
    for seq, may in tracked.items():
        execute(
            "UPDATE deliveries_message SET tracked = %s WHERE delivery_id = %s AND seq = %s",
            may,
            delivery.pk,
            seq,
        )
    standing = dict.fromkeys(range(1, recipients + 1), S.PREPARED)
    reached = recipients - recipients // 5
    for number in range(3):
        for seq in range(1, reached + 1):
            standing[seq] = _step(delivery, seq, standing[seq], chance)
        if number == 0:
            standing = _erasures(delivery, standing, chance)
    waiting = [seq for seq, status in standing.items() if status == S.PREPARED]
    for seq, new in zip(waiting[1:], (S.IN_DOUBT, S.RETRYING, S.IN_DOUBT), strict=False):
        standing[seq] = _goes(delivery, seq, S.PREPARED, new, chance)
    _late_bounces(delivery, standing, chance)
    _decisions(delivery, standing, chance)
    reactions = [_reaction(delivery, chance.randint(1, recipients), chance) for _n in range(recipients * 3)]
    Hit.objects.bulk_create(
        hit for hit in reactions if tracked[hit.seq] & _NEEDS.get(hit.kind, 1) or hit.kind in _KEPT
    )
    for seq in chance.sample(sorted(standing), recipients // 4):
        _mail(delivery, seq, chance)
    if is_over:
        for seq, status in standing.items():
            if status in (S.PREPARED, S.RETRYING):
                _goes(delivery, seq, status, S.CANCELLED, chance)
    return delivery


def _step(delivery: Delivery, seq: int, old: MessageStatus, chance: random.Random) -> MessageStatus:
    return _goes(delivery, seq, old, chance.choice(NEXT.get(old, (old,))), chance)


def _goes(
    delivery: Delivery, seq: int, old: MessageStatus, new: MessageStatus, chance: random.Random
) -> MessageStatus:
    if new == old:
        return old
    never_tried = old == S.PREPARED and (
        new in (S.IGNORED, S.CANCELLED) or (new == S.FAILED and chance.random() < 0.3)
    )
    execute(
        "UPDATE deliveries_message SET status = %s, tries = %s, reason = %s, at = sinete_clock()"
        " WHERE delivery_id = %s AND seq = %s",
        new, 0 if never_tried else 1, Reason.REFUSED if new == S.FAILED else "", delivery.pk, seq,
    )  # fmt: skip
    if old in (S.RETRYING, S.IN_DOUBT):
        (Try if old == S.RETRYING else Doubt).objects.filter(delivery=delivery, seq=seq).delete()
    if new == S.RETRYING:
        Try.objects.create(delivery=delivery, seq=seq, due_at=clock.now(), tries=1)
    if new == S.IN_DOUBT:
        Doubt.objects.create(
            delivery=delivery, seq=seq, since=clock.now() - timedelta(hours=1), token=1, tries=1
        )
    return new


def _late_bounces(delivery: Delivery, standing: dict[int, MessageStatus], chance: random.Random) -> None:
    """A few come back by mail afterwards, and a part of these was read wrong and is taken back."""
    arrived = [seq for seq, status in standing.items() if status in (S.SENT, S.IN_DOUBT)]
    late = chance.sample(arrived, len(arrived) // 4)
    bounces.hold(delivery.pk, late)
    bounces.bounce(
        delivery.pk, [Reported(seq, clock.now(), Nature.HARD, Reason.USER_UNKNOWN) for seq in late]
    )
    bounces.take_back(delivery.pk, late[: len(late) // 3])


def _decisions(delivery: Delivery, standing: dict[int, MessageStatus], chance: random.Random) -> None:
    unknown = list(Doubt.objects.filter(delivery=delivery).values_list("seq", flat=True))
    for decision in (Decision.COUNT_AS_SENT, Decision.HOLD):
        if some := chance.sample(unknown, len(unknown) // 3):
            unknown = [seq for seq in unknown if seq not in some]
            decide(delivery, decision, some)


def _erasures(
    delivery: Delivery, standing: dict[int, MessageStatus], chance: random.Random
) -> dict[int, MessageStatus]:
    """A few people are erased: what was still to leave to them does not, and their rows are emptied. Return how all stand."""
    to_leave = [seq for seq, status in standing.items() if status in (S.PREPARED, S.RETRYING)]
    others = [seq for seq in standing if seq not in to_leave]
    seqs = chance.sample(to_leave, len(to_leave) // 2) + chance.sample(others, len(others) // 6)
    ids = list(Message.objects.filter(delivery=delivery, seq__in=seqs).values_list("profile_id", flat=True))
    erasure = Erasure.objects.create(unit=root(), at=clock.now(), watched_until=clock.now())
    ErasedProfile.objects.bulk_create(ErasedProfile(profile_id=pk, erasure=erasure) for pk in ids)
    execute("DELETE FROM audiences_audiencemember WHERE profile_id = ANY(%s)", ids)
    execute("DELETE FROM audiences_profile WHERE id = ANY(%s)", ids)
    erasing.sweep(ids, before_emptying=lambda keys: None)
    rows = Message.objects.filter(delivery=delivery).order_by("seq").values_list("seq", "status")
    return {seq: MessageStatus(status) for seq, status in rows}


def _reaction(delivery: Delivery, seq: int, chance: random.Random) -> Hit:
    kind = chance.choice([HitKind.OPEN, HitKind.OPEN, HitKind.CLICK, HitKind.MIRROR, HitKind.UNSUBSCRIBE])
    at = clock.now() - timedelta(minutes=chance.randint(0, 6000))
    link = 0 if kind == HitKind.CLICK else None
    by = chance.choice(list(AgentKind))
    return Hit(delivery=delivery, seq=seq, kind=kind, link=link, agent_kind=by, at=at)


def _mail(delivery: Delivery, seq: int, chance: random.Random) -> None:
    """Somebody complains, replies, or wants no more by mail."""
    mail = IncomingMail.objects.create(
        raw=b"Subject: x\r\n\r\n", received_at=clock.now(), digest=chance.randbytes(32)
    )
    if chance.random() < 0.3:
        Reply.objects.create(mail=mail, delivery=delivery, seq=seq)
        return
    about: dict[str, Any] = chance.choice(
        [{"kind": MailKind.COMPLAINT, "evidence": Report.Evidence.HEADER},
         {"kind": MailKind.NOT_A_BOUNCE, "evidence": Report.Evidence.UNSUBSCRIBE}]
    )  # fmt: skip
    Report.objects.create(
        mail=mail,
        number=0,
        at=clock.now(),
        delivery=delivery,
        seq=seq,
        is_current=chance.random() < 0.8,
        **about,
    )
