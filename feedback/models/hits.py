"""What comes back from a reader, as it arrived."""

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaign.lib import networks
from campaign.lib.displays import QuickDisplays
from deliveries.models import Delivery
from feedback.agents import LONGEST, AgentKind


def time_ordered_uuid() -> UUID:
    """An id that sorts by the moment it was made (UUID version 7): made where the hit arrives, database or not."""
    moment, chance = time.time_ns() // 1_000_000, secrets.randbits(74)
    return UUID(int=moment << 80 | 0x7 << 76 | chance >> 62 << 64 | 0b10 << 62 | chance & (1 << 62) - 1)


def first_id_at(moment: datetime) -> UUID:
    """The least id of those that are made at a moment or later: none that was made before is as large."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def moment_of(number: UUID) -> datetime | None:
    """When a time-ordered id was made, by the clock of its host; None of one that says no moment of the calendar."""
    try:
        return datetime.fromtimestamp((number.int >> 80) / 1000, UTC)
    except (OverflowError, ValueError):
        return None


class Clock(models.Func):
    """The database's clock at the moment of the statement."""

    function = "sinete_clock"
    output_field = models.DateTimeField()


class HitKind(models.TextChoices):
    """In the words of the tracking log."""

    OPEN = "open", _("Open")
    CLICK = "click", _("Email click")
    MIRROR = "mirror", _("Mirror page")
    UNSUBSCRIBE = "unsubscribe", _("Opt-out")


class Hit(QuickDisplays, models.Model):
    """One open, click, mirror view or opt-out. Raw: what counts is decided when it is counted.

    The id is made before the row, so a hit that is brought twice from the spool is there once. The table lies in
    partitions by id, that is by time (`feedback.hits.partitions`).
    """

    pk = models.CompositePrimaryKey("delivery_id", "id")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="hits"
    )
    id = models.UUIDField(default=time_ordered_uuid)
    seq = models.IntegerField()
    kind = models.CharField(_("type"), max_length=12, choices=HitKind.choices)
    link = models.SmallIntegerField(_("link"), null=True)
    at = models.DateTimeField(_("date"), db_default=Clock())
    # When the row was written: later than `at` for what waited in the spool. The hourly count looks here.
    stored_at = models.DateTimeField(db_default=Clock())
    agent = models.CharField(_("program"), max_length=LONGEST, blank=True, default="")
    network = models.CharField(
        _("network"), max_length=networks.LONGEST, blank=True, default="", db_default=""
    )
    # Empty where it was not kept yet: what was found to be a machine's then, maybe by it, stays so.
    method = models.CharField(_("method"), max_length=4, blank=True, default="", db_default="")
    is_prefetch = models.BooleanField(_("fetched ahead"), default=False, db_default=False)
    # Since the message was accepted; null where that was not known.
    after = models.FloatField(_("seconds after acceptance"), null=True)
    # The class, as the rules have it that were in force; all else is raw.
    agent_kind = models.CharField(
        _("asked by"), max_length=8, choices=AgentKind.choices, default=AgentKind.HUMAN
    )

    class Meta:
        verbose_name = _("hit")
        verbose_name_plural = _("tracking log")
        indexes = [
            models.Index(fields=["delivery", "seq"], name="hit_message"),
            models.Index(fields=["stored_at"], name="hit_stored"),
        ]
