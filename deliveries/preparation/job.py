"""A worker's whole job: the parts of a preparation in their order."""

import logging
import traceback

from django.db import InterfaceError, OperationalError, connection
from django.utils.translation import gettext_noop as n_

from campaign.lib import clock, leases, planner
from deliveries.ledger import ranges
from deliveries.lifecycle import seal
from deliveries.models import LogLine, Preparation
from deliveries.preparation import checks, lease, sealing, staging, target
from deliveries.preparation.progress import Abandoned, log, mine
from deliveries.schedule import capacity

logger = logging.getLogger(__name__)

ATTEMPTS = 3


class _Deadly(Exception):
    """Too many workers died of this preparation."""


def run(*, preparation_id: int) -> None:
    """Carry one preparation to its end: sealed, failed with its reasons, or abandoned without a trace.

    Raise an error of the database that passes by itself, OperationalError or InterfaceError: the tick has it tried
    again.
    """
    with lease.hold(preparation_id) as preparation:
        if preparation is None:
            return
        try:
            if leases.is_deadly(preparation.unended):
                raise _Deadly
            _carry_out_whole(preparation)
        except _Deadly:
            logger.error("preparation %s has ended %s workers: it fails", preparation_id, leases.MOST_DEATHS)
            sealing.fail_unless_stopped(preparation, checks.deadly())
        except Abandoned:
            logger.info("preparation %s was stopped or taken over", preparation_id)
        except Exception as error:
            _see_to(preparation, error)
        finally:
            staging.clear(preparation)


def _see_to(preparation: Preparation, error: Exception) -> None:
    """Raise the error again where it passes by itself, so that the tick tries again; fail the preparation otherwise."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    if not mine(preparation).exists():
        logger.info("preparation %s was stopped or taken over: %s", preparation.pk, error)
    elif _passes_by_itself(error):
        raise error
    else:
        broken = checks.broken(error)
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("preparation %s is broken: %s\n%s", preparation.pk, broken.slots["error"], where)
        sealing.fail_unless_stopped(preparation, broken)


def _passes_by_itself(error: Exception) -> bool:
    """Whether a new try could succeed: the database was away, full, or told to give up a statement."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, InterfaceError | OperationalError) and not state.startswith("54")


def _carry_out_whole(preparation: Preparation) -> None:
    """Carry it out, again from the start where staged rows were lost: a crash of PostgreSQL empties their table."""
    for _attempt in range(ATTEMPTS - 1):
        try:
            return _carry_out(preparation)
        except staging.Lost as lost:
            logger.warning("preparation %s begins anew: %s", preparation.pk, lost)
            log(preparation, n_("Rows were lost on the way, perhaps by a restart of PostgreSQL: it begins anew"),
                level=LogLine.Level.WARNING)  # fmt: skip
    return _carry_out(preparation)


def _carry_out(preparation: Preparation) -> None:
    staging.clear(preparation, earlier_ones=True)
    ranges.ensure(preparation.delivery_id)
    parts = seal.live_parts(preparation.delivery)
    began = clock.now()
    log(preparation, n_("Preparation %(number)s begins"), number=preparation.number)
    compiled, findings = checks.compiled(preparation)
    findings += checks.of_schedule(preparation.delivery, began)
    findings += checks.of_sender(preparation)
    if compiled is None or any(finding.level == "error" for finding in findings):
        sealing.fail(preparation, findings)
        return
    targeted = staging.stage(preparation, compiled)
    may_be_empty = target.may_be_empty(preparation.delivery)
    if not targeted and not may_be_empty:
        sealing.fail(preparation, [*findings, checks.empty_target()])
        return
    staging.mark_written_to(preparation)
    staging.mark_duplicates(preparation)
    groups = staging.mark_hours(preparation, findings)
    causes = staging.count_causes(preparation, targeted=targeted)
    to_deliver = targeted - sum(causes.values())
    if not to_deliver and not may_be_empty:
        sealing.fail(preparation, [*findings, checks.nobody_left(targeted)], targeted=targeted, causes=causes)
        return
    findings += checks.of_rendering(preparation, compiled)
    findings += checks.of_waves(preparation.delivery, to_deliver)
    if any(finding.level == "error" for finding in findings):
        sealing.fail(preparation, findings, targeted=targeted, causes=causes)
        return
    domains = staging.count_domains(preparation, limited=capacity.limited_domains(preparation.delivery))
    findings += checks.of_limits(preparation.delivery, groups, to_deliver, domains)
    sealing.freeze(
        preparation, compiled, findings, parts=parts, targeted=targeted, causes=causes, to_deliver=to_deliver,
        groups=groups, domains=domains, began=began,
    )  # fmt: skip
    ranges.rows_came(to_deliver, preparation.delivery_id)
    planner.rows_came(to_deliver, "deliveries_chunk")
