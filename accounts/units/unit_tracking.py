"""Whether opens and clicks are measured of people who were not asked: what a unit says, for it and for all below."""

from django.db import transaction
from django.db.models.functions import Length

from accounts import access, audit
from accounts.models import OrganizationalUnit, Unasked, User
from accounts.rights import Right

# The same in SQL, of a unit `own`: true where neither it nor any above says otherwise.
IN_SQL = """
    coalesce((
        SELECT said.tracking_unasked = 'on' FROM accounts_organizationalunit said
        WHERE said.tracking_unasked <> '' AND starts_with(own.path, said.path) ORDER BY length(said.path) DESC LIMIT 1
    ), true)
"""


def tracks_unasked(unit: OrganizationalUnit) -> bool:
    """Whether the unit's deliveries measure people who were not asked: the nearest that says so counts; one query."""
    said = OrganizationalUnit.objects.filter(pk__in=unit.lineage).exclude(tracking_unasked=Unasked.AS_ABOVE)
    nearest = said.order_by(Length("path").desc()).values_list("tracking_unasked", flat=True).first()
    return nearest != Unasked.OFF


@transaction.atomic
def save(*, unit: OrganizationalUnit, unasked: str, by: User) -> None:
    """The unit says this of people who were not asked; empty: those above hold. Raise access.NotAllowed.

    Switched off, it concerns every window that leaves from now on; switched on, only what is prepared from now on.
    """
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    unit.refresh_from_db()
    access.require(by, Right.ADMINISTER, unit)
    before, wanted = unit.tracking_unasked, Unasked(unasked)
    if before == wanted:
        return
    unit.tracking_unasked = wanted
    unit.save(update_fields=["tracking_unasked"])
    audit.record("save_tracking_unasked", by=by, target=unit, before=before, after=str(wanted))
