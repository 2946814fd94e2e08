"""How a preparation ends: ledger, chunks and seal in one transaction, or failed with its reasons."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_noop as n_

from accounts.models import ApprovalPolicy
from campaign.lib import clock
from deliveries import lifecycle
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding
from deliveries.ledger import books, deleting
from deliveries.lifecycle import Step, seal
from deliveries.models import Delivery, LogLine, Preparation, PreparationStatus, Status
from deliveries.preparation import lease, staging
from deliveries.preparation.progress import Abandoned, end, log, require_running
from deliveries.schedule import planning
from deliveries.schedule.moments import Group
from deliveries.series import activation

SEALED_PERCENT = 100


def freeze(
    preparation: Preparation,
    compiled: Compiled,
    findings: list[Finding],
    *,
    parts: dict[str, Any],
    targeted: int,
    causes: dict[str, int],
    to_deliver: int,
    groups: list[Group],
    domains: dict[str, int],
    began: datetime,
) -> None:
    """Write ledger, exclusions and chunks, seal them, and go on in the life cycle: all of it or nothing.

    Raise Abandoned where the preparation was stopped or another run has taken it over.
    """
    with lease.statement(preparation):
        _clear_ledger(preparation)
        runs = planning.runs_of(preparation.delivery, groups, to_deliver)
        if not preparation.delivery.is_recurring:  # a series sends nothing: only its runs have a ledger
            _write_ledger(preparation, groups, runs, excluded=targeted - to_deliver, to_deliver=to_deliver)
        delivery = Delivery.objects.locked(preparation.delivery_id)
        if delivery.status != Status.PREPARING or delivery.preparation_id != preparation.pk:
            raise Abandoned
        at = clock.now()
        figures = {"targeted": targeted, "causes": causes, "to_deliver": to_deliver}
        frozen = _frozen(preparation, delivery, compiled, runs, figures | {"domains": domains})
        # The parts as they were read at the start: a change made meanwhile counts as made afterwards.
        manifest = seal.manifest(delivery, parts=parts, **frozen)
        end(
            preparation,
            PreparationStatus.DONE,
            ended_at=at,
            percent=SEALED_PERCENT,
            excluded=targeted - to_deliver,
            findings=[finding.to_dict() for finding in findings],
            manifest=manifest,
            compiled=compiled.to_json(),
            seal=seal.fingerprint(manifest),
            **figures,
        )
        if delivery.is_recurring:  # no part of its seal, but of what people want to see
            _write_exclusions(preparation)
        delivery.refresh_from_db()
        seconds = round((at - began).total_seconds(), 1)
        log(preparation, n_("Preparation completed in %(seconds)s s: %(to_deliver)s messages, %(excluded)s excluded"),
             seconds=seconds, to_deliver=to_deliver, excluded=targeted - to_deliver)  # fmt: skip
        step = Step.NEED_NO_APPROVAL if _needs_no_approval(delivery, parts) else Step.ASK_APPROVAL
        lifecycle.move(delivery, step, by=None, at=at, preparation=preparation.number)


def _frozen(
    preparation: Preparation,
    delivery: Delivery,
    compiled: Compiled,
    runs: list[planning.Segment],
    figures: dict[str, Any],
) -> dict[str, Any]:
    """What was counted, compiled and written, as the seal's manifest names it."""
    frozen = {
        "preparation": preparation.number,
        **figures,
        "compiled": seal.fingerprint(compiled.to_json()),
        "chunks": books.chunk_digests(delivery.pk),
        **planning.frozen(runs),
    }
    if delivery.is_recurring:
        frozen["size_limit"] = activation.size_limit(delivery, counted=figures["to_deliver"])
    return frozen


def _needs_no_approval(delivery: Delivery, parts: dict[str, Any]) -> bool:
    """Whether its policy asks for none, or it is a run within what was approved and activated as a series."""
    if delivery.policy == ApprovalPolicy.NONE:
        return True
    return delivery.execution_of_id is not None and not activation.differences(delivery, parts)


def _write_ledger(
    preparation: Preparation,
    groups: list[Group],
    runs: list[planning.Segment],
    *,
    excluded: int,
    to_deliver: int,
) -> None:
    """Write the messages in their order of sending, the exclusions, then moments and chunks; check their numbers."""
    delivery = preparation.delivery
    require_running(preparation)
    messages = planning.write_messages(delivery, preparation.staging, groups)
    require_running(preparation)
    exclusions = _write_exclusions(preparation)
    if (messages, exclusions) != (to_deliver, excluded):
        raise staging.Lost(f"{messages} messages and {exclusions} exclusions of {to_deliver} and {excluded}")
    planning.write_runs(delivery, runs)


def _write_exclusions(preparation: Preparation) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deliveries_exclusion (delivery_id, preparation_id, profile_id, address, cause)
            SELECT %s, %s, profile_id, left(address, 320), cause
            FROM deliveries_staging WHERE preparation_id = %s AND token = %s AND cause IS NOT NULL ORDER BY profile_id
            """,
            [preparation.delivery_id, preparation.pk, *preparation.staging],
        )
        return cursor.rowcount


def _clear_ledger(preparation: Preparation) -> None:
    """Delete what an earlier preparation wrote; raise Abandoned, and delete nothing, where this run was taken over."""
    require_running(preparation)
    deleting.delete(preparation.delivery_id)


def fail_unless_stopped(preparation: Preparation, finding: Finding) -> None:
    """The preparation failed with this finding, unless it was stopped, taken over or its delivery is gone."""
    with suppress(Abandoned, Delivery.DoesNotExist):
        fail(preparation, [finding])


@transaction.atomic
def fail(
    preparation: Preparation,
    findings: list[Finding],
    *,
    targeted: int = 0,
    causes: dict[str, int] | None = None,
) -> None:
    """End the preparation as failed, with its findings in its log, and take the delivery to Preparation failed.

    Whom it left out is listed, where it came so far.

    Raise Abandoned where the preparation was stopped or another run has taken it over.
    """
    delivery = Delivery.objects.locked(preparation.delivery_id)
    if delivery.status != Status.PREPARING or delivery.preparation_id != preparation.pk:
        raise Abandoned
    at = clock.now()
    causes = causes or {}
    if any(causes.values()):
        deleting.delete(delivery.pk, tables=["exclusion"])
        _write_exclusions(preparation)
    end(
        preparation,
        PreparationStatus.FAILED,
        ended_at=at,
        targeted=targeted,
        excluded=sum(causes.values()),
        causes=causes,
        findings=[finding.to_dict() for finding in findings],
    )
    errors = [finding for finding in findings if finding.level == "error"]
    for finding in errors:
        log(preparation, finding.text, level=LogLine.Level.ERROR, **finding.slots)
    log(
        preparation,
        n_("Preparation failed: %(errors)s errors"),
        level=LogLine.Level.ERROR,
        errors=len(errors),
    )
    lifecycle.move(delivery, Step.FAIL_PREPARATION, by=None, at=at, preparation=preparation.number)
