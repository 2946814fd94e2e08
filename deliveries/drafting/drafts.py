"""Creating, editing, duplicating and deleting deliveries, before anything is released.

An edit of something sealed takes the delivery back to Editing; the audit event of that step names what changed.
"""

import logging
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib import clock, link_parameters
from campaign.lib.recurrence import Reading, validated
from campaign.lib.refusals import Refusal
from deliveries import lifecycle
from deliveries.drafting import picture_uses
from deliveries.folders import tree
from deliveries.ledger import deleting
from deliveries.lifecycle import Step, groups, seal
from deliveries.models import Asset, Attachment, Content, Delivery, ScheduleKind, Series, Status
from deliveries.models.content import PARTS as CONTENT_PARTS
from deliveries.models.delivery import LONGEST_DAYS_AFTER, LONGEST_VALIDITY_HOURS
from deliveries.retention import holds
from deliveries.routing import limits, sender_checks
from deliveries.schedule import rescheduling, validation

logger = logging.getLogger(__name__)

SETTINGS = (
    "label",
    "description",
    "unit",
    "audience",
    "service",
    "folder",
    "days_after",
    "schedule_kind",
    "contact_date",
    "time_zone",
    *validation.SETTINGS,
    "validity_hours",
    "approval_policy",
    "tracking",
    "link_parameters",
    "link_domains",
    "route",
    "limit_per_hour",
)

# A copy has a name and a moment of its own, and is asked for no less than where it comes from.
_OWN = ("label", "schedule_kind", "contact_date", *validation.SETTINGS)
COPIED = (*(name for name in SETTINGS if name not in _OWN), "brought_policy")

SERIES_FIELDS = {field.name: field for field in Series._meta.concrete_fields}


class NotEditable(Refusal):
    message = _("“%(delivery)s” is “%(status)s”: it can't be changed. Duplicate it to send something else.")
    code = "not_editable"


class LooserPolicy(Refusal):
    message = _("“%(policy)s” is asked for where “%(delivery)s” is or was: a delivery can only be stricter.")
    code = "looser_policy"


class AudienceElsewhere(Refusal):
    message = _("The audience “%(audience)s” belongs to a unit that you can't read.")
    code = "audience_elsewhere"


class ServiceElsewhere(Refusal):
    message = _("The service “%(service)s” belongs to a unit that is not the delivery's or one above.")
    code = "service_elsewhere"


class NoServiceToWelcomeTo(Refusal):
    message = _("“Days after subscribing” is from 0 to %(longest)s, of a delivery that belongs to a service.")
    code = "no_service_to_welcome_to"


class TargetFixed(Refusal):
    message = _(
        "This is the remainder of %(original)s: it goes to those who never got that, and to nobody else."
    )
    code = "target_fixed"


class DateMissing(Refusal):
    message = _("A delivery at a date needs the date and its time zone.")
    code = "date_missing"


class ValidityOutOfRange(Refusal):
    message = _("The validity period is from 1 to %(longest)s hours.")
    code = "validity_out_of_range"


class NotDeletable(Refusal):
    message = _("“%(delivery)s” has been released: its log must stay. It can't be deleted.")
    code = "not_deletable"


class RunStays(Refusal):
    message = _(
        "“%(delivery)s” is a run of a series: it stays in its list. Nobody gets it unless it is confirmed."
    )
    code = "run_stays"


class RecurrenceMissing(Refusal):
    message = _("A recurring delivery needs its rule, and the day and the time from which it runs.")
    code = "recurrence_missing"


class BadRecurrence(Refusal):
    message = _("%(field)s: %(reason)s")
    code = "bad_recurrence"


class NeverRuns(Refusal):
    message = _("This recurrence has no run in the future.")
    code = "never_runs"


class NotRecurring(Refusal):
    message = _("A run of a series, or a remainder, can't recur itself.")
    code = "not_recurring"


class HasRun(Refusal):
    message = _("“%(delivery)s” has had runs: it stays a recurring delivery. Duplicate it to send it once.")
    code = "has_run"


