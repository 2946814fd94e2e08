"""Stored mail is read anew after a rule was changed: first as a preview, then applied, and undone if need be.

What is read otherwise stands in reports beside those that count. Applying lets them change places and settles their
messages and addresses anew; undoing lets them change back. Each is one transaction, and may be asked for twice.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences.models import Quarantine
from audiences.quarantine import error_counts
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries.models import Message, MessageStatus
from feedback import queues
from feedback.intake import reading, settling
from feedback.models import IncomingMail, Outcome, Reclassification, Report

Status = Reclassification.Status

MOST_CHANGED = 20_000  # mails that one of these may read otherwise
AT_ONCE = 100
LONGEST = timedelta(days=3660)
_WORK = {Status.QUEUED, Status.APPLYING, Status.UNDOING}


class NoSpan(Refusal):
    message = _("Say from when until when the mail came that is to be read anew: ten years at most.")
    code = "no_span"


class NotReady(Refusal):
    message = _("It is “%(status)s”: that can't be done with it now.")
    code = "not_ready"


class ReadSince(Refusal):
    message = _("A later re-classification stands on this one: undo that first.")
    code = "read_since"


@transaction.atomic
def start(*, since: datetime, until: datetime, by: User, at: datetime) -> Reclassification:
    """Have the mail of that time read anew; nothing changes before it is applied. Raise NoSpan where it is none."""
    access.require(by, Right.ADMINISTER, root())
    if not since < until or until - since > LONGEST:
        raise NoSpan
    run = Reclassification.objects.create(since=since, until=until, by=by, at=at)
    audit.record("reclassify", by=by, target=run, since=since.isoformat(), until=until.isoformat())
    queues.READ_MAIL.enqueue(job_id="read-mail")
    return run


def apply(*, run: Reclassification, by: User) -> Reclassification:
    """What was found otherwise will count from now on."""
    return _ask(run, by, source=Status.READY, target=Status.APPLYING, action="apply_reclassification")


def undo(*, run: Reclassification, by: User) -> Reclassification:
    """What counted before will count again; raise ReadSince where a later one stands on this."""
    if Report.objects.filter(superseded_by__gt=run.pk, run=run).exists():
        raise ReadSince
    return _ask(run, by, source=Status.APPLIED, target=Status.UNDOING, action="undo_reclassification")


@transaction.atomic
def _ask(run: Reclassification, by: User, *, source: str, target: str, action: str) -> Reclassification:
    access.require(by, Right.ADMINISTER, root())
    locked = Reclassification.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if locked.status != source:
        raise NotReady(status=locked.get_status_display())
    locked.status = target
    locked.save(update_fields=["status"])
    audit.record(action, by=by, target=locked)
    queues.READ_MAIL.enqueue(job_id="read-mail")
    return locked


def work_off() -> int:
    """What was asked for is done: read, applied or undone; returns how many were."""
    return sum(_work(pk) for pk in list(asked_for().order_by("id").values_list("pk", flat=True)))


def asked_for() -> QuerySet[Reclassification]:
    """Those that wait for a worker: to be read, applied or undone."""
    return Reclassification.objects.filter(status__in=_WORK)


@transaction.atomic
def _work(pk: int) -> bool:
    rows = Reclassification.objects.select_for_update(skip_locked=True, of=("self",))
    run = rows.filter(pk=pk, status__in=_WORK).first()
    if run is None:
        return False
    if run.status == Status.QUEUED:
        _read(run)
        run.status = Status.READY
    else:
        is_applied = run.status == Status.APPLYING
        _exchange(run, forward=is_applied)
        run.status = Status.APPLIED if is_applied else Status.UNDONE
    run.save()
    return True


def _read(run: Reclassification) -> None:
    """The reports that the mail would give now stand beside those that it gave, where the two differ."""
    Report.objects.filter(run=run).delete()  # of a reading that was not ended
    span = IncomingMail.objects.filter(
        read_at__isnull=False, forgotten_at=None, received_at__gte=run.since, received_at__lte=run.until
    ).exclude(raw=b"")  # of somebody who was erased: what was read of it stays
    run.mails = run.changed = 0
    for mails in _batches(span.order_by("id").values_list("pk", flat=True)):
        run.mails += len(mails)
        run.changed += _compare(run, mails)
        if run.changed >= MOST_CHANGED:
            break
    sid = transaction.savepoint()
    run.messages, run.addresses = _exchange(run, forward=True)  # to see what it does
    transaction.savepoint_rollback(sid)


def _batches(ids: Any) -> Iterator[list[IncomingMail]]:
    pks = list(ids)
    for start_at in range(0, len(pks), AT_ONCE):
        chosen = pks[start_at : start_at + AT_ONCE]
        yield list(IncomingMail.objects.filter(pk__in=chosen).order_by("id"))


def _compare(run: Reclassification, mails: list[IncomingMail]) -> int:
    before, now = defaultdict(list), defaultdict(list)
    for report in Report.objects.filter(mail__in=mails, is_current=True):
        before[report.mail_id].append(report)
    for report in reading.rows_of(mails):
        now[report.mail_id].append(report)
    different = [pk for pk in now if _signs(before[pk]) != _signs(now[pk])]
    fresh = [report for pk in different for report in now[pk]]
    for report in fresh:
        report.run, report.is_current = run, False
    Report.objects.bulk_create(fresh)
    return len(different)


def _signs(reports: list[Report]) -> set[tuple[Any, ...]]:
    return {
        (each.recipient_key, each.kind, each.reason, each.delivery_id, each.seq, each.evidence)
        for each in reports
    }


def _exchange(run: Reclassification, *, forward: bool) -> tuple[dict[str, int], dict[str, int]]:
    """The reports of the reading and those that they stand for change places; what became of messages and addresses."""
    fresh = Report.objects.filter(run=run)
    mails = set(fresh.values_list("mail_id", flat=True))
    if forward:
        old = Report.objects.filter(mail_id__in=mails, is_current=True)
        old_ids = list(old.values_list("pk", flat=True))
    else:
        old_ids = list(Report.objects.filter(superseded_by=run).values_list("pk", flat=True))
    fresh_ids = list(fresh.values_list("pk", flat=True))
    out, into = (old_ids, fresh_ids) if forward else (fresh_ids, old_ids)
    concerned = _concerned([*out, *into])
    before = _messages(concerned)
    Report.objects.filter(pk__in=out).update(is_current=False)
    Report.objects.filter(pk__in=old_ids).update(superseded_by=run if forward else None)
    Report.objects.filter(pk__in=into).update(is_current=True)
    Report.objects.filter(pk__in=into, seq__isnull=False, delivery__isnull=False).exclude(
        outcome=Outcome.PROOF
    ).update(outcome=Outcome.PENDING)
    keys = _keys(concerned)
    stood = _stand(keys)
    error_counts.retract([f"report {pk}" for pk in out], at=clock.now())
    for delivery_id, seqs in concerned.items():
        settling.settle_messages(delivery_id, sorted(seqs))
    return _moves(before, _messages(concerned)), _moves(stood, _stand(keys))


def _concerned(reports: list[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    rows = Report.objects.filter(pk__in=reports, seq__isnull=False, delivery__isnull=False)
    for delivery_id, seq in rows.exclude(outcome=Outcome.PROOF).values_list("delivery_id", "seq"):
        found[int(delivery_id or 0)].add(int(seq or 0))
    return found


def _rows(concerned: dict[int, set[int]]) -> Iterator[Message]:
    for delivery_id, seqs in concerned.items():
        yield from Message.objects.filter(Q(delivery_id=delivery_id, seq__in=list(seqs)))


def _messages(concerned: dict[int, set[int]]) -> dict[Any, str]:
    return {
        (row.delivery_id, row.seq): " ".join(
            filter(None, [MessageStatus(row.status).name.lower(), row.nature])
        )
        for row in _rows(concerned)
    }


def _keys(concerned: dict[int, set[int]]) -> set[str]:
    return {row.address_key for row in _rows(concerned)}


def _stand(keys: set[str]) -> dict[Any, str]:
    rows = Quarantine.objects.filter(channel="email", address_key__in=list(keys))
    return dict.fromkeys(keys, "valid") | dict(rows.values_list("address_key", "status"))


def _moves(before: dict[Any, str], after: dict[Any, str]) -> dict[str, int]:
    """How many went from what to what."""
    return dict(Counter(f"{before[key]} → {after[key]}" for key in before if before[key] != after[key]))
