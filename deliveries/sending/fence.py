"""The fence: a copy of the database, or one that was set back, sends nothing until somebody adopts it.

The only row of `Instance` is compared with what stands outside of the database: the server it runs on, the
environment's name, and the marks in Valkey and on this host's disk. Any of them that contradicts the row raises the
fence; one that is missing does not, so a flushed Valkey or a new worker needs no action. docs/engine.md has the
cases.
"""

import logging
import os
import secrets
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from campaign.lib import jobs, private
from campaign.lib.refusals import Refusal
from deliveries.models import Instance

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5
RETIRED = 2**53 - 1  # above every mark; a number that Lua still holds exactly
VALKEY, DISK = _("the queue"), _("this host's disk")

# Server and database: a restored dump and CREATE DATABASE … TEMPLATE differ in the latter.
IDENTITY = """
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/'
            || (SELECT oid FROM pg_database WHERE datname = current_database()),
        CASE WHEN pg_is_in_recovery() THEN 0
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END
"""

# Marks only grow: of two processes that write out of order the higher one stands.
RAISE_MARK = (Path(__file__).parent / "lua" / "raise_mark.lua").read_text()

_said = ""  # what this process logged last: a fenced tick says it once


class Fence(Refusal):
    """Why nothing may leave."""

    code = "copy"


class OtherServer(Fence):
    message = _("The database runs on another server, or under another name, than the one that was adopted.")
    code = "other_server"


class OtherEnvironment(Fence):
    message = _(
        "The database belongs to “%(recorded)s”, and this process runs as “%(here)s” (SINETE_INSTANCE)."
    )
    code = "other_environment"


class NewTimeline(Fence):
    message = _("The database server was restored, or a standby took over: what left last may be missing.")
    code = "new_timeline"


class SetBack(Fence):
    message = _("The database was set back to an earlier state: %(anchor)s has seen what it no longer knows.")
    code = "set_back"


def problem() -> Fence | None:
    """Return why nothing may leave from this database; None where it runs as it was adopted. One query."""
    return _judge()[0]


def _judge() -> tuple[Fence | None, bool]:
    """Return why nothing may leave, if so, and whether the mark is due to grow."""
    instance, system, timeline, beat_is_due = _look()
    return _problem(instance, system, timeline), beat_is_due


def _problem(instance: Instance, system: str, timeline: int) -> Fence | None:
    anchors = {VALKEY: _in_valkey(instance.generation), DISK: _on_disk(instance.generation)}
    if instance.environment and instance.environment != settings.INSTANCE:
        return OtherEnvironment(recorded=instance.environment, here=settings.INSTANCE)
    if instance.system != system:
        return OtherServer()
    for name, anchor in anchors.items():
        # A beat between the two looks is no contradiction: what is inside has grown too, so look again.
        if anchor is not None and _contradicts(anchor, instance) and _contradicts(anchor, _look()[0]):
            return SetBack(anchor=name)
    is_vouched = any(anchor is not None for anchor in anchors.values())
    if instance.timeline != timeline and not (settings.ACCEPT_NEW_TIMELINE and is_vouched):
        return NewTimeline()
    return None


def _look() -> tuple[Instance, str, int, bool]:
    """Return the row, the server and timeline that it is found on, and whether its mark is due to grow."""
    found = Instance.objects.raw(
        "SELECT i.*, here.*, coalesce(beat_at <= clock_timestamp() - make_interval(secs => %s), true) AS is_due"
        f" FROM deliveries_instance i, ({IDENTITY}) here (sys, line)",
        [BEAT_SECONDS],
    )
    for instance in found:
        return instance, instance.sys, instance.line, instance.is_due  # type: ignore[attr-defined]  # the query adds them
    instance = _anchor()
    return instance, *identity(), True


def require() -> None:
    """Raise the Fence that stands, if one does."""
    found = problem()
    if found is not None:
        raise found


