"""Sources of mail that comes back: what administrators set, a look whether one works, and the fetching itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from feedback.intake import mailboxes, storing
from feedback.models import MailSource

BETWEEN_LOOKS = timedelta(seconds=50)
AT_ONCE = 2_000  # mails of one source in one look


class SourceIncomplete(Refusal):
    message = _("%(field)s: this kind of source needs it.")
    code = "source_incomplete"


class SourceNameTaken(Refusal):
    message = _("There is a source “%(label)s” already.")
    code = "name_taken"


NEEDED = {
    "maildir": ("path",),
    "mbox": ("path",),
    "imap": ("host", "username", "password_variable", "mailbox"),
}


@transaction.atomic
def save_source(*, source: MailSource, by: User, **fields: Any) -> MailSource:
    """The source is as given; raise SourceIncomplete or SourceNameTaken for what can't be."""
    access.require(by, Right.ADMINISTER, root())
    before = {name: getattr(source, name) for name in fields if getattr(source, name) != fields[name]}
    for name, value in fields.items():
        setattr(source, name, value)
    for name in ("label", "kind", *NEEDED.get(source.kind, ())):
        if not getattr(source, name):
            raise SourceIncomplete(field=_name_of(name))
    if source.kind not in NEEDED or source.tls not in MailSource.Tls.values:
        raise SourceIncomplete(field=_name_of("kind"))
    if MailSource.objects.filter(label=source.label).exclude(pk=source.pk).exists():
        raise SourceNameTaken(label=source.label)
    source.problem, source.looked_at, source.seen = "", None, ""
    source.save()
    audit.record(
        "save_mail_source", by=by, target=source, before=before,
        after={name: getattr(source, name) for name in before},
    )  # fmt: skip
    return source


def _name_of(field: str) -> Any:
    return getattr(MailSource._meta.get_field(field), "verbose_name", field)


@transaction.atomic
def remove_source(*, source: MailSource, by: User) -> None:
    """Nothing is fetched from there any more; what was stays stored."""
    access.require(by, Right.ADMINISTER, root())
    audit.record("remove_mail_source", by=by, target=source, kind=source.kind)
    source.delete()


@dataclass(frozen=True)
class SourceCheck:
    """What a look at a source found: how many mails wait there, and in words why it can't be reached, or nothing."""

    waiting: int = 0
    problem: str = ""


def check_source(*, source: MailSource, by: User) -> SourceCheck:
    """Reach the source as a fetch would, from where this is called, and count; nothing is stored, marked or removed."""
    access.require(by, Right.ADMINISTER, root())
    try:
        with mailboxes.opened(source) as found:
            check = SourceCheck(waiting=found.number)
    except mailboxes.Unreachable as problem:
        check = SourceCheck(problem=str(problem))
    audit.record("check_mail_source", by=by, target=source, waiting=check.waiting, problem=check.problem)
    return check


def fetch_all() -> int:
    """Every active source that nobody looked at just now is looked at; returns how many mails were stored."""
    now = clock.now()
    return sum(_fetch_once(source, now) for source in due(now).order_by("pk"))


def due(at: datetime) -> QuerySet[MailSource]:
    """The active sources at which nobody looked just before."""
    return MailSource.objects.filter(Q(looked_at=None) | Q(looked_at__lt=at - BETWEEN_LOOKS), is_active=True)


def _fetch_once(source: MailSource, now: datetime) -> int:
    """Of two who look at once, one fetches; were they both to, each mail would still be stored once."""
    fresh = MailSource.objects.filter(pk=source.pk, looked_at=source.looked_at).update(looked_at=now)
    return fetch(source) if fresh else 0


def fetch(source: MailSource) -> int:
    """What waits at the source is stored here and only then marked or removed there; returns how many were new."""
    stored, too_large, seen = 0, 0, source.seen
    problem = ""
    try:
        with mailboxes.opened(source) as found:
            for number, mail in enumerate(found.each()):
                if number >= AT_ONCE:
                    break
                raw = mail.read()
                if raw is None:
                    too_large += 1
                    continue
                if raw:
                    stored += storing.store(raw)
                mail.done()
            else:
                seen = found.seen
    except mailboxes.Unreachable as error:
        problem = str(error)
    if too_large:
        problem = _t("%(number)s mails are larger than %(most)s octets and stay there.") % {
            "number": too_large, "most": storing.most_octets(),
        }  # fmt: skip
    _note(source, problem=problem, seen=seen, is_reached=not problem or bool(too_large))
    return stored


def _note(source: MailSource, *, problem: str, seen: str, is_reached: bool) -> None:
    reached = {"reached_at": clock.now()} if is_reached else {}
    MailSource.objects.filter(pk=source.pk).update(problem=problem[:300], seen=seen[:64], **reached)
