"""Stop all sending, and allow it again."""

from accounts.models import OrganizationalUnit, User
from accounts.roles import root
from campaign.lib import clock
from deliveries.models import Halt
from deliveries.sending.control import halts
from deliveries.tests.factories import person


def stop_all(
    unit: OrganizationalUnit | None = None, by: User | None = None, reason: str = "Wrong price"
) -> halts.HaltReceipt:
    """Stop all sending below the unit (the root unless said), by somebody who may start deliveries."""
    unit = unit or root()
    return halts.stop_all(unit=unit, by=by or person("start", unit), at=clock.now(), reason=reason)


def allow(unit: OrganizationalUnit | None = None) -> Halt:
    """Allow sending again where it was stopped."""
    unit = unit or root()
    return halts.allow(unit=unit, by=person("start", unit), at=clock.now())
