"""Who may do what where. Every check of a right goes through here, on django-guardian's rows.

A right granted on a unit acts on that unit and all below; VIEW and ADDRESSES also read the units above. A right may
be granted on a single object too, which then may be seen. `is_superuser` stands for these two and ADMINISTER
everywhere and for nothing else: nobody prepares, approves or starts a delivery but by a right that somebody gave.

guardian_rows.py  where a right acts: the one rule on which all questions rest
asking.py         whether a person may, and what they hold
counting.py       how many rows there are for them, on every page
seeing.py         which rows, units and people there are for them
granting.py       rights are given and taken
withholding.py    Start and Approve, withheld while an account is in somebody's hands
hands.py          in whose hands an account is, and which administrator is independent of that
refusals.py       what is said to whoever may not

Whom of the people behind an object above one sees is the matter of `audiences.sight`.
"""

from accounts.access.asking import (
    can,
    held,
    on_any_unit,
    on_units,
    record_hidden,
    require,
)
from accounts.access.counting import counter, counters
from accounts.access.granting import (
    grant,
    grant_single,
    refuse_gain,
    require_independent,
    revoke,
    revoke_single,
    rewrite_all_rights,
)
from accounts.access.guardian_rows import (
    OF_SUPERUSERS,
    read_once,
    unit_of,
)
from accounts.access.refusals import (
    NeedsAnother,
    NotAllowed,
    SelfGrant,
    UnknownPerson,
)
from accounts.access.seeing import (
    at_the_top,
    holders,
    people,
    readable_unit,
    readable_units,
    sees_all_below,
    units,
    visible,
    whole_units,
    within,
)
from accounts.access.withholding import (
    give_back,
    units_with_rights_of,
    withhold,
)

__all__ = [
    "OF_SUPERUSERS",
    "NeedsAnother",
    "NotAllowed",
    "SelfGrant",
    "UnknownPerson",
    "at_the_top",
    "can",
    "counter",
    "counters",
    "give_back",
    "grant",
    "grant_single",
    "held",
    "holders",
    "on_any_unit",
    "on_units",
    "people",
    "read_once",
    "readable_unit",
    "readable_units",
    "record_hidden",
    "refuse_gain",
    "require",
    "require_independent",
    "revoke",
    "revoke_single",
    "rewrite_all_rights",
    "sees_all_below",
    "unit_of",
    "units",
    "units_with_rights_of",
    "visible",
    "whole_units",
    "withhold",
    "within",
]
