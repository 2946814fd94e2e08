"""What of the deliveries refers to an attribute of profiles: the contents of all that are not over, series among them.

What was prepared carries its values; but it may be prepared again, and a series is for each run.
"""

from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audiences.attributes import Use, use_of
from deliveries.lifecycle import groups
from deliveries.models import Delivery

WRITTEN_IN = ("subject", "preheader", "from_name", "html", "text")


def find(name: str, user: User) -> Iterable[Use]:
    """Deliveries that are not over and in whose content the attribute is a merge tag; recurring ones apart."""
    tag = rf"\mprofile\s*\.\s*{name}\M"
    mentions = Q()
    for part in WRITTEN_IN:
        mentions |= Q(**{f"content__{part}__regex": tag})
    using = Delivery.objects.filter(mentions).exclude(status__in=groups.FINAL)
    yield from use_of(_("deliveries"), using.filter(series__isnull=True), user)
    yield from use_of(_("recurring deliveries"), using.filter(series__isnull=False), user)
