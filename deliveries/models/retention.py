"""How long what is about single people is kept, what may not go, and what has gone."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from deliveries.models.delivery import Delivery

FOR_EVER = 0
SHORTEST_DAYS, LONGEST_DAYS = 30, 3650


class RetentionKind(models.TextChoices):
    """What goes together, in a marketer's words."""

    RECIPIENTS = "recipients", _("Rows of recipients")
    REACTIONS = "reactions", _("Opens and clicks")
    MAIL = "mail", _("Mails that came back, as they came")
    PROOFS = "proofs", _("Copies of proofs")
    IMPORTS = "imports", _("Lines of imports' reports")
    SIGN_UPS = "sign_ups", _("Sign-ups that nobody confirmed")


# These hang on no delivery: a period counts from the row's own day.
OF_UNITS = (RetentionKind.IMPORTS, RetentionKind.SIGN_UPS)
# Figures are counted from these: before the first of either goes they are kept as they are.
COUNTED_FROM = (RetentionKind.RECIPIENTS, RetentionKind.REACTIONS)


class RetentionPeriod(models.Model):
    """So many days after a delivery of the unit, or below, ended its rows of a kind go. Without any row none do.

    What hangs on no delivery goes so many days after it came.
    """

    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.CASCADE, related_name="retention_periods"
    )
    kind = models.CharField(_("what is kept"), max_length=16, choices=RetentionKind.choices)
    days = models.PositiveIntegerField(
        _("days"),
        validators=[MaxValueValidator(LONGEST_DAYS)],
        help_text=_(
            "30 to 3,650 after the delivery ended, or after it came where it is about no delivery; "
            "0: for ever, whatever a unit above says."
        ),
    )

    class Meta:
        verbose_name = _("retention period")
        verbose_name_plural = _("retention periods")
        ordering = ["unit__path", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["unit", "kind"], name="retention_once_in_a_unit"),
            models.CheckConstraint(
                condition=models.Q(days=FOR_EVER) | models.Q(days__gte=SHORTEST_DAYS, days__lte=LONGEST_DAYS),
                name="retention_days_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit}: {self.get_kind_display()}"


class HoldQuerySet(models.QuerySet["LegalHold"]):
    def in_force(self) -> Self:
        return self.filter(lifted_at=None)

    def covering(self, delivery: Delivery) -> Self:
        """Those that keep the delivery: its own, and those of its unit and of the units above."""
        of_it = models.Q(delivery=delivery) | models.Q(unit__in=delivery.unit.lineage)
        return self.in_force().filter(of_it)


class LegalHold(models.Model):
    """While it is in force nothing of the delivery, or of the deliveries of the unit and below, goes."""

    delivery = models.ForeignKey(
        Delivery,
        verbose_name=_("delivery"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="legal_holds",
    )
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="legal_holds",
    )  # fmt: skip
    reason = models.CharField(_("reason"), max_length=300)
    by = models.ForeignKey(
        User, verbose_name=_("by"), editable=False, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("since"), editable=False)
    lifted_at = models.DateTimeField(_("lifted"), null=True, editable=False)
    lifted_by = models.ForeignKey(
        User,
        verbose_name=_("lifted by"),
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(delivery=None) ^ models.Q(unit=None), name="hold_on_one_thing"
            ),
            models.UniqueConstraint(
                fields=["delivery"], condition=models.Q(lifted_at=None), name="hold_one_of_a_delivery"
            ),
            models.UniqueConstraint(
                fields=["unit"], condition=models.Q(lifted_at=None), name="hold_one_of_a_unit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delivery or self.unit}: {self.reason}"

    @property
    def place(self) -> OrganizationalUnit:
        """The unit whose administrators decide about it."""
        if self.unit is not None:
            return self.unit
        assert self.delivery is not None
        return self.delivery.unit


class Purge(models.Model):
    """Rows of a kind of a delivery are gone: since when, by which setting, how many. Its figures are final since."""

    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), on_delete=models.CASCADE, related_name="purges", db_index=False
    )
    kind = models.CharField(_("what is gone"), max_length=16, choices=RetentionKind.choices)
    days = models.PositiveIntegerField(_("kept for days"))
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("set by"), on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("since"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    rows = models.BigIntegerField(_("rows"), default=0)
    # Up to this message it is kept already whom it was written to: it may go with its whole range.
    kept_upto = models.IntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("rows that are gone")
        verbose_name_plural = _("rows that are gone")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["delivery", "kind"], name="purge_once_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.get_kind_display()}"


class Addressees(models.Model):
    """Whom messages that are gone were written to, in their order: their opt-out links work while a person is known.

    Nothing stands for a message that never left. A row for each message would cost a send beside retention
    more than all the rest of it.
    """

    pk = models.CompositePrimaryKey("delivery_id", "seq_from")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    seq_from = models.IntegerField()
    seq_to = models.IntegerField()
    profile_ids = ArrayField(models.BigIntegerField(null=True))

    class Meta:
        verbose_name = _("addressees of messages that are gone")
        verbose_name_plural = _("addressees of messages that are gone")


def nearest_first(periods: models.QuerySet[RetentionPeriod]) -> models.QuerySet[RetentionPeriod]:
    """A unit's path is longer than the path of any above it."""
    return periods.order_by("kind", Length("unit__path").desc())
