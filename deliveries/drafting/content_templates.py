"""Templates of content: saved from a delivery or written, changed, deleted; and the content that begins with one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib import numbers
from campaign.lib.refusals import Refusal
from deliveries.drafting import drafts, picture_uses, shipped
from deliveries.drafting.shipped import Shipped
from deliveries.drafting.uploads import MOST_HTML_BYTES
from deliveries.models import Asset, Content, ContentTemplate, Delivery, TemplatePicture
from deliveries.routing import senders

PARTS = ("subject", "preheader", "html", "text")
MOST = 200  # of one unit
MOST_LETTERS = {"subject": 2_000, "preheader": 2_000, "html": MOST_HTML_BYTES, "text": MOST_HTML_BYTES}


class TemplateLabelTaken(Refusal):
    message = _("“%(unit)s” has a template “%(label)s” already.")
    code = "template_label_taken"


class TemplateUnnamed(Refusal):
    message = _("A template needs a label of at most 128 characters.")
    code = "template_unnamed"
    exit_code = 2


class TemplateTooLong(Refusal):
    message = _(
        "A template holds at most 2 MB of HTML and text, and 2,000 characters of subject and preheader."
    )
    code = "template_too_long"


class TooManyTemplates(Refusal):
    message = _("A unit has at most %(most)s templates: delete one first.")
    code = "too_many_templates"


class NothingToKeep(Refusal):
    message = _("“%(delivery)s” has no content yet.")
    code = "nothing_to_keep"


class NoSuchTemplate(Refusal):
    message = _("There is no template “%(template)s” that you may see.")
    code = "no_such_template"


def seen_by(user: User) -> QuerySet[ContentTemplate]:
    """The templates of all units that the person may read."""
    return access.visible(user, ContentTemplate.objects.select_related("unit", "changed_by"))


def of_unit(unit: OrganizationalUnit) -> QuerySet[ContentTemplate]:
    """The templates that a delivery of the unit can begin with: its own and those of the units above."""
    return ContentTemplate.objects.filter(unit__in=unit.lineage).select_related("unit")


def named(key: str, *, by: User) -> ContentTemplate | Shipped:
    """The template of this number, or that of this name which comes with the product; raise NoSuchTemplate."""
    number = numbers.key(key)
    own = seen_by(by).filter(pk=number).first() if number is not None else None
    found = own or shipped.named(key)
    if found is None:
        raise NoSuchTemplate(template=key[:100])
    return found


def choices(by: User) -> list[tuple[str, str]]:
    """Key and words of all that somebody can begin with: first their units' own, those changed last before others."""
    rows = seen_by(by).order_by("-changed_at", "-pk").values_list("pk", "label", "unit__label")
    own = [(str(pk), f"{label} ({unit})") for pk, label, unit in rows[:MOST]]
    return [("", "–"), *own, *((each.key, f"{each.label} ({each.language})") for each in shipped.offered())]


@transaction.atomic
def save(
    *,
    template: ContentTemplate | None = None,
    unit: OrganizationalUnit,
    label: str,
    by: User,
    at: datetime,
    **parts: str,
) -> ContentTemplate:
    """The unit has this template with these parts; an existing one keeps the parts that are not given.

    Raise NotAllowed without *Prepare deliveries* in the unit, and a Refusal for what can't be kept.
    """
    access.require(by, Right.PREPARE, unit)
    if template is not None:
        template = ContentTemplate.objects.select_for_update().get(pk=template.pk)
        access.require(by, Right.PREPARE, template.unit)
    label = " ".join(label.split())
    _check(unit, label, parts, template)
    made = template or ContentTemplate()
    made.unit, made.label, made.changed_by, made.changed_at = unit, label, by, at
    for part, value in parts.items():
        setattr(made, part, value.replace("\0", ""))
    made.save()
    picture_uses.note_template(made)
    audit.record("save_template", by=by, target=made, unit=unit.label, parts=sorted(parts))
    return made


def _check(
    unit: OrganizationalUnit, label: str, parts: dict[str, str], template: ContentTemplate | None
) -> None:
    if unknown := parts.keys() - set(PARTS):
        raise TypeError(f"no such parts: {', '.join(sorted(unknown))}")
    if not 1 <= len(label) <= 128:
        raise TemplateUnnamed()
    if any(len(value) > MOST_LETTERS[part] for part, value in parts.items()):
        raise TemplateTooLong()
    # Two at once wait for one another here, as a unit's senders do.
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    others = ContentTemplate.objects.filter(unit=unit).exclude(pk=template.pk if template else 0)
    if others.filter(label=label).exists():
        raise TemplateLabelTaken(unit=unit, label=label)
    if others.count() >= MOST:
        raise TooManyTemplates(most=MOST)


