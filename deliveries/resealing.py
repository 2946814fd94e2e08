"""A new time for what is prepared: a new seal, over the same recipients and the same content.

Nothing is counted or compiled anew. Approval and confirmation name a preparation, so both are asked again;
whoever decides is shown the change, and only that.
"""

from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.formats import date_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_noop as n_

from accounts.models import ApprovalPolicy, User
from deliveries import lifecycle, seal
from deliveries.lifecycle import Step
from deliveries.models import Approval, Delivery, LogLine, Preparation, PreparationStatus, ScheduleKind

KEPT = ("content", "percent", "targeted", "excluded", "to_deliver", "causes", "findings", "compiled")


def is_possible(delivery: Delivery, *, changed: list[str], at: datetime) -> bool:
    """Whether the time is all that changed since it was sealed, and the new one can still be met."""
    if changed != ["schedule"] or delivery.status not in Step.ASK_AGAIN.sources:
        return False
    if delivery.latest_preparation().manifest["parts"]["schedule"][0] == ScheduleKind.RECURRING:
        return False  # a recurring delivery has no recipients of its own to keep
    if delivery.schedule_kind == ScheduleKind.AT_DATE:
        return delivery.contact_date is not None and delivery.contact_date > at
    return delivery.schedule_kind == ScheduleKind.AT_ONCE


def reseal(delivery: Delivery, *, by: User, at: datetime) -> Preparation:
    """The next preparation is sealed, with the new time, over what the last one froze. The row must be locked."""
    last = delivery.latest_preparation()
    parts = last.manifest["parts"] | {"schedule": seal.live_parts(delivery)["schedule"]}
    manifest = last.manifest | {"preparation": last.number + 1, "parts": parts}
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
    _move_gate(delivery)
    step = Step.KEEP_READY if delivery.policy == ApprovalPolicy.NONE else Step.ASK_AGAIN
    words = in_words(delivery)
    lifecycle.move(delivery, step, by=by, at=at, comment=words, changed=["schedule"])
    LogLine.objects.create(
        delivery=delivery, preparation=delivery.preparation, at=at,
        text=n_("New time: recipients and content stay those of preparation %(number)s"),
        slots={"number": last.counted.number},
    )  # fmt: skip
    return delivery.preparation


def _move_gate(delivery: Delivery) -> None:
    """The chunks may leave from the new time on. A chunk's gate never changes, so each is written anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH old AS (
                DELETE FROM deliveries_chunk WHERE delivery_id = %(delivery)s
                RETURNING number, seq_from, seq_to, digest
            )
            INSERT INTO deliveries_chunk (delivery_id, number, seq_from, seq_to, not_before, digest, handed_upto)
            SELECT %(delivery)s, number, seq_from, seq_to, %(not_before)s, digest, seq_from - 1 FROM old
            """,
            {"delivery": delivery.pk, "not_before": delivery.contact_date},
        )


def in_words(delivery: Delivery) -> str:
    """What changed since somebody last decided, in a sentence; empty where nothing was kept."""
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
    kind, date, zone = schedule
    if kind != ScheduleKind.AT_DATE:
        return _t("at once")
    local = datetime.fromisoformat(date).astimezone(Delivery(time_zone=zone).zone)
    return f"{date_format(local, 'j M Y, H:i')} {zone}"