def _check_policy(delivery: Delivery) -> None:
    """Raise where the delivery's own rule is looser than what its unit, all above, and units that it left ask for."""
    own = delivery.approval_policy
    if own and ApprovalPolicy(own) != (asked := delivery.policy):
        raise LooserPolicy(delivery=delivery, policy=asked.label)


def _check_settings(delivery: Delivery, *, by: User, known_audience: int | None = None) -> None:
    if delivery.is_recurring and (delivery.remainder_of_id or delivery.execution_of_id):
        raise NotRecurring()
    if delivery.schedule_kind == ScheduleKind.AT_DATE and delivery.contact_date is None:
        raise DateMissing()
    validation.check(delivery)
    if not 1 <= delivery.validity_hours <= LONGEST_VALIDITY_HOURS:
        raise ValidityOutOfRange(longest=LONGEST_VALIDITY_HOURS)
    delivery.limit_per_hour = limits.checked(delivery.limit_per_hour)
    pairs, domains = delivery.link_parameters or [], delivery.link_domains or []
    delivery.link_parameters = [list(pair) for pair in link_parameters.checked(pairs)] or None
    delivery.link_domains = link_parameters.checked_domains(domains) or None
    if delivery.service is not None and delivery.service.unit_id not in delivery.unit.lineage:
        raise ServiceElsewhere(service=delivery.service)
    days = delivery.days_after
    if days is not None and (delivery.service is None or not 0 <= days <= LONGEST_DAYS_AFTER):
        raise NoServiceToWelcomeTo(longest=LONGEST_DAYS_AFTER)
    audience = delivery.audience
    if audience is None or audience.pk == known_audience:
        return
    if not access.readable_units(by).filter(pk=audience.unit_id).exists():
        raise AudienceElsewhere(audience=audience)


@transaction.atomic
def create(*, by: User, unit: OrganizationalUnit, label: str, **settings: Any) -> Delivery:
    """Create a draft in the unit, with the settings that were given, and return it.

    Raise access.NotAllowed without *Prepare deliveries* in the unit, and a Refusal for a setting that makes no sense.
    """
    access.require(by, Right.PREPARE, unit)
    recurrence = settings.pop("recurrence", None)
    delivery = Delivery(unit=unit, label=label, created_by=by, **_known(settings))
    _check_settings(delivery, by=by)
    _check_policy(delivery)
    if delivery.folder is not None:
        tree.require_fits(delivery.folder, unit)
    delivery.save()
    _save_recurrence(delivery, recurrence)
    audit.record("create_delivery", by=by, target=delivery)
    return delivery


def _save_recurrence(delivery: Delivery, given: dict[str, Any] | None) -> None:
    """Save the series of a recurring delivery, delete that of any other. `given` are fields of `Series`."""
    series = Series.objects.filter(delivery=delivery).first()
    if not delivery.is_recurring:
        if series is not None:
            if series.occurrences.exists():
                raise HasRun(delivery=delivery)
            series.delete()
        return
    if given is None:
        if series is None:
            raise RecurrenceMissing()
        return
    series = series or Series(delivery=delivery)
    for name, value in given.items():
        setattr(series, name, value)
    series.delivery = delivery
    if not series.rule or series.starts_on is None or series.at is None:
        raise RecurrenceMissing()
    series.rule = validated(series.rule, datetime.combine(series.starts_on, series.at))
    series.reading = Reading.STANDARD
    try:
        series.clean_fields(exclude=["delivery"])
    except ValidationError as error:
        name, reasons = next(iter(error.message_dict.items()))
        raise BadRecurrence(field=SERIES_FIELDS[name].verbose_name, reason=reasons[0]) from None
    if next(series.recurrence.moments(clock.now()), None) is None:
        raise NeverRuns()
    series.save()


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    unknown = settings.keys() - set(SETTINGS)
    if unknown:
        raise TypeError(f"no such settings: {', '.join(sorted(unknown))}")
    return settings


