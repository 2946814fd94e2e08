"""What was kept for long enough goes, slice by slice, until it is done or its time is over: the next run goes on.

While messages leave it rests after each slice.
"""

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import OrganizationalUnit, User
from accounts.units.units import lock_tree
from campaign.lib.in_time import TooSlow, at_most
from deliveries.models import RetentionKind
from deliveries.retention import purging, whole
from deliveries.retention.due import due
from feedback import forgetting
from reporting.retention import planning
from reporting.retention.freezing import freeze
from reporting.retention.kinds import KINDS, OF_UNITS, Kind, OfUnits
from reporting.retention.pace import SHARE_BESIDE_A_SEND, Pace

logger = logging.getLogger(__name__)

SECONDS_AT_MOST = 1500  # of one run; the job has half an hour
SLICE_MILLISECONDS = 60_000  # for one statement, before it is given up


@dataclass
class Applied:
    """What a run has done: rows by kind, deliveries, those that were passed over and why, and whether all is done."""

    rows: Counter[str] = field(default_factory=Counter)
    deliveries: set[int] = field(default_factory=set)
    passed_over: dict[int, str] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)  # of deliveries, whose rows went at once
    is_done: bool = True


def apply(
    *,
    at: datetime,
    by: User | None = None,
    unit: OrganizationalUnit | None = None,
    seconds: float = SECONDS_AT_MOST,
    full_speed: bool = False,
) -> Applied:
    """Rows that were kept for long enough are gone: of all units, or of those alone that `by` administers.

    While messages leave it rests for most of the time, unless `full_speed`. What was begun and not ended when the time
    is over, or the process dies, is ended by the next run. Raise NotAllowed.
    """
    units, done = planning.administered(by, unit=unit), Applied()
    pace = Pace(end=time.monotonic() + seconds, share=1 if full_speed else SHARE_BESIDE_A_SEND)
    for together in whole.find(planning.due_recipients(at, units), with_empty=units is None):
        _drop(together, at=at, pace=pace, done=done)
    for kind in KINDS:
        for each in due(kind.kind, at=at, rows=kind.has_rows, units=units):
            _purge(each.delivery_id, kind, at=at, pace=pace, done=done)
    for each_kind in OF_UNITS:
        _delete_of_units(each_kind, at, units, pace=pace, done=done)
    _empty_loose(at, units, pace=pace, done=done)
    if done.rows or done.ranges or done.passed_over:
        audit.record(
            "apply_retention", by=by, target=unit, rows=dict(done.rows), deliveries=len(done.deliveries),
            ranges=done.ranges, passed_over=len(done.passed_over), is_done=done.is_done,
        )  # fmt: skip
    return done


def _drop(each: whole.Whole, *, at: datetime, pace: Pace, done: Applied) -> None:
    """The range goes at once, or what may go of it goes by slices afterwards."""
    for delivery_id in sorted(each.deliveries):
        more: bool | None = True
        while more:
            if pace.is_over:
                done.is_done = False
                return
            try:
                with at_most(SLICE_MILLISECONDS):
                    more = purging.keep_addressees(delivery_id, at=at, freeze=freeze)
                pace.rest()
            except (purging.BooksOff, TooSlow) as error:
                logger.info("the range %s goes in slices: %s", each.name, error)
                return
    try:
        done.rows[RetentionKind.RECIPIENTS] += whole.drop(each, at=at)
    except whole.Changed as why:
        logger.info("the range %s goes in slices: %s", each.name, why)
        return
    pace.rest()
    done.ranges.append(each.name)
    done.deliveries |= each.deliveries


def _purge(delivery_id: int, kind: Kind, *, at: datetime, pace: Pace, done: Applied) -> None:
    number: int | None = 1
    while number:
        if pace.is_over:
            done.is_done = False
            return
        try:
            with at_most(SLICE_MILLISECONDS):
                number = purging.purge_slice(delivery_id, kind.kind, at=at, delete=kind.delete, freeze=freeze)
        except (purging.BooksOff, TooSlow) as error:
            logger.warning("rows of delivery %s stay: %s", delivery_id, error)
            done.passed_over[delivery_id] = str(error) or type(error).__name__
            return
        pace.rest()
        if number:
            done.rows[kind.kind] += number
            done.deliveries.add(delivery_id)


def _delete_of_units(
    kind: OfUnits, at: datetime, units: list[int] | None, *, pace: Pace, done: Applied
) -> None:
    number = 1
    while number:
        if pace.is_over:
            done.is_done = False
            return
        with transaction.atomic():
            lock_tree()  # a hold on a unit is placed, and a unit moved, before this slice or after it
            before = planning.of_units_before(kind, at, units)
            number = kind.delete(before) if before else 0
        pace.rest()
        if number:
            done.rows[kind.kind] += number


def _empty_loose(at: datetime, units: list[int] | None, *, pace: Pace, done: Applied) -> None:
    before = planning.loose_before(at)
    if before is None or (units is not None and planning.root().pk not in units):
        return
    while not pace.is_over:
        with transaction.atomic():
            number = forgetting.empty_loose_mail(before)
        if not number:
            return
        pace.rest()
        done.rows[RetentionKind.MAIL] += number
    done.is_done = False
