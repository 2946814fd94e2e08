"""Which installation this database belongs to: one row, compared with what stands outside of it."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Instance(models.Model):
    """The only row. A copy of the database holds the same row, and is recognised by what it is compared with.

    `mark` only grows; after each commit it is copied to Valkey and to the workers' disks. A database whose mark is
    behind one of these copies was set back.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    generation = models.UUIDField(_("generation"), default=uuid.uuid4)
    environment = models.CharField(_("environment"), max_length=64, default="", db_default="")
    system = models.CharField(
        _("server and database"), max_length=80, default="", db_default=""
    )  # server and database within it
    timeline = models.IntegerField(_("timeline"), default=0, db_default=0)
    mark = models.BigIntegerField(_("mark"), default=0, db_default=0)
    nonce = models.CharField(max_length=16, default="", db_default="")  # tells two copies at one mark apart
    beat_at = models.DateTimeField(_("mark grew"), null=True)
    adopted_at = models.DateTimeField(_("adopted"), null=True)

    class Meta:
        verbose_name = _("instance")
        constraints = [models.CheckConstraint(name="instance_one_row", condition=models.Q(id=1))]
