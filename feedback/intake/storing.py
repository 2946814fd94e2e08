"""A mail that came back is stored as it came, once, before anything else happens to it."""

from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal
from feedback import queues

# A mail that is there already is found by its digest; its envelope may have become known only now.
_STORE = """
    INSERT INTO feedback_incomingmail (digest, raw, envelope_to, kind)
    VALUES (%(digest)s, %(raw)s, %(envelope_to)s, '') ON CONFLICT (digest) DO NOTHING
"""
_LONGEST_ADDRESS = 320


class TooLarge(Refusal):
    message = _("The mail has more than %(most)s octets, and isn't stored.")
    code = "too_large"


class Empty(Refusal):
    message = _("There is no mail: not one octet came.")
    code = "empty"


def most_octets() -> int:
    """The size of the largest mail that is stored, in octets."""
    return settings.SINETE["incoming_octets"]


def store(raw: bytes, *, envelope_to: str = "") -> bool:
    """The mail is stored, and will be read; False where it was stored before.

    Raise TooLarge or Empty, and whatever the database raises where it is away or full: then nothing is stored.
    """
    if not raw:
        raise Empty
    if len(raw) > most_octets():
        raise TooLarge(most=most_octets())
    slots: dict[str, Any] = {
        "digest": sha256(raw).digest(),
        "raw": raw,
        "envelope_to": envelope_to.encode(errors="replace").decode().replace("\x00", "")[:_LONGEST_ADDRESS],
    }
    with connection.cursor() as cursor:
        cursor.execute(_STORE, slots)
        is_new = cursor.rowcount == 1
    queues.READ_MAIL.enqueue(job_id="read-mail")
    return is_new
