"""The audit trail: who did what through which face, and who was refused what."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, User

_entry: ContextVar[tuple[str, str]] = ContextVar("entry", default=("", ""))


@contextmanager
def entered(face: str, *, os_user: str = "") -> Iterator[None]:
    """All that is recorded inside came through this face: page, admin, command or job."""
    token = _entry.set((face, os_user))
    try:
        yield
    finally:
        _entry.reset(token)


FACES = {
    "page": _("page"),
    "admin": _("administration"),
    "command": _("command"),
    "job": _("background job"),
}


def face_in_words(code: str) -> str:
    """A face that the trail names, in the reader's language."""
    return str(FACES.get(code, code or "–"))


def face() -> str:
    """The face through which it is done: page, admin, command or job; empty outside of `entered`."""
    return _entry.get()[0]


def os_user() -> str:
    """The operating system's user, for commands."""
    return _entry.get()[1]


def system_user() -> str:
    """The name of the user that runs this process; empty where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def record(
    action: str, *, by: User | None, target: models.Model | None = None, refused: bool = False, **detail: Any
) -> AuditEvent:
    """Add one event; it commits or vanishes with the transaction around it.

    What stands for a person is named by its `audit_label`, so that the trail holds ids, neither names nor addresses.
    """
    return AuditEvent.objects.create(
        actor=by,
        actor_name=by.get_username() if by else "",
        os_user=os_user(),
        face=face(),
        action=action,
        refused=refused,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        target_label=str(getattr(target, "audit_label", target))[:200] if target is not None else "",
        detail=detail,
    )


def record_refusal(
    refusal: Exception, *, by: User | None, target: models.Model | None = None, action: str = ""
) -> None:
    """To be called at the entry point, after the refused transaction was rolled back."""
    target = target if target is not None else getattr(refusal, "target", None)
    record(
        action or str(getattr(refusal, "right", "") or "refused"),
        by=by if by is None or by.pk else None,
        target=target,
        refused=True,
        reason=str(refusal),
    )
