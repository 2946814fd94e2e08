"""Stored mail read anew, after a rule was changed: what would change, and that it was applied or undone."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audiences.models import Quarantine
from deliveries.models import MessageStatus, Nature


def _in_words(move: str, words: dict[str, Any]) -> str:
    """“bounced hard → sent” as people read it; what has no words stays as it is."""
    steps = []
    for step in move.split(" → "):
        status, _space, nature = step.partition(" ")
        told = [words.get(status, status), *([dict(Nature.choices).get(nature, nature)] if nature else [])]
        steps.append(" · ".join(map(str, told)))
    return " → ".join(steps)


class Reclassification(models.Model):
    """One reading anew. What it found differs stands in reports of its own, which count once it is applied."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Being read")
        READY = "ready", _("Ready: look, then apply")
        APPLYING = "applying", _("Being applied")
        APPLIED = "applied", _("Applied")
        UNDOING = "undoing", _("Being undone")
        UNDONE = "undone", _("Undone")

    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.QUEUED)
    since = models.DateTimeField(_("mail from"))
    until = models.DateTimeField(_("mail until"))
    by = models.ForeignKey(User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(_("date"))
    mails = models.IntegerField(_("mails read"), default=0)
    changed = models.IntegerField(_("mails that are read otherwise"), default=0)
    # How many messages and addresses change, by "old → new".
    messages = models.JSONField(_("messages"), default=dict)
    addresses = models.JSONField(_("addresses"), default=dict)

    class Meta:
        verbose_name = _("re-classification")
        verbose_name_plural = _("re-classifications")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(status__in=["queued", "applying", "undoing"]),
                name="reclassification_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    @property
    def moves(self) -> list[tuple[str, str, int]]:
        """What changes, how, and of how many, in words."""
        kinds = (
            (_("messages"), self.messages, {each.name.lower(): each.label for each in MessageStatus}),
            (_("addresses"), self.addresses, dict(Quarantine.Status.choices)),
        )
        return [
            (str(what), _in_words(move, words), number)
            for what, moves, words in kinds
            for move, number in sorted(moves.items())
        ]

    @property
    def is_read(self) -> bool:
        """Whether it is known what changes."""
        return self.status in {self.Status.READY, self.Status.APPLIED, self.Status.UNDONE}

    @property
    def may_be_applied(self) -> bool:
        return self.status == self.Status.READY

    @property
    def may_be_undone(self) -> bool:
        return self.status == self.Status.APPLIED

    @property
    def tone(self) -> str:
        """The word by which its colour is found."""
        return {"ready": "waiting", "applied": "done", "undone": "waiting"}.get(self.status, "running")
