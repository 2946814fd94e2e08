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


def not_refused(profile_id: str) -> str:
    """SQL: what the profile of this id has not refused; all of one that is not there, and of who was erased nothing."""
    bits = _bits("p.{column} IS NOT FALSE")
    return (
        f"coalesce((SELECT {bits} FROM audiences_profile p WHERE p.id = {profile_id}),"
        f" CASE WHEN EXISTS (SELECT FROM audiences_erasedprofile e WHERE e.profile_id = {profile_id})"
        f" THEN 0 ELSE {Tracked.ALL:d} END::smallint)"
    )


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


def labels(codes: str) -> list[str]:
    """The names of purposes, by their codes with commas."""
    return [str(Purpose(code).label) for code in codes.split(",") if code]


def both(may: bool) -> dict[str, bool]:
    """One answer for all purposes."""
    return dict.fromkeys(Purpose.values, may)
