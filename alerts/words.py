"""What an alert says, in a sentence: for pages, mails, logs and commands."""

from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from alerts.models import Alert, Condition
from campaign.lib import numbers
from reporting.counting.deployment import rows_url
from reporting.figures.kpis import NAMED

SENTENCES: dict[Condition, str | Promise] = {
    Condition.FAILED: _("The send could not go on. The log says why."),
    Condition.PREPARATION_FAILED: _("Correct what its page names, and prepare it again."),
    Condition.STOPPED: _("It was stopped before all messages had left; the rest never leaves."),
    Condition.LATE: _("Its time has come, and it has not begun. Its page says why."),
    Condition.NOT_MOVING: _("Messages may leave, and none does. Its page says why."),
    Condition.WAVE_HELD: _(
        "Bounces and errors passed the limit: somebody who may start it has to release the wave."
    ),
    Condition.WAITING: _("It is prepared, and nothing leaves before somebody confirms it."),
}
OF_WHAT: dict[Condition, str | Promise] = {
    Condition.BOUNCES: _("Bounces and errors: %(part)s of %(base)s sent, %(percent)s%%."),
    Condition.COMPLAINTS: _("Complaints: %(part)s of %(base)s delivered, %(percent)s%%."),
    Condition.OPT_OUTS: _("Opt-outs: %(part)s of %(base)s delivered, %(percent)s%%."),
}
# The figure whose rows are the part.
COUNTED = {
    Condition.BOUNCES: NAMED["failed"],
    Condition.COMPLAINTS: NAMED["complaints"],
    Condition.OPT_OUTS: NAMED["unsubscribers"],
}
# As the log of a delivery holds them.
HELD = {
    Condition.BOUNCES: n_(
        "Held by a limit: bounces and errors are %(percent)s%% of %(base)s sent, the limit is %(limit)s%%"
    ),
    Condition.COMPLAINTS: n_(
        "Held by a limit: complaints are %(percent)s%% of %(base)s delivered, the limit is %(limit)s%%"
    ),
    Condition.OPT_OUTS: n_(
        "Held by a limit: opt-outs are %(percent)s%% of %(base)s delivered, the limit is %(limit)s%%"
    ),
}


def sentence(alert: Alert) -> str:
    """What it is about, and what was done: Bounces and errors: 71 of 1,000 sent, 7.1%. The limit is 5%."""
    condition = Condition(alert.condition)
    if condition not in OF_WHAT:
        return str(SENTENCES[condition])
    said = [str(OF_WHAT[condition]) % _slots(alert)]
    if alert.limit is not None:
        said.append(_t("The limit is %(limit)s%%.") % _slots(alert))
    if alert.typical is not None:
        said.append(_t("Like deliveries of the unit have %(typical)s%%.") % _slots(alert))
    if alert.held_at is not None:
        said.append(_t("The send was held: whoever may start it can resume it."))
    return " ".join(said)


def rows_of(alert: Alert) -> str:
    """The address of the rows that an alert of a rate counts; empty for any other."""
    named = COUNTED.get(Condition(alert.condition))
    return rows_url(alert.delivery, named) if named is not None else ""


def _slots(alert: Alert) -> dict[str, str]:
    figures = {name: getattr(alert, name) for name in ("percent", "limit", "typical")}
    counts = {name: getattr(alert, name) for name in ("part", "base")}
    return {
        **{name: numbers.short(value or Decimal(0)) for name, value in figures.items()},
        **{name: number_format(value or 0, 0, force_grouping=True) for name, value in counts.items()},
    }


def as_dict(alert: Alert) -> dict[str, Any]:
    """For programs; the delivery and its unit must have been read along."""
    return {
        "alert": alert.pk,
        "condition": alert.condition,
        "delivery": alert.delivery.name,
        "label": alert.delivery.label,
        "unit": alert.delivery.unit.label,
        "since": alert.opened_at,
        "over": alert.closed_at,
        "held": alert.held_at,
        "part": alert.part,
        "base": alert.base,
        "percent": alert.percent,
        "limit": alert.limit,
        "typical": alert.typical,
        "message": sentence(alert),
    }
