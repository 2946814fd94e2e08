"""Hits are judged anew after a rule, a list or a network changed: first as a preview of the figures, then applied.

Hits are raw, so this can be done again and again, with any rules; with the former ones it is undone.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from campaign.lib import clock, leases
from campaign.lib.refusals import Refusal
from deliveries.models import Delivery
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind
from feedback.readers import judging, rereading
from feedback.readers.judging import Judge
from feedback.readers.rules import BadReaderRules
from reporting import queues
from reporting.counting import statistics
from reporting.counting.behaviour import BEHAVIOUR, behaviour
from reporting.figures import kpis
from reporting.models import HitReclassification

logger = logging.getLogger(__name__)

LOST_AFTER = statistics.LOST_AFTER


class RulesNotUnderstood(Refusal):
    message = _("The rules can't be read: %(problem)s")
    code = "rules_not_understood"


class NotReady(Refusal):
    message = _("It is “%(status)s”: that can't be done with it now.")
    code = "not_ready"


def require(*, delivery: Delivery | None, by: User) -> None:
    """Raise NotAllowed for whoever doesn't administer the delivery's unit; without a delivery, all of them."""
    access.require(by, Right.ADMINISTER, delivery if delivery is not None else root())


@transaction.atomic
def start(*, delivery: Delivery | None, by: User, at: datetime) -> HitReclassification:
    """Have the hits of a delivery, or of all, looked at anew; nothing changes before it is applied.

    Raise RulesNotUnderstood where that can't be done.
    """
    require(delivery=delivery, by=by)
    try:
        judging.in_force()
    except BadReaderRules as error:
        raise RulesNotUnderstood(problem=error) from error
    run = HitReclassification.objects.create(delivery=delivery, by=by, at=at)
    audit.record("reclassify_hits", by=by, target=delivery or run, run=run.pk)
    queues.RECLASSIFY_HITS.enqueue(job_id=f"reclassify-hits-{run.pk}", run_id=run.pk)
    return run


@transaction.atomic
def apply(*, run: HitReclassification, by: User) -> HitReclassification:
    """What was found will count from now on; raise NotReady for one that isn't."""
    require(delivery=run.delivery, by=by)
    locked = HitReclassification.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if not locked.may_be_applied:
        raise NotReady(status=locked.get_status_display())
    locked.status = HitReclassification.Status.APPLYING
    locked.save(update_fields=["status"])
    audit.record("apply_reclassify_hits", by=by, target=locked.delivery or locked, run=locked.pk)
    queues.RECLASSIFY_HITS.enqueue(job_id=f"reclassify-hits-{run.pk}", run_id=run.pk)
    return locked


def asked_for() -> QuerySet[HitReclassification]:
    """Those that wait for a worker."""
    return HitReclassification.objects.filter(
        status__in=[HitReclassification.Status.QUEUED, HitReclassification.Status.APPLYING]
    )


def wake() -> int:
    """Ask again for those that nobody is at: their job was lost, or their worker died. Their number."""
    ids = list(
        asked_for().filter(leases.is_free(), at__lt=clock.now() - LOST_AFTER).values_list("pk", flat=True)
    )
    for run_id in ids:
        queues.RECLASSIFY_HITS.enqueue(job_id=f"reclassify-hits-{run_id}", run_id=run_id)
    return len(ids)


def work(*, run_id: int) -> None:
    """What was asked for is looked at, or applied, by one worker at a time; one that too many died of has failed."""
    row = asked_for().filter(pk=run_id)
    token = leases.take_once_free(row)
    if token is None:
        return
    mine = HitReclassification.objects.filter(pk=run_id, token=token)
    with leases.renewed(mine, token=token), leases.heard_of(mine, token=token):
        if leases.is_deadly(mine.values_list("unended", flat=True).first() or 0):
            logger.error(
                "re-classification of hits %s has ended %s workers: it fails", run_id, leases.MOST_DEATHS
            )
            _end(mine, HitReclassification.Status.FAILED)
            return
        run = mine.select_related("delivery").get()
        try:
            judge = judging.in_force()
        except BadReaderRules:
            logger.exception("hits can't be judged anew")
            _end(mine, HitReclassification.Status.FAILED)
            return
        if run.status == HitReclassification.Status.QUEUED:
            _end(mine, HitReclassification.Status.READY, **_look(run, judge))
        else:
            _end(mine, HitReclassification.Status.APPLIED, **_apply(run, judge))


def _end(mine: QuerySet[HitReclassification], status: str, **found: Any) -> None:
    mine.update(status=status, ended_at=clock.now(), lease_until=None, **found)


def _look(run: HitReclassification, judge: Judge) -> dict[str, Any]:
    """What would become of hits and figures; nothing is changed."""
    moves: rereading.Moves = Counter()
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for delivery_id in _concerned(run):
        with transaction.atomic():
            moves += rereading.preview(delivery_id, judge)
            before.update(_figures(behaviour(delivery_id)))
            after.update(_figures(behaviour(delivery_id, reread=True)))
    return _found(moves) | {"figures": {name: [before[name], after[name]] for name in BEHAVIOUR}}


def _apply(run: HitReclassification, judge: Judge) -> dict[str, Any]:
    """Each batch is a transaction of its own: whoever is stopped in between goes on, since what is done stays so."""
    moves: rereading.Moves = Counter()
    for delivery_id in _concerned(run):
        for first, last in rereading.batches(delivery_id):
            with transaction.atomic():
                statistics.hold(delivery_id)
                moves += rereading.change(delivery_id, first, last, judge)
        statistics.reconcile(delivery_id, clock.now())
    return {"hits": moves.total()}


def _concerned(run: HitReclassification) -> Iterator[int]:
    """Those with hits; where rows have gone by a retention period the figures are final, and nothing is judged anew."""
    counting = Delivery.objects.filter(kept_figures=None)
    if run.delivery_id is not None:
        yield from list(counting.filter(pk=run.delivery_id).values_list("pk", flat=True))
        return
    hits = Hit.objects.filter(delivery_id=OuterRef("pk"))
    yield from list(counting.filter(Exists(hits)).order_by("pk").values_list("pk", flat=True))


def _found(moves: rereading.Moves) -> dict[str, Any]:
    changed = {move: number for move, number in moves.items() if move[1] != move[2]}
    return {
        "hits": moves.total(),
        "changed": sum(changed.values()),
        "moves": [[*move, number] for move, number in sorted(changed.items())],
    }


def _figures(counted: dict[str, Any]) -> dict[str, int]:
    return {name: counted[name] for name in BEHAVIOUR}


# In words


def moves_in_words(run: HitReclassification) -> list[tuple[str, str, str, int]]:
    """What changes: the kind of hit, its class before, its class after, and how many."""
    kinds, classes = dict(HitKind.choices), dict(AgentKind.choices)
    return [
        (str(kinds.get(kind, kind)), str(classes.get(was, was)), str(classes.get(now, now)), number)
        for kind, was, now, number in run.moves
    ]


def figures_in_words(run: HitReclassification) -> list[dict[str, Any]]:
    """Each figure of people with its name: before, after, difference."""
    return [
        {"label": kpis.LABELS[name], "old": old, "new": new, "delta": new - old}
        for name, (old, new) in ((name, run.figures[name]) for name in BEHAVIOUR if name in run.figures)
    ]
