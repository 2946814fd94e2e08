"""django-guardian's rows for rights on a single delivery."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from deliveries.models.delivery import Delivery


class DeliveryUserPermission(UserObjectPermissionBase):
    """This person holds this permission on this delivery."""

    content_object = models.ForeignKey(Delivery, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = _("right on a delivery")
        verbose_name_plural = _("rights on deliveries")


class DeliveryGroupPermission(GroupObjectPermissionBase):
    """Needed by django-guardian beside the one for people; Sinete gives rights to people."""

    content_object = models.ForeignKey(Delivery, on_delete=models.CASCADE)