def passes(*, beat: bool = False) -> bool:
    """Whether anything may leave. If so, the mark has grown within the last seconds, or with `beat` just now."""
    global _said
    found, beat_is_due = _judge()
    if found is None and (beat or beat_is_due):
        _beat(seconds=0 if beat else BEAT_SECONDS)
    elif found is not None and found.code != _said:
        logger.error("nothing is sent until `manage.py adopt_instance`: %s", found)
    _said = found.code if found else ""
    return found is None


def identity() -> tuple[str, int]:
    """Return which server and database this is, and its timeline."""
    with connection.cursor() as cursor:
        cursor.execute(IDENTITY)
        return cursor.fetchone()


def adopt(*, at: Any) -> Instance:
    """Make the instance a new generation that belongs where it runs now; marks of the old one count no more."""
    instance = Instance.objects.select_for_update().filter(pk=1).first() or _anchor()
    retired = instance.generation
    instance.generation, instance.mark, instance.nonce = uuid.uuid4(), instance.mark + 1, _nonce()
    instance.environment, instance.adopted_at = settings.INSTANCE, at
    instance.system, instance.timeline = identity()
    instance.save()
    mark = (instance.mark, instance.nonce)
    transaction.on_commit(lambda: _mirror(retired, (RETIRED, "retired")))
    transaction.on_commit(lambda: _mirror(instance.generation, mark))
    return instance


def _anchor() -> Instance:
    """Return the row of a new installation, which belongs where it first runs."""
    system, timeline = identity()
    instance, _made = Instance.objects.get_or_create(
        pk=1, defaults={"system": system, "timeline": timeline, "environment": settings.INSTANCE}
    )
    return instance


def _beat(*, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_instance SET mark = mark + 1, nonce = %s, beat_at = clock_timestamp(),"
            " environment = CASE WHEN environment = '' THEN %s ELSE environment END, timeline = %s"
            " WHERE id = (SELECT id FROM deliveries_instance WHERE id = 1 AND (beat_at IS NULL"
            " OR beat_at <= clock_timestamp() - make_interval(secs => %s))"
            f" FOR UPDATE {'' if seconds == 0 else 'SKIP LOCKED'}) RETURNING generation, mark, nonce",
            [_nonce(), settings.INSTANCE, identity()[1], seconds],
        )
        beaten = cursor.fetchone()
    if beaten:
        transaction.on_commit(lambda: _mirror(beaten[0], beaten[1:]))


def _nonce() -> str:
    return secrets.token_hex(8)


def _contradicts(anchor: tuple[int, str], instance: Instance) -> bool:
    mark, nonce = anchor
    return mark > instance.mark or (mark == instance.mark and nonce != instance.nonce)


# -- the anchors ------------------------------------------------------------------------------------------


def _key(generation: uuid.UUID) -> str:
    return f"sinete:instance:{generation}"


def _file(generation: uuid.UUID) -> Path:
    return Path(settings.ANCHOR_FOLDER) / str(generation)


def _in_valkey(generation: uuid.UUID) -> tuple[int, str] | None:
    try:
        return _read(jobs.valkey().get(_key(generation)))
    except RedisError:
        return None


def _on_disk(generation: uuid.UUID) -> tuple[int, str] | None:
    try:
        return _read(_file(generation).read_bytes())
    except OSError:
        return None


def _read(written: Any) -> tuple[int, str] | None:
    mark, _space, nonce = bytes(written or b"").decode(errors="replace").strip().partition(" ")
    return (int(mark), nonce) if mark.isdecimal() else None


def _mirror(generation: uuid.UUID, mark: tuple[int, str]) -> None:
    """Raise the marks in Valkey and on disk to at least this one; one that can't be written is left as it is."""
    with suppress(RedisError):
        jobs.valkey().eval(RAISE_MARK, 1, _key(generation), *mark)
    known = _on_disk(generation)
    if known is None or known[0] < mark[0]:
        try:
            _write(_file(generation), f"{mark[0]} {mark[1]}\n")
        except OSError as error:
            logger.warning("the instance's mark could not be kept on this host's disk: %s", error)


def _write(file: Path, text: str) -> None:
    private.folder(file.parent)
    new = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    private.write(new, text)
    new.replace(file)
