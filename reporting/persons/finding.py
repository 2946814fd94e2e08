"""One person, named by their address, the number of their profile or their external id."""

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audiences import addresses, sight
from audiences.models import Profile
from campaign.lib import numbers
from campaign.lib.refusals import Refusal


class NobodyThere(Refusal):
    message = _("Nobody whom you may see has the address, number or external id “%(text)s”.")
    code = "no_such_person"
    exit_code = 2


class SeveralPeople(Refusal):
    message = _("“%(text)s” names several profiles; say which by its number: %(numbers)s.")
    code = "several_people"
    exit_code = 2


MOST_NAMED = 20


def one(text: str, *, by: User) -> Profile:
    """Return the profile that is meant, if this person may see it.

    Raise NobodyThere, and SeveralPeople where an address stands in more than one profile.
    """
    text = text.strip().replace("\0", "")
    people = sight.people(by).select_related("unit")
    key = addresses.read(text)[1]
    where = {"email_key": key} if key else {"external_id": text}
    number = numbers.key(text)
    found = list(people.filter(pk=number)) if number is not None else []
    found = found or list(people.filter(**where).order_by("pk")[: MOST_NAMED + 1])
    if not found:
        raise NobodyThere(text=text)
    if len(found) > 1:
        raise SeveralPeople(text=text, numbers=", ".join(str(each.pk) for each in found[:MOST_NAMED]))
    return found[0]
