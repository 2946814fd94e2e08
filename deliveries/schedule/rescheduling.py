"""A new time for what is prepared: a new seal over the same recipients and the same content.

Nothing is counted or compiled anew. Approval and confirmation name a preparation, so both are asked for again;
whoever decides is shown only what changed.
"""

from datetime import date, datetime, time
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_noop as n_

from accounts.models import ApprovalPolicy, User
from campaign.lib import reader_zone
from deliveries import lifecycle
from deliveries.ledger import books, erasing
from deliveries.lifecycle import Step, log, seal
from deliveries.models import Approval, Cause, Delivery, Preparation, PreparationStatus, ScheduleKind
from deliveries.schedule import moments, plan_report, planning

KEPT = ("content", "percent", "targeted", "excluded", "to_deliver", "causes", "findings", "compiled")


def is_possible(delivery: Delivery, *, changed: list[str], at: datetime) -> bool:
    """Whether only the time changed since it was sealed, and the new one can still be met."""
    if changed != ["schedule"] or delivery.status not in Step.ASK_AGAIN.sources:
        return False
    if delivery.latest_preparation().manifest["parts"]["schedule"][0] == ScheduleKind.RECURRING:
        return False  # a recurring delivery has no recipients of its own to keep
    if delivery.local_date is not None and delivery.local_hour is not None:
        # Other people would be left out, so the target must be counted anew.
        everywhere = moments.instant(delivery.local_date, delivery.local_hour, moments.FIRST_ZONE)
        return everywhere > at and not delivery.latest_preparation().causes.get(Cause.HOUR_PASSED)
    if delivery.latest_preparation().causes.get(Cause.HOUR_PASSED):
        return False
    if delivery.contact_date is not None:
        return delivery.contact_date > at
    return delivery.schedule_kind != ScheduleKind.UNSET and _waves_fit(delivery)


def _waves_fit(delivery: Delivery) -> bool:
    people = delivery.latest_preparation().to_deliver
    by, value = delivery.wave_by, delivery.wave_value or 1
    return not by or moments.number_of_waves(by, value, people) <= moments.MOST_WAVES


def reseal(delivery: Delivery, *, by: User, at: datetime) -> Preparation:
    """Seal the next preparation, with the new time, over what the last one froze. The row must be locked."""
    last = delivery.latest_preparation()
    parts = last.manifest["parts"] | {"schedule": seal.live_parts(delivery)["schedule"]}
    plan = _plan_anew(delivery, last, at)
    kept = {name: part for name, part in last.manifest.items() if name != "moments"}
    manifest = kept | {"preparation": last.number + 1, "parts": parts} | plan
    delivery.preparation = Preparation.objects.create(
        delivery=delivery,
        number=last.number + 1,
        status=PreparationStatus.DONE,
        started_by=by,
        started_at=at,
        ended_at=at,
        manifest=manifest,
        seal=seal.fingerprint(manifest),
        kept_from=last.counted,
        **{name: getattr(last, name) for name in KEPT},
    )
    delivery.save(update_fields=["preparation"])
    step = Step.KEEP_READY if delivery.policy == ApprovalPolicy.NONE else Step.ASK_AGAIN
    words = in_words(delivery)
    lifecycle.move(delivery, step, by=by, at=at, comment=words, changed=["schedule"])
    log.write(
        delivery, at, n_("New time: recipients and content stay those of preparation %(number)s"),
        number=last.counted.number,
    )  # fmt: skip
    return delivery.preparation


def _plan_anew(delivery: Delivery, last: Preparation, at: datetime) -> dict[str, Any]:
    """Let the same rows leave at the new time; return what the seal covers of order, chunks and moments.

    Zones put the rows in another order, so these are written anew; otherwise only the chunks are.
    """
    groups = []
    if ScheduleKind.LOCAL_HOUR in {delivery.schedule_kind, last.manifest["parts"]["schedule"][0]}:
        groups = planning.reorder(delivery, at=at)
    runs = planning.runs_of(delivery, groups, last.to_deliver)
    planning.write_runs(delivery, runs)
    erasing.stop_anew(delivery.pk)
    return {"chunks": books.chunk_digests(delivery.pk), **planning.frozen(runs)}


def in_words(delivery: Delivery) -> str:
    """Return what changed since somebody last decided, in a sentence; empty where nothing was kept."""
    preparation = delivery.preparation
    if preparation is None or preparation.kept_from_id is None:
        return ""
    before = preparation.delivery.preparations.get(number=preparation.number - 1)
    said = _t(
        "Only the time changed: from %(old)s to %(new)s. Recipients and content are those of %(kept)s."
    ) % {
        "old": _moment(before.manifest["parts"]["schedule"]),
        "new": _moment(preparation.manifest["parts"]["schedule"]),
        "kept": preparation.counted,
    }
    approved = Approval.objects.filter(preparation=before, accepted=True).select_related("by").first()
    if approved is None:
        return said
    return said + " " + _t("%(by)s had approved them.") % {"by": approved.by}


def _moment(schedule: list[Any]) -> str:
    kind, at, zone, *more = schedule
    if kind in {ScheduleKind.LOCAL_HOUR, ScheduleKind.WAVES}:
        return str(plan_report.in_words(_as_sealed(kind, at, zone, more)))
    if at is None:
        return _t("at once")
    own = Delivery(time_zone=zone).zone
    return f"{reader_zone.written(datetime.fromisoformat(at), own)} {reader_zone.name_of(own)}"


def _as_sealed(kind: str, at: str | None, zone: str, more: list[Any]) -> Delivery:
    """Return the schedule of a seal as settings of a delivery that is never saved."""
    if kind == ScheduleKind.LOCAL_HOUR:
        day, hour, past = more
        settings = {
            "local_date": date.fromisoformat(day), "local_hour": time.fromisoformat(hour), "past_choice": past,
        }  # fmt: skip
    else:
        by, value, minutes, limit = more
        settings = {"wave_by": by, "wave_value": value, "wave_minutes": minutes, "wave_limit": limit}
        settings["contact_date"] = datetime.fromisoformat(at) if at else None
    return Delivery(schedule_kind=kind, time_zone=zone, **settings)
