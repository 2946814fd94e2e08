"""People, the units they belong to, the roles they hold there, and the audit trail."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.rights import Right, permissions

LONGEST_GRACE_SECONDS = 24 * 3600


class User(AbstractUser):
    """A person. What a person may do hangs on roles in units, never on `is_superuser` alone."""

    home_unit = models.ForeignKey(
        "OrganizationalUnit",
        verbose_name=_("home unit"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="members",
        help_text=_("New deliveries, audiences and profiles of this person begin here."),
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text=_("In which this person reads all moments; empty: as the browser says."),
    )
    must_change_password = models.BooleanField(
        _("must change the password"), default=False, db_default=False, editable=False
    )
    superuser_given_by = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class ApprovalPolicy(models.TextChoices):
    """How many people stand between a preparation and its confirmation; ordered from loose to tight."""

    NONE = "none", _("No approval")
    ONE = "one", _("One approval")
    FOUR_EYES = "four_eyes", _("Four eyes: somebody who neither prepared nor wrote it")

    @property
    def tightness(self) -> int:
        return list(ApprovalPolicy).index(self)

    @classmethod
    def tightest(cls, policies: Iterable[str]) -> "ApprovalPolicy":
        """The tightest of these; an empty one asks for nothing."""
        return max((cls(policy or cls.NONE) for policy in policies), key=lambda one: one.tightness)


@dataclass(frozen=True)
class Affected:
    """What another rule of approval means for the deliveries below a unit."""

    anew: int = 0  # prepared and not confirmed: they must be prepared and approved anew
    stays: int = 0  # confirmed: they leave as confirmed
    series: int = 0  # active: what is activated stays, and their next runs wait for an approval

    def __bool__(self) -> bool:
        return bool(self.anew or self.stays or self.series)

    def __add__(self, other: "Affected") -> "Affected":
        return Affected(self.anew + other.anew, self.stays + other.stays, self.series + other.series)

    def __str__(self) -> str:
        said = _(
            "Deliveries that must be prepared and approved anew: %(anew)s. Confirmed ones that leave as confirmed: "
            "%(stays)s. Active series whose next runs wait for an approval: %(series)s."
        )
        return str(said) % {"anew": self.anew, "stays": self.stays, "series": self.series}


class Unasked(models.TextChoices):
    """Whether opens and clicks are measured of whoever was not asked; empty: as the unit above has it."""

    AS_ABOVE = "", _("As the unit above")
    ON = "on", _("On")
    OFF = "off", _("Off")


class OrganizationalUnit(models.Model):
    """A node of the tree under which every delivery, profile and audience hangs.

    `path` is the ids from the root down to this unit, as "/1/4/": a prefix of the path of all below.
    """

    label = models.CharField(_("label"), max_length=128)
    parent = models.ForeignKey(
        "self",
        verbose_name=_("parent"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
    )
    path = models.CharField(max_length=512, editable=False, db_index=True, default="")
    approval_policy = models.CharField(
        _("approval"), max_length=16, choices=ApprovalPolicy.choices, default=ApprovalPolicy.ONE
    )
    grace_seconds = models.PositiveIntegerField(
        _("grace delay in seconds"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(LONGEST_GRACE_SECONDS)],
        help_text=_(
            "So long a delivery “at once” waits after OK and can still be taken back. Empty: as the unit above has it; "
            "at the top, as the installation has it."
        ),
    )
    proof_addresses: Any = ArrayField(
        models.CharField(max_length=320),
        verbose_name=_("addresses of proofs"),
        null=True,
        blank=True,
        default=None,
    )
    # Parameters of links, as pairs of name and value, and the domains they are for; None: as above.
    link_parameters: Any = models.JSONField(_("link parameters"), null=True, blank=True, default=None)
    link_domains: Any = ArrayField(
        models.CharField(max_length=253),
        verbose_name=_("domains of link parameters"),
        null=True,
        blank=True,
        default=None,
    )
    tracking_unasked = models.CharField(
        _("tracking of people who were not asked"),
        max_length=3,
        choices=Unasked.choices,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Whether opens and clicks are measured of people who neither agreed nor refused. It concerns deliveries of "
            "this unit and below, what was prepared already too where it is switched off. At the top, empty is on."
        ),
    )
    # What the last change or move of this object meant for deliveries; not stored.
    affected: Affected | None = None
    one_administrator_is_enough = models.BooleanField(
        _("one administrator is enough"),
        default=False,
        db_default=False,
        help_text=_(
            "Here and below a single administrator may give Start and Approve to accounts that they made or "
            "whose password they set: they could then send alone. It holds only while there is no second administrator."
        ),
    )

    class Meta:
        verbose_name = _("organisational unit")
        verbose_name_plural = _("organisational units")
        ordering = ["path"]
        permissions = permissions(*Right)
        constraints = [
            models.UniqueConstraint(fields=["parent", "label"], name="unit_label_unique_below_parent"),
            models.CheckConstraint(
                condition=models.Q(grace_seconds__lte=LONGEST_GRACE_SECONDS), name="unit_grace_within_a_day"
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def lineage(self) -> list[int]:
        """The ids from the root down to this unit."""
        return [int(part) for part in self.path.split("/") if part]

    @property
    def policy(self) -> ApprovalPolicy:
        """What holds here: the tightest of this unit and of all above it. One query."""
        rows = OrganizationalUnit.objects.filter(pk__in=self.lineage)
        return ApprovalPolicy.tightest([ApprovalPolicy.NONE, *rows.values_list("approval_policy", flat=True)])


class UnitUserPermission(UserObjectPermissionBase):
    """django-guardian's row: this person holds this permission on this unit and all below."""

    content_object = models.ForeignKey(OrganizationalUnit, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = _("right on a unit")
        verbose_name_plural = _("rights on units")


class UnitGroupPermission(GroupObjectPermissionBase):
    """Needed by django-guardian beside the one for people; Sinete gives rights to people."""

    content_object = models.ForeignKey(OrganizationalUnit, on_delete=models.CASCADE)


class Role(models.Model):
    """A named set of rights, as data: `accounts.roles` says what ships, `sync_roles` writes it."""

    code = models.SlugField(_("code"), primary_key=True, max_length=32)
    label = models.CharField(_("label"), max_length=64)
    description = models.TextField(_("description"), blank=True)
    rights = models.JSONField(_("rights"), default=list)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ["code"]

    def __str__(self) -> str:
        return str(_(self.label))


class RoleGrant(models.Model):
    """A person holds a role in a unit and everything below it."""

    user = models.ForeignKey(
        User, verbose_name=_("user"), on_delete=models.CASCADE, related_name="role_grants"
    )
    role = models.ForeignKey(Role, verbose_name=_("role"), on_delete=models.PROTECT, related_name="grants")
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="role_grants"
    )
    granted_by = models.ForeignKey(
        User, verbose_name=_("given by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    granted_at = models.DateTimeField(_("given"), auto_now_add=True)
    withheld = models.BooleanField(
        _("Start and Approve are withheld"), default=False, db_default=False, editable=False
    )

    class Meta:
        verbose_name = _("role in a unit")
        verbose_name_plural = _("roles in units")
        ordering = ["user", "unit", "role"]
        constraints = [models.UniqueConstraint(fields=["user", "role", "unit"], name="role_granted_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} – {self.unit}"


class Hold(models.TextChoices):
    """How somebody came to know, or could come to know, how to sign in as another."""

    INVITED = "invited", _("invited")
    PASSWORD = "password", _("password set")
    ADDRESS = "address", _("address set")


class Hand(models.Model):
    """An account is in the hands of somebody else than its owner, until an independent administrator says otherwise."""

    user = models.ForeignKey(User, verbose_name=_("user"), on_delete=models.CASCADE, related_name="hands")
    holder = models.ForeignKey(
        User, verbose_name=_("in the hands of"), on_delete=models.PROTECT, related_name="holds"
    )
    how = models.CharField(_("how"), max_length=16, choices=Hold.choices)
    at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        verbose_name = _("account in other hands")
        verbose_name_plural = _("accounts in other hands")
        constraints = [models.UniqueConstraint(fields=["user", "holder", "how"], name="held_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_how_display()} ({self.holder})"


class LetterKind(models.TextChoices):
    """What an owner of an account is told by mail."""

    INVITATION = "invitation", _("invitation")
    RESET = "reset", _("link to a new password")
    CONFIRM = "confirm", _("link to confirm the address")
    PASSWORD_SET = "password_set", _("password set by somebody else")
    PASSWORD_CHANGED = "password_changed", _("password changed")
    ADDRESS_CHANGED = "address_changed", _("address changed by somebody else")


class Letter(models.Model):
    """Mail about an account, sent once. Links are made when it leaves: no row holds one."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="letters")
    kind = models.CharField(max_length=16, choices=LetterKind.choices)
    to = models.EmailField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    mail_after = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("letter")
        verbose_name_plural = _("letters")
        indexes = [
            models.Index(
                fields=["mail_after"], condition=models.Q(mailed_at__isnull=True), name="letters_to_mail"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.to}"


class KeptForm(models.Model):
    """What somebody typed and posted while signed out, until they are back: theirs alone, in the same browser."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="kept_forms")
    browser = models.CharField(max_length=64)
    page = models.CharField(max_length=2000)
    action = models.CharField(max_length=2000)
    typed: Any = models.JSONField(default=dict)
    files: Any = models.JSONField(default=list)
    secrets: Any = models.JSONField(default=list)
    kept_at = models.DateTimeField()
    posted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("kept form")
        verbose_name_plural = _("kept forms")
        constraints = [
            models.UniqueConstraint(fields=["user", "browser", "action"], name="form_kept_once_in_a_browser")
        ]
        indexes = [models.Index(fields=["kept_at"], name="kept_forms_by_age")]

    def __str__(self) -> str:
        return self.page

    @property
    def path(self) -> str:
        """The page without what stands behind it in its address."""
        return self.page.partition("?")[0]


class AuditEvent(models.Model):
    """Somebody did something, or was refused. Rows are only ever added: PostgreSQL refuses the rest."""

    at = models.DateTimeField(_("at"), auto_now_add=True, db_index=True)
    actor = models.ForeignKey(
        User,
        verbose_name=_("who"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    actor_name = models.CharField(_("who"), max_length=150, blank=True)
    os_user = models.CharField(_("system user"), max_length=64, blank=True)
    face = models.CharField(_("through"), max_length=16, blank=True)
    action = models.CharField(_("action"), max_length=64)
    refused = models.BooleanField(_("refused"), default=False)
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_label = models.CharField(_("what"), max_length=200, blank=True)
    detail: Any = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit trail")
        ordering = ["-id"]
        indexes = [models.Index(fields=["target_type", "target_id"], name="audit_target")]

    def __str__(self) -> str:
        return " · ".join(filter(None, (self.actor_name, self.target_label)))


class Remembered(models.Model):
    """What a person chose on a page, so that they find it again: filters of a list, a guide that was put away."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=64)
    values: Any = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("what a person chose on a page")
        verbose_name_plural = _("what people chose on pages")
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="remembered_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.name}"
