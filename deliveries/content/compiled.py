"""Content as it is sealed and sent: nothing is left to do but to fill slots."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deliveries.content.links import Link

FORMAT = 1  # of what is stored


@dataclass(frozen=True)
class Compiled:
    """Content for all recipients of a delivery. All but addresses are templates.

    `fields` are the names and kinds of the profile fields whose values a message needs, in order.
    """

    subject: str
    preheader: str
    from_name: str
    from_address: str
    reply_to: str
    html: str
    text: str
    links: tuple[Link, ...]
    fields: tuple[tuple[str, str], ...]
    tracking: bool = True
    format: int = FORMAT

    @property
    def used_fields(self) -> tuple[str, ...]:
        """The names of the profile fields whose values a message needs, in order."""
        return tuple(name for name, _kind in self.fields)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; equal content gives equal data."""
        return vars(self) | {
            "links": [link.to_dict() for link in self.links],
            "fields": [list(field) for field in self.fields],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Compiled":
        """Return what `to_json` made plain; raise ValueError where it was compiled in another format."""
        if stored.get("format") != FORMAT:
            raise ValueError(f"content compiled in format {stored.get('format')}, this is format {FORMAT}")
        return cls(
            **dict(stored)
            | {
                "links": tuple(Link(**link) for link in stored["links"]),
                "fields": tuple((name, kind) for name, kind in stored["fields"]),
            }
        )
