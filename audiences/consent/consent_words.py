"""What the consent log says of where a wish came from, in words: by what means, and what carried it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from audiences.models import Audience, ConsentEvent, Service

SOURCES: dict[str, str | Promise] = {
    "page": _("noted on the page of the profile"),
    "operator": _("noted at the desk"),
    "desk": _("noted at the desk"),
    "command": _("noted by a command"),
    "import": _("by an import"),
    "audience": _("as one of an audience"),
    "sign_up_form": _("by the form"),
    "confirmed_by_mail": _("confirmed by mail"),
    "preference_page": _("on the page of preferences"),
    "unsubscribe_link": _("by the unsubscribe link"),
    "unsubscribe_mail": _("by a mail that unsubscribes"),
    "unclear_consent": _("decided about an unclear consent"),
    "address_changed": _("as the address is now that of somebody who left"),
}


@dataclass(frozen=True)
class Carrier:
    """What carried a wish, with the address of its page where it has one."""

    label: str | Promise
    url: str = ""


_CARRIERS: dict[str, tuple[str | Promise, str]] = {
    "delivery": (_("delivery DM%(number)s"), "deliveries:dashboard"),
    "import": (_("import %(number)s"), "audiences:import"),
    "audience": (_("audience %(number)s"), "audiences:audience"),
    "service": (_("service %(number)s"), "audiences:service"),
    "sign-up": (_("sign-up %(number)s"), ""),
    "audit event": (_("audit event %(number)s"), ""),
}
_REFERENCE = re.compile(r"([a-z -]+) ([0-9]{1,18})").fullmatch


def source(code: str) -> str | Promise:
    """The means by which a wish came, in words; as it was written where a file said it."""
    return SOURCES.get(code, code)


def carrier(reference: str) -> Carrier | None:
    """What carried a wish; None where nothing did, and as it was written where it is none of ours."""
    if not reference:
        return None
    found = _REFERENCE(reference)
    if found is None or found[1] not in _CARRIERS:
        return Carrier(reference)
    label, page = _CARRIERS[found[1]]
    try:
        url = reverse(page, args=[int(found[2])]) if page else ""
    except NoReverseMatch:
        url = ""
    return Carrier(str(label) % {"number": found[2]}, url)


# What has a name of its own, beside its number.
_NAMED: dict[str, tuple[Any, str]] = {"audience": (Audience, "label"), "service": (Service, "label")}


def carried(events: Iterable[ConsentEvent], by: User) -> list[ConsentEvent]:
    """The rows of the consent log, each with its `carrier`: an audience or a service by its name, if `by` may see it.

    One query for the audiences of all rows, and one for their services.
    """
    rows: list[Any] = list(events)
    found = [_REFERENCE(row.reference) for row in rows]
    names: dict[tuple[str, int], str] = {}
    for kind, (model, field) in _NAMED.items():
        if keys := {int(one[2]) for one in found if one and one[1] == kind}:
            seen = access.visible(by, model.objects.filter(pk__in=keys))
            names |= {(kind, pk): name for pk, name in seen.values_list("pk", field)}
    for row, one in zip(rows, found, strict=True):
        row.carrier = carrier(row.reference)
        if one and (name := names.get((one[1], int(one[2])))):
            row.carrier = Carrier(f"“{name}”", row.carrier.url if row.carrier else "")
    return rows