@transaction.atomic
def keep(
    *, delivery: Delivery, unit: OrganizationalUnit, label: str, by: User, at: datetime
) -> ContentTemplate:
    """The delivery's content becomes a template of the unit, with the pictures that it shows.

    Raise NothingToKeep for a delivery without content, and what `save` raises.
    """
    access.require(by, Right.VIEW, delivery)
    content = delivery.content
    if content is None:
        raise NothingToKeep(delivery=delivery)
    made = save(unit=unit, label=label, by=by, at=at, **{part: getattr(content, part) for part in PARTS})
    TemplatePicture.objects.bulk_create(
        TemplatePicture(template=made, path=a.path, sha256=a.sha256, media_type=a.media_type, data=a.data)
        for a in _shown(delivery.assets.all(), content)
    )
    return made


def _shown(assets: Iterable[Any], content: Any) -> list[Any]:
    """Those whose name stands in the page; an upload may have brought more."""
    return [each for each in assets if each.path.rpartition("/")[2] in content.html]


@transaction.atomic
def delete(*, template: ContentTemplate, by: User) -> None:
    """It is gone; what began with it stays. Raise NotAllowed without *Prepare deliveries* in its unit."""
    access.require(by, Right.PREPARE, template.unit)
    audit.record("delete_template", by=by, target=template, unit=template.unit.label)
    template.delete()


@transaction.atomic
def begin_with(*, delivery: Delivery, template: ContentTemplate | Shipped, by: User, at: datetime) -> Content:
    """The delivery's next version is a copy of the template, with the sender that it had, else its unit's.

    Raise NoSuchTemplate for one that the person may not see, and what `drafts.write` raises.
    """
    delivery = drafts.editable(delivery, by=by)
    if isinstance(template, ContentTemplate):
        if not access.readable_units(by).filter(pk=template.unit_id).exists():
            raise NoSuchTemplate(template=template.label)
        _bring(delivery, template.pictures.all())
        _written_by(delivery, [template.changed_by_id] if template.changed_by_id else [])
    sender = {} if delivery.content else senders.suggested(delivery.unit)
    said = {part: getattr(template, part) for part in PARTS}
    content = drafts.write(delivery=delivery, by=by, at=at, **sender | said)
    audit.record("begin_with_template", by=by, target=delivery, template=template.label)
    return content


@transaction.atomic
def begin_as(*, delivery: Delivery, other: Delivery, by: User, at: datetime) -> Content:
    """The delivery's next version says what another one says, sender and pictures included.

    Raise NotAllowed for one that the person may not see, NothingToKeep where it says nothing.
    """
    access.require(by, Right.VIEW, other)
    delivery = drafts.editable(delivery, by=by)
    if other.content is None:
        raise NothingToKeep(delivery=other)
    _bring(delivery, _shown(other.assets.all(), other.content))
    _written_by(delivery, other.authors())
    said = {part: getattr(other.content, part) for part in (*PARTS, "from_name", "from_address", "reply_to")}
    content = drafts.write(delivery=delivery, by=by, at=at, **said)
    audit.record("begin_as_delivery", by=by, target=delivery, of=other.pk)
    return content


def latest(delivery: Delivery, *, by: User) -> Delivery | None:
    """The last delivery of the same unit with a content that the person may see, other than this one."""
    rows = Delivery.objects.visible_to(by).filter(unit=delivery.unit, content__isnull=False)
    return rows.exclude(pk=delivery.pk).select_related("content", "unit").order_by("-pk").first()


def _written_by(delivery: Delivery, authors: Iterable[int]) -> None:
    """Whoever wrote it stays its author: four-eyes asks who wrote, not who began with it."""
    delivery.inherited_authors = sorted({*delivery.inherited_authors, *authors})
    delivery.save(update_fields=["inherited_authors"])


def _bring(delivery: Delivery, pictures: Iterable[Any]) -> None:
    """The pictures are the delivery's too. A name holds a picture's fingerprint, so one that is there is the same."""
    copies = [
        Asset(delivery=delivery, path=p.path, sha256=p.sha256, media_type=p.media_type, data=p.data)
        for p in pictures
    ]
    Asset.objects.bulk_create(copies, ignore_conflicts=True)
