"""What links in deliveries of a unit get, such as utm_source: kept by its administrators, for it and for all below.

Name by name the unit nearest to the delivery says what holds; an empty value takes away what is said above.
"""

from collections.abc import Iterable, Sequence

from django.db import transaction

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib import link_parameters
from campaign.lib.link_parameters import LinkParameters


def of_unit(unit: OrganizationalUnit) -> LinkParameters:
    """Return what holds in the unit, with all above it; one query."""
    found = LinkParameters()
    rows = OrganizationalUnit.objects.filter(pk__in=unit.lineage).order_by("path")
    for pairs, domains in rows.values_list("link_parameters", "link_domains"):
        found = LinkParameters.stored(pairs, domains).over(found)
    return found


@transaction.atomic
def save(
    *,
    unit: OrganizationalUnit,
    parameters: Iterable[Sequence[str]],
    domains: Iterable[str],
    by: User,
) -> None:
    """The unit says this of links, and of the domains that they lead to; with nothing said those above hold.

    What is prepared and not confirmed must be prepared anew where this concerns it; what is confirmed leaves as
    confirmed. Raise access.NotAllowed, and what `checked` and `checked_domains` of the parameters raise.
    """
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    unit.refresh_from_db()
    access.require(by, Right.ADMINISTER, unit)
    wanted = {
        "link_parameters": [list(pair) for pair in link_parameters.checked(parameters)] or None,
        "link_domains": link_parameters.checked_domains(domains) or None,
    }
    before = {name: getattr(unit, name) for name in wanted}
    if wanted == before:
        return
    for name, value in wanted.items():
        setattr(unit, name, value)
    unit.save(update_fields=[*wanted])
    audit.record("save_link_parameters", by=by, target=unit, before=before, after=wanted)
