"""Deliveries are put into a folder, or out of the one in which they lie. It changes nothing of what is sent."""

from django.db import transaction

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from deliveries.folders import tree
from deliveries.models import Delivery, Folder


@transaction.atomic
def place(*, delivery: Delivery, folder: Folder | None, by: User) -> Delivery:
    """The delivery lies in the folder, or in none; whatever its status, and with its seal as it was.

    The runs of a series that are made from now on lie where it does. Raise access.NotAllowed without *Prepare
    deliveries* on the delivery, and tree.FolderElsewhere where the folder is of another branch of units.
    """
    folder = tree.locked(folder.pk) if folder is not None else None
    delivery = Delivery.objects.locked(delivery.pk)
    access.require(by, Right.PREPARE, delivery)
    if folder is not None:
        tree.require_fits(folder, delivery.unit)
    if delivery.folder_id != (folder.pk if folder else None):
        before = delivery.folder_id
        Delivery.objects.filter(pk=delivery.pk).update(folder=folder)
        delivery.folder = folder
        audit.record("place_delivery", by=by, target=delivery, before=before, folder=folder and folder.pk)
    return delivery
