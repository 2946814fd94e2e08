"""What a person wrote, before anything is made of it."""

from dataclasses import dataclass
from typing import Literal

FieldKind = Literal["text", "number", "date", "yes_no"]


@dataclass(frozen=True)
class Source:
    """One version of an email's content as its author left it; each of them may hold merge tags but the addresses."""

    subject: str = ""
    preheader: str = ""
    from_name: str = ""
    from_address: str = ""
    reply_to: str = ""
    html: str = ""
    text: str = ""


@dataclass(frozen=True)
class Field:
    """A field of a profile that content may use, as `{{ profile.name }}`."""

    name: str
    kind: FieldKind = "text"
    label: str = ""
