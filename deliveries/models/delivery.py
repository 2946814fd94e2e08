"""The delivery itself, and the trail of its statuses."""

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right, permissions
from audiences.models import Audience, Service
from campaign.lib import locking
from deliveries.models.pace import ScheduleSettings
from deliveries.models.route import LARGEST_LIMIT, Route

if TYPE_CHECKING:
    from deliveries.models.content import Content
    from deliveries.models.preparation import Preparation

LONGEST_DAYS_AFTER = 365
LONGEST_VALIDITY_HOURS = 24 * 14


class Status(models.TextChoices):
    """Where a delivery stands. `deliveries.lifecycle` says which may follow which, and which belong together."""

    DRAFT = "draft", _("Editing")
    PREPARING = "preparing", _("Preparing")
    PREPARATION_FAILED = "preparation_failed", _("Preparation failed")
    AWAITING_APPROVAL = "awaiting_approval", _("Waiting for approval")
    READY = "ready", _("Ready: waiting for confirmation")
    # A recurring delivery: its runs are made while it is active.
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Series paused")
    SCHEDULED = "scheduled", _("Scheduled")
    SENDING = "sending", _("Sending")
    PAUSED = "paused", _("Paused")
    FINISHED = "finished", _("Finished")
    STOPPED = "stopped", _("Stopped")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Expired")


class Channel(models.TextChoices):
    EMAIL = "email", _("Email")


class ScheduleKind(models.TextChoices):
    """When the messages leave. A copy begins with none chosen, and can't be prepared until one is."""

    UNSET = "", _("Not chosen yet")
    AT_ONCE = "at_once", _("At once, when confirmed")
    AT_DATE = "at_date", _("At a date")
    LOCAL_HOUR = "local_hour", _("At a local hour in each recipient's time zone")
    WAVES = "waves", _("In waves")
    RECURRING = "recurring", _("Recurring")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: User) -> Self:
        return access.visible(user, self)  # type: ignore[return-value]  # of the same class as it was given

    def locked(self, pk: int) -> "Delivery":
        """Return the delivery with its row locked. Lock it before its chunks, and these before messages."""
        return locking.locked(self.select_related("unit"), pk)


def random_key() -> int:
    """Return 63 random bits, by which links, Message-IDs and addresses for bounces name the delivery."""
    return secrets.randbits(63) or 1


def default_validity_hours() -> int:
    return settings.SINETE["validity_hours"]


