"""Stored sets of profiles, and the addresses that get proofs."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from audiences.models.profile import Profile


class Audience(models.Model):
    """A rule, counted afresh at each use, or a fixed list."""

    class Kind(models.TextChoices):
        RULE = "rule", _("Rule")
        LIST = "list", _("Fixed list")

    label = models.CharField(_("label"), max_length=128)
    description = models.TextField(_("description"), blank=True, default="")
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="audiences"
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.RULE)
    # The rule's tree: {"all": [...]}, {"any": [...]}, {"not": {...}}, {"field": , "is": , "value": }.
    rule = models.JSONField(_("rule"), default=dict, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    # How many profiles it had when it was counted last, for lists; where somebody decides it is counted anew. Without
    # `counted_at` something has changed since, or nobody has counted yet.
    counted = models.BigIntegerField(_("people"), null=True, editable=False)
    counted_at = models.DateTimeField(_("counted"), null=True, editable=False)

    class Meta:
        verbose_name = _("audience")
        verbose_name_plural = _("audiences")
        ordering = ["label", "id"]

    def __str__(self) -> str:
        return self.label


class AudienceMember(models.Model):
    """A profile in a fixed list."""

    audience = models.ForeignKey(
        Audience,
        on_delete=models.CASCADE,
        related_name="members",
        db_index=False,  # the constraint's index serves
    )
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["audience", "profile"], name="audience_member_once")]


class TestProfile(models.Model):
    """An address of ours that gets proofs, with values to fill the content."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    label = models.CharField(_("label"), max_length=128)
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="test_profiles"
    )
    email = models.EmailField(_("email"))
    # Field name -> value, as a profile's own fields and attributes together.
    values = models.JSONField(_("values"), default=dict, blank=True)

    class Meta:
        verbose_name = _("test profile")
        verbose_name_plural = _("test profiles")
        ordering = ["label", "id"]

    def __str__(self) -> str:
        return f"{self.label} <{self.email}>"