@transaction.atomic
def edit(*, delivery: Delivery, by: User, at: datetime, **settings: Any) -> list[str]:
    """Give the delivery these settings. Return the names of the sealed parts that this changed, if any.

    Raise access.NotAllowed without the right in the present or the new unit, NotEditable where it can't be edited
    now, TargetFixed where the audience of a remainder would change, and what `create` raises for settings.
    """
    delivery = editable(delivery, by=by)
    recurrence = settings.pop("recurrence", None)
    own_policy = delivery.approval_policy
    if settings.get("unit", delivery.unit) != delivery.unit:
        access.require(by, Right.PREPARE, settings["unit"])
        delivery.brought_policy = ApprovalPolicy.tightest([delivery.unit.policy, delivery.brought_policy])
        if delivery.folder is not None and not tree.fits(delivery.folder, settings["unit"]):
            settings.setdefault("folder", None)  # a folder of where it was; what moves lies in none
    known_audience = delivery.audience_id
    if delivery.remainder_of_id and settings.get("audience", delivery.audience) != delivery.audience:
        raise TargetFixed(original=f"DM{delivery.remainder_of_id}")
    for name, value in _known(settings).items():
        setattr(delivery, name, value)
    _check_settings(delivery, by=by, known_audience=known_audience)
    if settings.get("folder") is not None:
        tree.require_fits(settings["folder"], delivery.unit)
    if (
        delivery.approval_policy != own_policy
    ):  # a rule that a move of its unit made too loose may stay: the unit's holds anyway
        _check_policy(delivery)
    delivery.save(
        update_fields=[*settings, "brought_policy", "contact_date", *validation.SETTINGS, "changed_at"]
    )
    if recurrence is not None or "schedule_kind" in settings:
        _save_recurrence(delivery, recurrence)
        delivery = Delivery.objects.locked(delivery.pk)  # without the series as it was read before
        settings |= {"recurrence": recurrence} if recurrence is not None else {}
    audit.record("edit_delivery", by=by, target=delivery, settings=sorted(settings))
    return drop_if_unsealed(delivery, by=by, at=at)


