"""Which contents and templates show pictures that we serve: noted when they are written, so it is read by an index."""

import re
from collections.abc import Sequence

from django.db.models import Count

from deliveries.models import Content, ContentTemplate, PictureUse

_SHOWN = re.compile(r"/i/([0-9a-f]{64})\.")
MOST = 1_000  # of one page


def shown(html: str) -> list[str]:
    """The fingerprints of pictures of ours that stand in the page, each once."""
    return list(dict.fromkeys(match[1] for match in _SHOWN.finditer(html)))[:MOST]


def note(content: Content) -> None:
    """Note what the new version shows."""
    PictureUse.objects.bulk_create(PictureUse(sha256=each, content=content) for each in shown(content.html))


def note_template(template: ContentTemplate) -> None:
    """Note what the template shows now."""
    PictureUse.objects.filter(template=template).delete()
    PictureUse.objects.bulk_create(
        PictureUse(sha256=each, template=template) for each in shown(template.html)
    )


def uses_of(fingerprints: Sequence[str]) -> dict[str, int]:
    """How many deliveries and templates show each of these pictures; one query."""
    rows = PictureUse.objects.filter(sha256__in=fingerprints).values("sha256")
    counted = rows.annotate(
        deliveries=Count("content__delivery", distinct=True), templates=Count("template", distinct=True)
    )
    return {row["sha256"]: row["deliveries"] + row["templates"] for row in counted}
