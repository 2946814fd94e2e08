"""Filters of logs that a person keeps by name: the same for every delivery, and that person's own matter."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import User
from campaign.lib.refusals import Refusal
from reporting.logs.logs import Log
from reporting.models import LogFilter

MOST = 50  # of one person and one log


class NoName(Refusal):
    message = _("Give the filter a name.")
    code = "no_name"
    exit_code = 2


class NothingToSave(Refusal):
    message = _(
        "Choose a filter first. Part of an address and what holds for one delivery alone, such as a link, are not kept."
    )
    code = "nothing_to_save"
    exit_code = 2


class TooManyFilters(Refusal):
    message = _("You keep %(most)s filters of this log: remove one first.")
    code = "too_many_filters"


class NoSuchFilter(Refusal):
    message = _("You keep no filter “%(name)s” of this log.")
    code = "no_such_saved_filter"
    exit_code = 2


@transaction.atomic
def save(*, log: Log, name: str, chosen: Mapping[str, str], by: User, at: datetime) -> LogFilter:
    """The person finds these filters by this name, in place of what the name meant before.

    Words are not kept, for they name people. Raise NoName, NothingToSave or TooManyFilters.
    """
    name = " ".join(name.replace("\0", "").split())[: LogFilter.LONGEST_NAME]
    kept = {key: value for key, value in chosen.items() if key in {choice.name for choice in log.filters}}
    if not name:
        raise NoName()
    if not kept:
        raise NothingToSave()
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    others = of(by, log).exclude(name=name)
    if others.count() >= MOST:
        raise TooManyFilters(most=MOST)
    saved, _made = LogFilter.objects.update_or_create(
        user=by, log=log.code, name=name, defaults={"chosen": kept, "saved_at": at}
    )
    audit.record("save_log_filter", by=by, target=saved, log=log.code, filters=kept)
    return saved


@transaction.atomic
def remove(*, log: Log, name: str, by: User) -> None:
    """The person keeps no filter of this name any more; raise NoSuchFilter where they kept none."""
    saved = named(by, log, name)
    audit.record("remove_log_filter", by=by, target=saved, log=log.code)
    saved.delete()


def of(user: User, log: Log) -> QuerySet[LogFilter]:
    """What the person keeps of a log, by name."""
    return LogFilter.objects.filter(user=user, log=log.code).order_by("name")


def named(user: User, log: Log, name: str) -> LogFilter:
    """The one of this name; raise NoSuchFilter where there is none."""
    found = of(user, log).filter(name=name.replace("\0", "")).first()
    if found is None:
        raise NoSuchFilter(name=name)
    return found
