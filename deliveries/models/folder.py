"""Folders, in which deliveries lie; and campaigns, which are folders with dates, an owner and a goal."""

from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User

DEEPEST = 5  # a folder in a folder in …
CAMPAIGN_ONLY = ("starts_on", "ends_on", "owner", "goal_figure", "goal_value")


class FolderQuerySet(models.QuerySet["Folder"]):
    def visible_to(self, user: User) -> Self:
        return access.visible(user, self)  # type: ignore[return-value]  # of the same class as it was given

    def below(self, folder: "Folder") -> Self:
        """The folder and all that lie in it, however deep."""
        return self.filter(path__startswith=folder.path)


class Folder(models.Model):
    """A place for deliveries of its unit and the units below; `path` is the ids down to it, as "/3/9/"."""

    label = models.CharField(_("label"), max_length=128)
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="folders"
    )
    parent = models.ForeignKey(
        "self", verbose_name=_("lies in"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="children",
    )  # fmt: skip
    path = models.CharField(max_length=128, editable=False, db_index=True, default="")
    description = models.TextField(_("description"), blank=True, default="", max_length=2_000)
    is_campaign = models.BooleanField(_("campaign"), default=False)
    starts_on = models.DateField(_("starts on"), null=True, blank=True)
    ends_on = models.DateField(_("ends on"), null=True, blank=True)
    owner = models.ForeignKey(
        User, verbose_name=_("owner"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # A figure of the reports by its code, and what it should reach: per cent of a rate, else a number.
    goal_figure = models.CharField(_("figure of the goal"), max_length=16, blank=True, default="")
    goal_value: Any = models.DecimalField(_("goal"), max_digits=12, decimal_places=1, null=True, blank=True)
    created_by = models.ForeignKey(
        User, verbose_name=_("created by"), null=True, editable=False, on_delete=models.SET_NULL,
        related_name="+",
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    # Where it lies, as `deliveries.folders.naming` found it; not stored.
    words: list[str] = []
    in_words: str = ""
    depth: int = 0

    objects = FolderQuerySet.as_manager()

    class Meta:
        verbose_name = _("folder")
        verbose_name_plural = _("folders")
        ordering = ["label", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["unit", "parent", "label"], nulls_distinct=False, name="folder_label_once_in_a_place"
            ),
            models.CheckConstraint(
                name="folder_dates_in_order",
                condition=models.Q(starts_on=None)
                | models.Q(ends_on=None)
                | models.Q(ends_on__gte=models.F("starts_on")),
            ),
            models.CheckConstraint(
                name="folder_goal_whole",
                condition=models.Q(goal_figure="", goal_value=None)
                | models.Q(~models.Q(goal_figure=""), goal_value__gte=0),
            ),
            models.CheckConstraint(
                name="folder_plain_without_campaign",
                condition=models.Q(is_campaign=True)
                | models.Q(starts_on=None, ends_on=None, owner=None, goal_figure="", goal_value=None),
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def lineage(self) -> list[int]:
        """The ids from the topmost folder down to this one."""
        return [int(part) for part in self.path.split("/") if part]
