"""What fields are called in an export that have no name of their own, since no page shows them by one."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_NAMES: dict[str, str | Promise] = {
    "address_key": _("Address, as it is compared"),
    "audience": _("Audience"),
    "audit_event": _("Number in the audit trail"),
    "code": _("Code of the answer"),
    "delivered_at": _("Reported as delivered"),
    "delivery": _("Delivery"),
    "doubted_at": _("Outcome unknown since"),
    "email_key": _("Address, as it is compared"),
    "forgiven_at": _("Errors forgotten up to"),
    "forgiven_by": _("Forgotten because of message"),
    "forwarded_at": _("Forwarded at"),
    "forwarded_to": _("Forwarded to"),
    "id": _("Number"),
    "importing": _("import"),
    "is_counted": _("Decided by its errors alone"),
    "is_current": _("In force"),
    "later_try": _("At a later try"),
    "mail": _("Mail"),
    "note": _("Note"),
    "number": _("Number"),
    "preparation": _("Preparation"),
    "profile": _("Profile"),
    "profile_id": _("Profile"),
    "proof": _("Proof"),
    "raw": _("Mail as it came"),
    "recipient_key": _("Address, as it is compared"),
    "reply": _("Answer of the server"),
    "run": _("Reading anew that found it"),
    "seq": _("Place in the order of sending"),
    "settled_at": _("Settled at"),
    "slots": _("Values that it quotes"),
    "status": _("Status"),
    "superseded_by": _("Reading anew that replaced it"),
    "target_id": _("Number of what it was done to"),
    "target_type": _("Kind of what it was done to"),
    "tries": _("Tries"),
    "values": _("Values that filled the content"),
    "was": _("Status before"),
    "was_nature": _("Nature before"),
    "was_reason": _("Reason before"),
}


def label(column: Any) -> str | Promise:
    """Return the name of a field; raise KeyError for one that has none, neither of its own nor here."""
    named: str | Promise = column.verbose_name
    if column.primary_key and column.name == "id":
        return _NAMES["id"]
    return named if column._verbose_name is not None else _NAMES[column.name]