@transaction.atomic
def write(*, delivery: Delivery, by: User, at: datetime, **parts: str) -> Content:
    """Save a new version of the content: the last one with these parts replaced.

    Parts that change nothing make no version. `parts` are those of `deliveries.models.content.PARTS`.
    """
    delivery = editable(delivery, by=by)
    last = delivery.content
    values = {part: getattr(last, part) if last else "" for part in CONTENT_PARTS}
    changed = {part for part, value in parts.items() if values[part] != value}
    if last is not None and not changed:
        return last
    number = (delivery.contents.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    delivery.content = Content.objects.create(delivery=delivery, number=number, author=by, **values | parts)
    picture_uses.note(delivery.content)
    delivery.save(update_fields=["content", "changed_at"])
    audit.record("write_content", by=by, target=delivery, version=number, parts=sorted(changed))
    drop_if_unsealed(delivery, by=by, at=at)
    if "from_address" in changed:
        sender_checks.have_asked(delivery, sender=delivery.content.from_address)
    return delivery.content


def editable(delivery: Delivery, *, by: User) -> Delivery:
    """Return the delivery with its row locked, for whoever may change it now; raise NotAllowed or NotEditable."""
    delivery = Delivery.objects.locked(delivery.pk)
    access.require(by, Right.PREPARE, delivery)
    if delivery.status not in groups.EDITABLE:
        raise NotEditable(delivery=delivery, status=Status(delivery.status).label)
    return delivery


def is_deletable(delivery: Delivery) -> bool:
    """Whether `delete` would take it, judged by the delivery alone, without a person's rights."""
    never_released = delivery.status in groups.EDITABLE and not delivery.confirmations.exists()
    return never_released and delivery.execution_of_id is None


def drop_if_unsealed(delivery: Delivery, *, by: User, at: datetime) -> list[str]:
    """Take the delivery back to Editing where a sealed part changed; return the names of those parts.

    Where only the time changed, recipients and content are kept, and approval and confirmation are asked for again,
    unless some of the prepared rows are gone.
    """
    changed = seal.changes(delivery)
    if rescheduling.is_possible(delivery, changed=changed, at=at) and _resealed(delivery, by=by, at=at):
        return changed
    if changed and delivery.status in Step.CHANGE.sources:
        lifecycle.move(delivery, Step.CHANGE, by=by, at=at, changed=changed, comment=seal.in_words(changed))
    return changed


def _resealed(delivery: Delivery, *, by: User, at: datetime) -> bool:
    """Seal the new time and return True; return False, with nothing changed, where it can't be sealed."""
    try:
        with transaction.atomic():
            rescheduling.reseal(delivery, by=by, at=at)
    except IntegrityError:
        logger.exception("delivery %s has lost rows that it was prepared with", delivery.pk)
        return False
    return True


@transaction.atomic
def duplicate(*, delivery: Delivery, by: User) -> Delivery:
    """Create a draft with the same settings and content, and without a date: one must be chosen anew."""
    label = _("Copy of %(label)s") % {"label": delivery.label[:110]}
    # A remainder goes to a part of its audience only; a copy would reach all of it, so it begins without one.
    more = {"audience": None} if delivery.remainder_of_id else {}
    copy = copied(delivery, by=by, label=label, **more)
    audit.record("duplicate_delivery", by=by, target=copy, of=delivery.pk)
    return copy


def copied(delivery: Delivery, *, by: User, label: str, **more: Any) -> Delivery:
    """Create a draft with the delivery's settings, content and files; the caller records who made it and why."""
    access.require(by, Right.VIEW, delivery)
    access.require(by, Right.PREPARE, delivery.unit)
    return copy_of(delivery, by=by, label=label, **more)


def copy_of(delivery: Delivery, *, by: User | None, label: str, **more: Any) -> Delivery:
    """Create a draft as `copied` does, without a check of rights: the tick makes a run of a series with it."""
    settings = {name: getattr(delivery, name) for name in COPIED}
    copy = Delivery.objects.create(
        inherited_authors=sorted({*delivery.inherited_authors, *delivery.authors()}),
        **settings | {"label": label, "copied_from": delivery, "created_by": by} | more,
    )
    if delivery.content is not None:
        parts = {part: getattr(delivery.content, part) for part in CONTENT_PARTS}
        # Whoever wrote it stays its author: four-eyes asks who wrote, not who copied.
        author = delivery.content.author
        copy.content = Content.objects.create(delivery=copy, number=1, author=author, **parts)
        picture_uses.note(copy.content)
        copy.save(update_fields=["content"])
    Asset.objects.bulk_create(
        Asset(delivery=copy, path=a.path, sha256=a.sha256, media_type=a.media_type, data=a.data)
        for a in delivery.assets.all()
    )
    Attachment.objects.bulk_create(
        Attachment(
            delivery=copy, name=a.name, media_type=a.media_type, size=a.size, sha256=a.sha256, data=a.data
        )
        for a in delivery.attachments.order_by("id")
    )
    return copy


@transaction.atomic
def delete(*, delivery: Delivery, by: User) -> None:
    """Delete a delivery that was never released, with all that was prepared for it.

    Raise access.NotAllowed, RunStays for a run of a series, NotDeletable where it was released or can't be edited now,
    and holds.Held under a legal hold.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    access.require(by, Right.PREPARE, delivery)
    if delivery.execution_of_id is not None:
        raise RunStays(delivery=delivery)
    if not is_deletable(delivery):
        raise NotDeletable(delivery=delivery)
    holds.refuse_deletion(delivery)
    audit.record("delete_delivery", by=by, target=delivery)
    pk = delivery.pk
    Delivery.objects.filter(pk=pk).update(preparation=None, content=None)
    deleting.delete(pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM deliveries_staging WHERE preparation_id IN"
            " (SELECT id FROM deliveries_preparation WHERE delivery_id = %s)",
            [pk],
        )
    delivery.preparations.all().delete()
    delivery.delete()
