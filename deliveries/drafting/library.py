"""The picture library of a unit: pictures are added, described, found in what shows them, and removed."""

import hashlib
from datetime import datetime
from typing import IO

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries.drafting import picture_octets
from deliveries.drafting.picture_octets import Looked
from deliveries.drafting.picture_uses import uses_of
from deliveries.drafting.uploads import picture_type
from deliveries.models import ContentTemplate, Delivery, Picture

MOST = 2_000  # of one unit
MOST_OCTETS = 5 * 1024 * 1024


class NoPicture(Refusal):
    message = _("“%(name)s” is no picture that mail can show: PNG, JPEG, GIF or WebP, undamaged.")
    code = "no_picture"


class PictureTooLarge(Refusal):
    message = _("“%(name)s” is too large: at most 5 MB and 40 million pixels.")
    code = "picture_too_large"


class PictureThere(Refusal):
    message = _("“%(unit)s” has this picture already, as “%(name)s”.")
    code = "picture_there"


class PictureUnnamed(Refusal):
    message = _("A picture needs a name of at most 128 characters, and at most 300 of alternative text.")
    code = "picture_unnamed"
    exit_code = 2


class TooManyPictures(Refusal):
    message = _("A unit has at most %(most)s pictures: remove one first.")
    code = "too_many_pictures"


class PictureInUse(Refusal):
    message = _("“%(name)s” is shown by %(number)s deliveries or templates: a picture that mail shows stays.")
    code = "picture_in_use"


def seen_by(user: User) -> QuerySet[Picture]:
    """The pictures of all units that the person may read, without their octets."""
    return access.visible(user, Picture.objects.select_related("unit", "added_by").defer("data"))


def of_unit(unit: OrganizationalUnit) -> QuerySet[Picture]:
    """The pictures that a content of the unit can show: its own and those of the units above."""
    return Picture.objects.filter(unit__in=unit.lineage).select_related("unit").defer("data")


def add(*, unit: OrganizationalUnit, name: str, alt: str, file: IO[bytes], by: User, at: datetime) -> Picture:
    """The unit has this picture, served to everybody who knows its address.

    It is decoded in a process of its own, within bounds of time, memory and pixels, turned as it is meant to be seen,
    and kept without what a camera wrote into it. Raise NotAllowed without *Prepare deliveries* in the unit,
    PictureTooLarge, and another Refusal for what is no picture, there already or one too many.
    """
    access.require(by, Right.PREPARE, unit)
    name, alt = _words(name), _words(alt)
    _check_words(name, alt)
    octets = file.read(MOST_OCTETS + 1)
    if len(octets) > MOST_OCTETS:
        raise PictureTooLarge(name=name)
    return _added(unit, name, alt, taken(octets, name=name), by=by, at=at)


@transaction.atomic
def _added(
    unit: OrganizationalUnit, name: str, alt: str, found: Looked, *, by: User, at: datetime
) -> Picture:
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    sha256 = hashlib.sha256(found.octets).hexdigest()
    rows = Picture.objects.filter(unit=unit)
    if (same := rows.filter(sha256=sha256).defer("data").first()) is not None:
        raise PictureThere(unit=unit, name=same.name)
    if rows.count() >= MOST:
        raise TooManyPictures(most=MOST)
    made = Picture.objects.create(
        unit=unit, name=name, alt=alt, sha256=sha256, size=len(found.octets), data=found.octets, added_by=by,
        added_at=at, media_type=found.media_type, width=found.width, height=found.height,
    )  # fmt: skip
    audit.record("add_picture", by=by, target=made, unit=unit.label, size=made.size)
    return made


def taken(octets: bytes, *, name: str) -> Looked:
    """The picture as it is kept: turned as it is seen, without place, camera or other words that stand beside it.

    Raise NoPicture or PictureTooLarge.
    """
    if not picture_type(octets):  # SVG, among others: it can hold script
        raise NoPicture(name=name)
    (found,) = picture_octets.looked_at([octets])
    if found.refused == picture_octets.TOO_LARGE or len(found.octets) > MOST_OCTETS:
        raise PictureTooLarge(name=name)
    if found.refused:
        raise NoPicture(name=name)
    return found


@transaction.atomic
def describe(*, picture: Picture, name: str, alt: str, by: User) -> Picture:
    """The picture has this name and alternative text; what shows it already keeps its own text."""
    access.require(by, Right.PREPARE, picture.unit)
    before = {"name": picture.name, "alt": picture.alt}
    picture.name, picture.alt = _words(name), _words(alt)
    _check_words(picture.name, picture.alt)
    picture.save(update_fields=["name", "alt"])
    audit.record("describe_picture", by=by, target=picture, before=before)
    return picture


@transaction.atomic
def remove(*, picture: Picture, by: User) -> None:
    """The picture is gone, and its address leads nowhere. Raise PictureInUse where a content or a template shows it."""
    access.require(by, Right.PREPARE, picture.unit)
    others = Picture.objects.filter(sha256=picture.sha256).exclude(pk=picture.pk)
    if not others.exists() and (number := uses_of([picture.sha256]).get(picture.sha256, 0)):
        raise PictureInUse(name=picture.name, number=number)
    audit.record("remove_picture", by=by, target=picture, unit=picture.unit.label, sha256=picture.sha256)
    picture.delete()


def shown_in(picture: Picture, *, by: User) -> tuple[list[Delivery], list[ContentTemplate], int]:
    """The deliveries and templates that show it and that the person may see, and how many there are in all."""
    versions = Q(contents__picture_uses__sha256=picture.sha256)
    deliveries = Delivery.objects.visible_to(by).filter(versions).distinct().order_by("-pk")
    templates = access.visible(
        by, ContentTemplate.objects.filter(picture_uses__sha256=picture.sha256).distinct()
    )
    return list(deliveries[:50]), list(templates[:50]), uses_of([picture.sha256]).get(picture.sha256, 0)


def _words(text: str) -> str:
    return " ".join(text.replace("\0", "").split())


def _check_words(name: str, alt: str) -> None:
    if not 1 <= len(name) <= 128 or len(alt) > 300:
        raise PictureUnnamed()