class Delivery(ScheduleSettings):
    """One send of one content on one channel to one audience."""

    key = models.BigIntegerField(unique=True, editable=False, default=random_key)
    label = models.CharField(_("label"), max_length=128)
    description = models.TextField(_("description"), blank=True, default="")
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="deliveries"
    )
    folder = models.ForeignKey(
        "deliveries.Folder", verbose_name=_("folder"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="deliveries", db_index=False,
    )  # fmt: skip
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices, default=Channel.EMAIL)
    status = models.CharField(
        _("status"), max_length=24, choices=Status.choices, default=Status.DRAFT, editable=False
    )
    audience = models.ForeignKey(
        Audience,
        verbose_name=_("audience"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    # Only who is subscribed to it gets the messages, and whoever unsubscribes by one of them leaves it.
    service = models.ForeignKey(
        Service, verbose_name=_("service"), null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text=_("Only its subscribers get it, and its unsubscribe links leave the service."), db_index=False,
    )  # fmt: skip
    # Of its subscribers only those who came so many days ago, each once: a welcome mail, and what follows it.
    days_after = models.PositiveSmallIntegerField(
        _("days after subscribing"), null=True, blank=True, validators=[MaxValueValidator(LONGEST_DAYS_AFTER)],
        help_text=_(
            "Of a service: each subscriber gets it once, so many days after they subscribed. For a recurring delivery "
            "that runs each day or more often. Empty: all subscribers get it."
        ),
    )  # fmt: skip
    content = models.ForeignKey(
        "deliveries.Content", verbose_name=_("content"), null=True, editable=False, on_delete=models.PROTECT,
        related_name="+",
    )  # fmt: skip
    schedule_kind = models.CharField(
        _("when"), max_length=16, choices=ScheduleKind.choices, blank=True, default=ScheduleKind.UNSET
    )
    contact_date = models.DateTimeField(_("date"), null=True, blank=True)
    time_zone = models.CharField(_("time zone of the date"), max_length=64, default="UTC")
    validity_hours = models.PositiveIntegerField(
        _("validity period in hours"),
        default=default_validity_hours,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_VALIDITY_HOURS)],
        help_text=_("How long a message that was refused for a while is tried again."),
    )
    approval_policy = models.CharField(
        _("approval"),
        max_length=16,
        choices=ApprovalPolicy.choices,
        blank=True,
        default="",
        help_text=_("Can only be tighter than the unit's."),
    )
    # The tightest rule of the units that it was moved out of: moving a delivery never loosens what is asked of it.
    brought_policy = models.CharField(
        max_length=16, choices=ApprovalPolicy.choices, blank=True, editable=False, default="", db_default=""
    )
    # Pairs of name and value, and domains, on top of what its unit says; None: as that.
    link_parameters: Any = models.JSONField(_("link parameters"), null=True, blank=True, default=None)
    link_domains: Any = ArrayField(
        models.CharField(max_length=253),
        verbose_name=_("domains of link parameters"),
        null=True,
        blank=True,
        default=None,
    )
    tracking = models.BooleanField(_("track opens and clicks"), default=True)
    route = models.ForeignKey(
        "deliveries.Route",
        verbose_name=_("route"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    # The rate is no part of the seal: it may change while the delivery is sent.
    limit_per_hour = models.PositiveIntegerField(
        _("messages an hour at most"),
        null=True,
        blank=True,
        help_text=_("Empty: as fast as the route takes them."),
    )
    preparation = models.ForeignKey(
        "deliveries.Preparation", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    copied_from = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="copies"
    )
    # Who wrote what this was copied from, copy of copy included; it outlives the originals.
    inherited_authors = ArrayField(models.BigIntegerField(), default=list, editable=False)
    # The stopped delivery of which this one targets those who were never written to, which fixes its audience.
    remainder_of = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="remainders"
    )
    # The recurring delivery of which this is one run, and when nobody may confirm that run any more.
    execution_of = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="executions"
    )
    expires_at = models.DateTimeField(_("expires"), null=True, editable=False)
    created_by = models.ForeignKey(
        User,
        verbose_name=_("created by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    started_at = models.DateTimeField(_("sending began"), null=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    _default: Route | None = None  # not stored

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        permissions = permissions(Right.VIEW, Right.PREPARE, Right.START, Right.APPROVE, Right.EXPORT)
        indexes = [
            models.Index(fields=["status", "id"], name="delivery_status"),
            models.Index(fields=["ended_at"], name="delivery_ended"),
            models.Index(
                fields=["folder", "id"], condition=models.Q(folder__isnull=False), name="delivery_folder"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="delivery_date_where_scheduled",
                condition=models.Q(schedule_kind=ScheduleKind.AT_DATE, contact_date__isnull=False)
                | models.Q(schedule_kind=ScheduleKind.WAVES)  # from a date on, or at once
                | models.Q(~models.Q(schedule_kind=ScheduleKind.AT_DATE), contact_date__isnull=True),
            ),
            models.CheckConstraint(
                name="delivery_hour_where_local",
                condition=~models.Q(schedule_kind=ScheduleKind.LOCAL_HOUR)
                | models.Q(local_date__isnull=False, local_hour__isnull=False),
            ),
            models.CheckConstraint(
                name="delivery_waves_whole",
                condition=~models.Q(schedule_kind=ScheduleKind.WAVES)
                | models.Q(~models.Q(wave_by=""), wave_value__isnull=False, wave_minutes__isnull=False),
            ),
            models.CheckConstraint(
                name="delivery_limit_in_range",
                condition=models.Q(limit_per_hour=None)
                | models.Q(limit_per_hour__gte=1, limit_per_hour__lte=LARGEST_LIMIT),
            ),
            models.UniqueConstraint(
                fields=["remainder_of"],
                condition=~models.Q(status=Status.EXPIRED),
                name="delivery_one_live_remainder",
            ),
            models.CheckConstraint(
                name="delivery_status_known", condition=models.Q(status__in=Status.values)
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def name(self) -> str:
        """The short ID that people quote: DM95."""
        return f"DM{self.pk}"

    @property
    def is_recurring(self) -> bool:
        """Whether it is a series, whose runs are deliveries of their own."""
        return self.schedule_kind == ScheduleKind.RECURRING

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def has_moments(self) -> bool:
        """Whether it leaves at more than one moment: a `Moment` for each says when."""
        return self.schedule_kind in {ScheduleKind.LOCAL_HOUR, ScheduleKind.WAVES}

    @property
    def policy(self) -> ApprovalPolicy:
        """The tightest rule of approval of its unit, all above, units that it came from, and itself; one query."""
        return ApprovalPolicy.tightest([self.unit.policy, self.brought_policy, self.approval_policy])

    @property
    def leaves_by(self) -> Route | None:
        """The route by which it would leave now; None where none was made yet."""
        return self.route or self._default_route()

    def _default_route(self) -> Route | None:
        """Read once, as a route of its own is: what is read anew of the delivery reads it anew."""
        if self._default is None:
            self._default = Route.objects.filter(is_default=True).first()
        return self._default

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        self._default = None
        super().refresh_from_db(*args, **kwargs)

    @property
    def seal(self) -> str:
        """The seal of the latest preparation; empty where there is none."""
        return self.preparation.seal if self.preparation else ""

    @property
    def valid_until(self) -> datetime | None:
        """The end of its validity period: counted from the start of sending, or from the last moment."""
        if self.started_at is None:
            return None
        return max(self.started_at, self.last_moment or self.started_at) + timedelta(
            hours=self.validity_hours
        )

    def authors(self, *, upto: "Content | None" = None) -> set[int]:
        """Return the ids of those who wrote a version of its content, up to version `upto` if one is given."""
        versions = self.contents.exclude(author=None)
        if upto is not None:
            versions = versions.filter(number__lte=upto.number)
        return set(versions.values_list("author_id", flat=True))

    def latest_preparation(self) -> "Preparation":
        assert self.preparation is not None
        return self.preparation


class StatusChange(models.Model):
    """A step that was taken: the audit event of the life cycle. Rows are only ever added."""

    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), on_delete=models.CASCADE, related_name="history"
    )
    step = models.CharField(_("step"), max_length=32)
    old = models.CharField(_("from"), max_length=24, choices=Status.choices)
    new = models.CharField(_("to"), max_length=24, choices=Status.choices)
    by = models.ForeignKey(User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL, related_name="+")
    os_user = models.CharField(_("system user"), max_length=64, blank=True, default="")
    face = models.CharField(_("through"), max_length=16, blank=True, default="")
    at = models.DateTimeField(_("at"))
    seal = models.CharField(_("seal"), max_length=64, blank=True, default="")
    comment = models.TextField(_("comment"), blank=True, default="")
    detail = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("status change")
        verbose_name_plural = _("status changes")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.delivery}: {self.get_old_display()} → {self.get_new_display()}"
