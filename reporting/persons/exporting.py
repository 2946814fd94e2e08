"""Exports of personal data: asked for by whoever holds the right, made by a worker, handed to that person, removed.

A file lives a day at most, in pieces in the database: any host may make it and any may hand it out, and it goes where
the profile goes. Its link is signed, for the person who asked alone, and good for some minutes.
"""

import logging
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO, Any

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences import sight
from audiences.models import Profile
from campaign.lib import clock, leases
from campaign.lib.refusals import Refusal
from reporting import queues
from reporting.models import PersonExport, PersonExportPart
from reporting.persons import filing

logger = logging.getLogger(__name__)

KEPT = timedelta(hours=24)
LINK_SECONDS = 600
PIECE = 1_000_000  # octets
IN_MEMORY = 8_000_000  # octets; what is larger waits in a file that nobody can open by a name
LOST_AFTER = timedelta(seconds=60)
_SALT = "person export"


class LinkOver(Refusal):
    message = _("This link is no longer good: open the page again, it has a new one.")
    code = "link_over"


class NotReady(Refusal):
    message = _("The file is not there: it is being made, or it was removed.")
    code = "not_ready"


def require(profile: Profile, *, by: User) -> None:
    """Raise NotAllowed unless this person may export what is known of people in the profile's unit."""
    access.require(by, Right.EXPORT_PERSON, profile)


def elsewhere(profile: Profile, *, by: User) -> dict[str, Any]:
    """Return the other profiles of the same address: those that this person may see, and the number of the others."""
    if not profile.email_key:
        return {"profiles": [], "hidden": 0}
    others = Profile.objects.filter(email_key=profile.email_key).exclude(pk=profile.pk)
    seen = sight.people(by, others).select_related("unit").order_by("pk")
    shown = [{"profile": other.pk, "unit": other.unit.label} for other in seen]
    return {"profiles": shown, "hidden": others.count() - len(shown)}


@transaction.atomic
def start(*, profile: Profile, by: User, at: datetime) -> PersonExport:
    """Have all that is known of the person put into a file; an export of the same by the same that is open is it."""
    require(profile, by=by)
    Profile.objects.select_for_update(of=("self",), no_key=True).get(pk=profile.pk)
    open_one = of(profile, by=by).filter(status=PersonExport.Status.QUEUED).first()
    if open_one is not None:
        return open_one
    export = PersonExport.objects.create(profile=profile, by=by, at=at)
    audit.record("export_person", by=by, target=profile, export=export.pk)
    queues.EXPORT_PERSON.enqueue(job_id=f"export-person-{export.pk}", export_id=export.pk)
    return export


def of(profile: Profile, *, by: User) -> QuerySet[PersonExport]:
    """Return the exports of a profile that this person asked for: nobody else's are shown to them."""
    return PersonExport.objects.filter(profile=profile, by=by)


@transaction.atomic
def write(*, file: IO[bytes], profile: Profile, by: User, at: datetime) -> None:
    """Write the export at once, for a command; nothing is kept of it here."""
    require(profile, by=by)
    audit.record("export_person", by=by, target=profile)
    filing.write(file, filing.Case(profile, at, elsewhere(profile, by=by)))


def run(*, export_id: int) -> None:
    """Make the file, by one worker at a time; one that too many died of has failed, and so has one without a right."""
    token = leases.take_once_free(
        PersonExport.objects.filter(pk=export_id, status=PersonExport.Status.QUEUED)
    )
    if token is None:
        return
    mine = PersonExport.objects.filter(pk=export_id, token=token)
    with leases.renewed(mine, token=token), leases.heard_of(mine, token=token):
        export = mine.select_related("profile__unit", "by").first()
        if export is None:
            return
        if leases.is_deadly(export.unended) or not access.can(export.by, Right.EXPORT_PERSON, export.profile):
            logger.error(
                "the export of personal data %s fails: its workers died, or its right is gone", export.pk
            )
            _end(mine, status=PersonExport.Status.FAILED)
            return
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            _make(file, export, mine)
            _store(file, export, mine)


def _make(file: IO[bytes], export: PersonExport, mine: QuerySet[PersonExport]) -> None:
    def told(done: int, total: int) -> None:
        mine.update(done=done, total=total)

    others = elsewhere(export.profile, by=export.by)
    filing.write(file, filing.Case(export.profile, export.at, others, told=told))


@transaction.atomic
def _store(file: IO[bytes], export: PersonExport, mine: QuerySet[PersonExport]) -> None:
    """The pieces of the file stand in the database, unless somebody else has taken the export over."""
    if not mine.select_for_update().exists():
        return
    PersonExportPart.objects.filter(export=export).delete()
    octets = file.seek(0, 2)
    file.seek(0)
    for number, piece in enumerate(iter(lambda: file.read(PIECE), b"")):
        PersonExportPart.objects.create(export=export, number=number, content=piece)
    _end(mine, status=PersonExport.Status.READY, octets=octets, expires_at=clock.now() + KEPT)


def _end(mine: QuerySet[PersonExport], **found: Any) -> None:
    mine.update(ended_at=clock.now(), lease_until=None, **found)


def wake() -> int:
    """Ask again for those that nobody is at: their job was lost, or their worker died. Their number."""
    waiting = PersonExport.objects.filter(
        leases.is_free(), at__lt=clock.now() - LOST_AFTER, status=PersonExport.Status.QUEUED
    )
    ids = list(waiting.values_list("pk", flat=True))
    for export_id in ids:
        queues.EXPORT_PERSON.enqueue(job_id=f"export-person-{export_id}", export_id=export_id)
    return len(ids)


def signed(export: PersonExport) -> str:
    """Return what the link of a download holds: it names the export and who may have it."""
    return signing.dumps([export.pk, export.by_id], salt=_SALT)


@transaction.atomic
def hand_out(*, export: PersonExport, token: str, by: User) -> Iterator[bytes]:
    """Return the pieces of a file, for the person whose link it is.

    Raise LinkOver for a link that is old, another's or nobody's, NotReady where there is no file, and NotAllowed for
    whoever holds the right no more.
    """
    try:
        named = signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
    except signing.BadSignature:
        raise LinkOver from None
    if named != [export.pk, by.pk] or export.by_id != by.pk:
        raise LinkOver
    require(export.profile, by=by)
    if not export.is_ready or (export.expires_at is not None and export.expires_at < clock.now()):
        raise NotReady
    audit.record("download_person", by=by, target=export.profile, export=export.pk)
    return pieces(export)


def pieces(export: PersonExport) -> Iterator[bytes]:
    """The file, piece by piece: one at a time is in memory."""
    parts = PersonExportPart.objects.filter(export=export)
    for number in range(parts.count()):
        yield bytes(parts.get(number=number).content)


@transaction.atomic
def withdraw(*, export: PersonExport, by: User) -> None:
    """The file is gone before its time. Raise NotAllowed unless it is this person's, and they hold the right still."""
    require(export.profile, by=by)
    if export.by_id != by.pk:
        raise access.NotAllowed(by=by, right=Right.EXPORT_PERSON, target=export.profile)
    audit.record("withdraw_person_export", by=by, target=export.profile, export=export.pk)
    export.delete()


def expire() -> int:
    """Files whose day is over are gone, and what failed as long ago; returns how many. Twice does no harm."""
    old = PersonExport.objects.filter(expires_at__lt=clock.now())
    failed = PersonExport.objects.filter(status=PersonExport.Status.FAILED, ended_at__lt=clock.now() - KEPT)
    return sum(rows.delete()[0] for rows in (old, failed))
