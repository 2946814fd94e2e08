"""What a rule can ask of a date: before and after, the days around today, the days that come round each year.

Today is that of the database's clock. An anniversary of 29 February is kept on the 28th where the year has no 29th.
"""

from datetime import date
from typing import Any

from django.db.models import BooleanField, DateField, Func, Q, TextField, Value
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, IsNull, LessThan, LessThanOrEqual

from audiences.fields import fields as profile_fields
from audiences.fields.fields import ProfileField

A_YEAR = 366
_ORDERS: dict[str, Any] = {"after": GreaterThan, "before": LessThan}


def condition(field: ProfileField, code: str, value: Any) -> Q:
    """What a profile must meet whose date is asked so; false, not NULL, where it has none."""
    asked: Any = profile_fields.expression(field)
    match code:
        case "empty":
            return Q(IsNull(asked, True))
        case "not_empty":
            return Q(IsNull(asked, False))
        case "not_equal":
            return ~condition(field, "equal", value)
        case "equal":
            return _present(asked, Exact(asked, _moment(field, value)))
        case "last_days":
            return _between(field, asked, GreaterThan(asked, _Day(-value, field=field)), last=0)
        case "next_days":
            return _between(field, asked, GreaterThanOrEqual(asked, _Day(0, field=field)), last=value)
        case "this_month":
            return _present(asked, Exact(_Part(asked, field=field, part="YYYY-MM"), _Now("YYYY-MM")))
        case "anniversary_this_month":
            return _present(asked, Exact(_Part(asked, field=field, part="MM"), _Now("MM")))
        case "anniversary_today":
            return _present(asked, _ComesRound(_Part(asked, field=field, part="MM-DD"), days=0))
        case "anniversary_next_days":
            return _present(asked, _ComesRound(_Part(asked, field=field, part="MM-DD"), days=value))
        case _:
            return _present(asked, _ORDERS[code](asked, _moment(field, value)))


def _between(field: ProfileField, asked: Any, begins: Any, *, last: int) -> Q:
    return _present(asked, begins) & Q(LessThanOrEqual(asked, _Day(last, field=field)))


def _present(asked: Any, comparison: Any) -> Q:
    """False, not NULL, where there is no value: so that `not` turns it into true."""
    return Q(IsNull(asked, False)) & Q(comparison)


def _moment(field: ProfileField, value: str) -> Value:
    return Value(date.fromisoformat(value), DateField()) if field.column else Value(value, TextField())


class _Day(Func):
    """The day so many days from today, by the database's clock, as the field's own type."""

    def __init__(self, days: int, *, field: ProfileField) -> None:
        template = "(sinete_now()::date + %(expressions)s::int)"
        if not field.column:
            template = f"to_char({template}, 'YYYY-MM-DD')"
        super().__init__(Value(days), template=template, output_field=profile_fields.date_field(field))


class _Now(Func):
    """A part of today, in the notation of `to_char`."""

    def __init__(self, part: str) -> None:
        super().__init__(
            Value(part), template="to_char(sinete_now(), %(expressions)s)", output_field=TextField()
        )


_PLACES = {"YYYY-MM": (1, 7), "MM": (6, 2), "MM-DD": (6, 5)}


class _Part(Func):
    """A part of a date; of an attribute, whose dates are texts as ISO has them, the characters that say it."""

    def __init__(self, asked: Any, *, field: ProfileField, part: str) -> None:
        first, number = _PLACES[part]
        template = f"substr(%(expressions)s, {first}, {number})"
        if field.column:
            template = f"to_char(%(expressions)s, '{part}')"
        super().__init__(asked, template=template, output_field=TextField())


class _ComesRound(Func):
    """Whether a month and day comes within so many days, today included."""

    def __init__(self, asked: Any, *, days: int) -> None:
        coming = f"generate_series(sinete_now()::date, sinete_now()::date + {min(int(days), A_YEAR)}, interval '1 day')"
        template = (
            f"(%(expressions)s IN (SELECT to_char(day, 'MM-DD') FROM {coming} AS day"
            f" UNION ALL SELECT '02-29' FROM {coming} AS day WHERE to_char(day, 'MM-DD') = '02-28'"
            " AND to_char(day + interval '1 day', 'MM-DD') = '03-01'))"
        )
        super().__init__(asked, template=template, output_field=BooleanField())
