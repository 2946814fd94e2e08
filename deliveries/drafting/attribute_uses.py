"""Which deliveries refer to an attribute of profiles: those that are not over and whose content names it, series too.

A prepared delivery carries the values already, but may be prepared again; a series is prepared for each run.
"""

from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audiences.fields.attributes import Use, use_of
from deliveries.lifecycle import groups
from deliveries.models import Delivery

WRITTEN_IN = ("subject", "preheader", "from_name", "html", "text")


def find(name: str, user: User) -> Iterable[Use]:
    """Return the deliveries that are not over and whose content names the attribute; recurring ones apart."""
    tag = rf"\mprofile\s*\.\s*{name}\M"
    mentions = Q()
    for part in WRITTEN_IN:
        mentions |= Q(**{f"content__{part}__regex": tag})
    using = Delivery.objects.filter(mentions).exclude(status__in=groups.FINAL)
    yield from use_of(_("deliveries"), using.filter(series__isnull=True), user)
    yield from use_of(_("recurring deliveries"), using.filter(series__isnull=False), user)
