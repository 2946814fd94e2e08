"""Deliveries and their content are created and changed here, until somebody decides on them."""

from deliveries.drafting.drafts import (
    AudienceElsewhere,
    DateMissing,
    LooserPolicy,
    NotDeletable,
    NotEditable,
    RunStays,
    TargetFixed,
    ValidityOutOfRange,
    copied,
    copy_of,
    create,
    delete,
    duplicate,
    edit,
    is_deletable,
    write,
)
from deliveries.drafting.sending_as import SenderElsewhere, send_as

__all__ = [
    "AudienceElsewhere",
    "DateMissing",
    "LooserPolicy",
    "NotDeletable",
    "NotEditable",
    "RunStays",
    "SenderElsewhere",
    "TargetFixed",
    "ValidityOutOfRange",
    "copied",
    "copy_of",
    "create",
    "delete",
    "duplicate",
    "edit",
    "is_deletable",
    "send_as",
    "write",
]
