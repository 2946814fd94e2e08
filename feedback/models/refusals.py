"""How far the refusals of a delivery are counted against addresses."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from deliveries.models import Delivery


class RefusalLook(models.Model):
    """Of each chunk, by its number, how many failed rows were looked at; and when last."""

    delivery = models.OneToOneField(
        Delivery, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    counted = ArrayField(models.IntegerField(), default=list)
    looked_at = models.DateTimeField(null=True)
