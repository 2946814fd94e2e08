"""Segments: what a source of content is cut into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deliveries.content.merge_tags.expressions import Expression

MASK = "\ufdd0"  # a character that no source has
Kind = Literal["text", "raw", "comment", "output", "if", "elif", "else", "endif", "set"]


@dataclass(frozen=True)
class Segment:
    """A stretch of the source: text as it stands, or one tag."""

    kind: Kind
    start: int
    end: int
    line: int
    expression: Expression | None = None
    name: str = ""
    raw: str = ""
    trim_left: str = ""
    trim_right: str = ""

    @property
    def is_tag(self) -> bool:
        return self.kind not in ("text", "raw")

    @property
    def is_block(self) -> bool:
        return self.kind in ("if", "elif", "else", "endif", "set")


def mask(source: str, segments: Sequence[Segment]) -> str:
    """Return `source` with MASK for each character of a tag, so that positions stay and no tag looks like markup."""
    return "".join(
        MASK * (segment.end - segment.start)
        if segment.kind != "text"
        else source[segment.start : segment.end]
        for segment in segments
    )
