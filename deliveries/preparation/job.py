"""A worker's whole job: the parts of a preparation in their order."""

import logging
import traceback

from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext_noop as n_

from campaign.lib import clock, planner
from deliveries import capacity, seal
from deliveries.models import Preparation, PreparationStatus
from deliveries.preparation import alone, checks, sealing, staging
from deliveries.preparation.course import Abandoned, log, still_running

logger = logging.getLogger(__name__)


def run(*, preparation_id: int) -> None:
    """Carry one preparation to its end: sealed, failed with its reasons, or abandoned without a trace."""
    with alone.only_one(preparation_id) as mine:
        if not mine:
            return
        preparation = (
            Preparation.objects.select_related("delivery__unit", "delivery__audience", "content")
            .filter(pk=preparation_id, status=PreparationStatus.RUNNING)
            .first()
        )
        if preparation is None:
            return
        try:
            _carry_out(preparation)
        except Abandoned:
            logger.info("preparation %s was stopped", preparation_id)
        except Exception as error:
            if _passes_by_itself(error):
                if still_running(preparation_id):
                    raise
            else:
                broken = checks.broken(error)
                where = "".join(traceback.format_tb(error.__traceback__))
                logger.error("preparation %s is broken: %s\n%s", preparation_id, broken.slots["error"], where)
                sealing.fail_unless_stopped(preparation, broken)
        finally:
            staging.clear(preparation_id)


def _passes_by_itself(error: Exception) -> bool:
    """Whether the same could go well next time: the database was away, full, or told to give up a statement."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, InterfaceError | OperationalError) and not state.startswith("54")


def _carry_out(preparation: Preparation) -> None:
    # What a worker left that was killed, at this preparation or at an earlier one: nobody works at those.
    for pk in preparation.delivery.preparations.values_list("pk", flat=True):
        staging.clear(pk)
    parts = seal.live_parts(preparation.delivery)
    began = clock.now()
    log(preparation, n_("Preparation %(number)s begins"), number=preparation.number)
    compiled, findings = checks.compiled(preparation)
    findings += checks.of_schedule(preparation.delivery, began)
    findings += checks.of_signing(preparation)
    if compiled is None or any(finding.level == "error" for finding in findings):
        sealing.fail(preparation, findings)
        return
    targeted = staging.stage(preparation, compiled)
    if not targeted:
        sealing.fail(preparation, [*findings, checks.empty_target()])
        return
    staging.mark_written_to(preparation)
    staging.mark_duplicates(preparation)
    groups = staging.mark_hours(preparation, findings)
    causes = staging.count_causes(preparation)
    to_deliver = targeted - sum(causes.values())
    if not to_deliver:
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
    planner.rows_came(to_deliver, "deliveries_message", "deliveries_chunk")
