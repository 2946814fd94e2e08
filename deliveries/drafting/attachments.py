"""Files that go along with every message of a delivery: attached and taken away as long as it can be changed."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import IO, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import User
from campaign.lib.refusals import Refusal
from deliveries.drafting import attachment_rules
from deliveries.drafting.drafts import drop_if_unsealed, editable
from deliveries.models import Attachment, Delivery


class Upload(NamedTuple):
    """A file as it comes: its name, and what it is read from."""

    name: str
    file: IO[bytes]


class TooManyAttachments(Refusal):
    message = _("A delivery has at most %(most)s attachments.")
    code = "too_many_attachments"


class AttachmentsTooLarge(Refusal):
    message = _("The attachments of a delivery may have %(most)s MB together. “%(name)s” does not fit in.")
    code = "attachments_too_large"


class NoSuchAttachment(Refusal):
    message = _("“%(delivery)s” has no attachment “%(name)s”.")
    code = "no_such_attachment"


def most_octets() -> int:
    """How many octets the attachments of a delivery may have together."""
    return settings.SINETE["attachments_megabytes"] * 1024 * 1024


@transaction.atomic
def attach(*, delivery: Delivery, by: User, at: datetime, files: Iterable[Upload]) -> list[Attachment]:
    """The files go along with every message, in place of those of the same names. Returns all that do.

    Raise NotEditable, BadAttachment, TooManyAttachments, AttachmentsTooLarge, and access.NotAllowed.
    """
    delivery = editable(delivery, by=by)
    return _changed(delivery, by=by, at=at, added=_read(delivery, files, keeps=True), keeps=True)


@transaction.atomic
def set_all(*, delivery: Delivery, by: User, at: datetime, files: Iterable[Upload]) -> list[Attachment]:
    """Just these files go along with every message; without any there are none. Raises as `attach` does."""
    delivery = editable(delivery, by=by)
    return _changed(delivery, by=by, at=at, added=_read(delivery, files, keeps=False), keeps=False)


@transaction.atomic
def detach(*, delivery: Delivery, by: User, at: datetime, names: Sequence[str]) -> list[Attachment]:
    """The files of these names go along no more. Returns those that do.

    Raise NotEditable, NoSuchAttachment, and access.NotAllowed.
    """
    delivery = editable(delivery, by=by)
    there = set(delivery.attachments.values_list("name", flat=True))
    for name in names:
        if name not in there:
            raise NoSuchAttachment(delivery=delivery, name=name[:100])
    delivery.attachments.filter(name__in=names).delete()
    audit.record("detach_files", by=by, target=delivery, names=sorted(names))
    drop_if_unsealed(delivery, by=by, at=at)
    return of(delivery)


def of(delivery: Delivery) -> list[Attachment]:
    """The delivery's files in their order, without what is in them."""
    return list(delivery.attachments.order_by("id").defer("data"))


def _read(delivery: Delivery, files: Iterable[Upload], *, keeps: bool) -> list[Attachment]:
    """The files as rows, no more of them read than may be."""
    kept = dict(delivery.attachments.values_list("name", "size")) if keeps else {}
    found: dict[str, Attachment] = {}
    for upload in files:
        name = attachment_rules.checked_name(upload.name)
        kept.pop(name, None)
        found.pop(name, None)
        if len(kept) + len(found) >= settings.SINETE["attachments_most"]:
            raise TooManyAttachments(most=settings.SINETE["attachments_most"])
        left = most_octets() - sum(kept.values()) - sum(one.size for one in found.values())
        octets = upload.file.read(max(left, 0) + 1)
        if len(octets) > left:
            raise AttachmentsTooLarge(most=settings.SINETE["attachments_megabytes"], name=name)
        found[name] = _row(delivery, attachment_rules.checked(name, octets), octets)
    return list(found.values())


def _row(delivery: Delivery, name: str, octets: bytes) -> Attachment:
    return Attachment(
        delivery=delivery,
        name=name,
        media_type=attachment_rules.media_type(name),
        size=len(octets),
        sha256=hashlib.sha256(octets).hexdigest(),
        data=octets,
    )


def _changed(
    delivery: Delivery, *, by: User, at: datetime, added: list[Attachment], keeps: bool
) -> list[Attachment]:
    before = {one.name: one.sha256 for one in of(delivery)}
    wanted = {one.name: one.sha256 for one in added}
    if (before | wanted if keeps else wanted) == before and (keeps or list(before) == list(wanted)):
        return of(delivery)
    gone = delivery.attachments.filter(name__in=wanted) if keeps else delivery.attachments.all()
    gone.delete()
    Attachment.objects.bulk_create(added)
    audit.record(
        "attach_files", by=by, target=delivery, names=list(wanted), octets=sum(one.size for one in added),
        taken_away=[] if keeps else sorted(before.keys() - wanted),
    )  # fmt: skip
    drop_if_unsealed(delivery, by=by, at=at)
    return of(delivery)
