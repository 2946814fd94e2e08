"""The settings of a delivery at a local hour or in waves: which make sense, and which belong to other kinds."""

from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal
from deliveries.models import Delivery, PastChoice, ScheduleKind, WaveBy
from deliveries.models.pace import LARGEST_WAVE, LONGEST_INTERVAL
from deliveries.schedule import moments

LOCAL = ("local_date", "local_hour")
WAVES = ("wave_by", "wave_value", "wave_minutes", "wave_limit")
SETTINGS = (*LOCAL, "past_choice", *WAVES)


class LocalHourMissing(Refusal):
    message = _("A delivery at a local hour needs the day and the hour.")
    code = "local_hour_missing"


class PastChoiceUnknown(Refusal):
    message = _("Of people whose hour has passed say: the next day, now, or leave them out.")
    code = "past_choice_unknown"


class WavesIncomplete(Refusal):
    message = _("Waves need a number, a share from 1 to 100 percent, or a size; each at least 1.")
    code = "waves_incomplete"


class TooManyWaves(Refusal):
    message = _("%(number)s waves are too many: choose %(most)s at most.")
    code = "too_many_waves"


class IntervalOutOfRange(Refusal):
    message = _("Between waves there are from 1 to %(longest)s minutes.")
    code = "interval_out_of_range"


class LimitOutOfRange(Refusal):
    message = _("The limit of bounces and errors is from 0 to 100 percent, or none.")
    code = "limit_out_of_range"


def check(delivery: Delivery) -> None:
    """Empty the settings of other kinds of schedule; raise a Refusal for one of this kind that makes no sense."""
    kind = delivery.schedule_kind
    if kind not in {ScheduleKind.AT_DATE, ScheduleKind.WAVES}:
        delivery.contact_date = None
    if kind == ScheduleKind.LOCAL_HOUR:
        _check_local(delivery)
    else:
        delivery.local_date = delivery.local_hour = None
        delivery.past_choice = PastChoice.NEXT_DAY
    if kind == ScheduleKind.WAVES:
        _check_waves(delivery)
    else:
        delivery.wave_by = ""
        delivery.wave_value = delivery.wave_minutes = delivery.wave_limit = None


def _check_local(delivery: Delivery) -> None:
    if delivery.local_date is None or delivery.local_hour is None:
        raise LocalHourMissing()
    if delivery.past_choice not in PastChoice.values:
        raise PastChoiceUnknown()


def _check_waves(delivery: Delivery) -> None:
    value, minutes, limit = delivery.wave_value, delivery.wave_minutes, delivery.wave_limit
    largest = 100 if delivery.wave_by == WaveBy.SHARE else LARGEST_WAVE
    if delivery.wave_by not in WaveBy.values or value is None or not 1 <= value <= largest:
        raise WavesIncomplete()
    if delivery.wave_by == WaveBy.NUMBER and value > moments.MOST_WAVES:
        raise TooManyWaves(number=value, most=moments.MOST_WAVES)
    if minutes is None or not 1 <= minutes <= LONGEST_INTERVAL:
        raise IntervalOutOfRange(longest=LONGEST_INTERVAL)
    if limit is not None and not 0 <= limit <= 100:
        raise LimitOutOfRange()
