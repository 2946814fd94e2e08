"""What of a person may be measured: opens, clicks. Of who said nothing it is as the delivery's unit has it."""

from enum import IntFlag

from audiences.models import ConsentEvent, Profile

Purpose = ConsentEvent.Purpose
COLUMNS = {Purpose.OPENS: "track_opens", Purpose.CLICKS: "track_clicks"}


class Tracked(IntFlag):
    """What of a message is measured, as its row has it."""

    OPENS = 1
    CLICKS = 2
    ALL = 3


BITS = {Purpose.OPENS: Tracked.OPENS, Purpose.CLICKS: Tracked.CLICKS}


def allowed(profile: str, *, unasked: str) -> str:
    """SQL: what may be measured of a profile, by its alias; `unasked` is whether who said nothing may be."""
    return _bits(f"coalesce({profile}.{{column}}, {unasked})")


def not_refused(profile: str) -> str:
    """SQL: what a profile, by its alias, has not refused; of a profile that is not there, all."""
    return _bits(f"{profile}.{{column}} IS NOT FALSE")


def _bits(condition: str) -> str:
    parts = " | ".join(
        f"CASE WHEN {condition.format(column=column)} THEN {BITS[purpose]:d} ELSE 0 END"
        for purpose, column in COLUMNS.items()
    )
    return f"({parts})::smallint"


def answers(profile: Profile) -> list[tuple[str, str, bool | None]]:
    """Each purpose with its name, and what the profile said of it; None: it was not asked."""
    return [
        (purpose.value, str(purpose.label), getattr(profile, column)) for purpose, column in COLUMNS.items()
    ]


def both(may: bool) -> dict[str, bool]:
    """One answer for all purposes."""
    return dict.fromkeys(Purpose.values, may)
