"""Whole numbers as they stand in an address: “1-14,16”. Bounded, whoever wrote it."""

from collections.abc import Iterable

from campaign.lib import numbers

MOST = 200  # spans of one text
LONGEST = 2_000  # characters

Span = tuple[int, int]


def of(found: Iterable[int]) -> list[Span]:
    """The numbers as spans from a first to a last one, in their order."""
    spans: list[Span] = []
    for number in sorted(set(found)):
        if spans and spans[-1][1] == number - 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return spans


def text(found: Iterable[int]) -> str:
    """The numbers as an address has them."""
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in of(found))


def read(written: str) -> list[Span]:
    """The spans that a text names; none where it makes no sense or names too many."""
    parts = written.split(",") if len(written) <= LONGEST else []
    spans = []
    for part in parts[: MOST + 1]:
        first, _dash, last = part.partition("-")
        low, high = numbers.key(first), numbers.key(last or first)
        if low is None or high is None or low > high:
            return []
        spans.append((low, high))
    return spans if len(spans) <= MOST else []
