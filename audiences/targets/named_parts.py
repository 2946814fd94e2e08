"""Lists and rules that a file names by label or id, *with* and *without*: for the commands that read such files."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from audiences.models import Audience
from audiences.targets import combining
from audiences.targets.combining import Part
from campaign.lib import numbers
from campaign.lib.refusals import Refusal

KEYS = ("with", "without")
LONGEST_NAME = 200


class BadParts(Refusal):
    message = _("“%(key)s” must be a list of at most %(most)s labels or ids.")
    code = "bad_file"
    exit_code = 2


class NoSuchAudience(Refusal):
    message = _("There is no audience “%(audience)s” for this unit, or more than one.")
    code = "no_such_audience"
    exit_code = 2


def names(wanted: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names under *with* and *without*. Raise BadParts for what is no list of labels and ids."""
    found = {}
    for key in KEYS:
        given = wanted.get(key, [])
        is_list = isinstance(given, list) and len(given) <= combining.MOST_PARTS
        if not is_list or not all(_is_name(name) for name in given):
            raise BadParts(key=key, most=combining.MOST_PARTS)
        found[key] = [str(name) for name in given]
    return found


def _is_name(name: Any) -> bool:
    if type(name) is int:
        return 0 <= name < 10**numbers.LONGEST_KEY
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and "\0" not in name


def parts(wanted: Mapping[str, Any], *, unit: OrganizationalUnit, by: User) -> list[Part]:
    """What is named, of the unit and of those above, as far as the person may see it.

    Raise BadParts for what can't be read, and NoSuchAudience for a name that is unknown or fits several.
    """
    rows = access.visible(by, Audience.objects.filter(unit__in=unit.lineage))
    return [
        Part(_named(name, rows), without=key == "without") for key, given in names(wanted).items() for name in given
    ]  # fmt: skip


def _named(name: str, rows: Any) -> Audience:
    found = list(rows.filter(Q(label=name) | Q(pk=numbers.key(name)))[:2])
    if len(found) != 1:
        raise NoSuchAudience(audience=name)
    one: Audience = found[0]
    return one
