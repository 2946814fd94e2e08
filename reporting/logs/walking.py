"""Pages of the sending log under filters that no index knows: rows are looked at part by part, and so many at most.

Where chunks tell that none of theirs has the status nobody looks. What a page has not looked at the next one does: it
begins where this one ended, so nobody waits for a whole ledger, and nothing is left out.
"""

import time
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from audiences import sight
from deliveries.models import Chunk, Delivery
from reporting.logs import logs
from reporting.logs.logs import PAGE_ROWS, Page

AT_MOST, SECONDS = 250, 0.3  # chunks that a page looks at, and after how long it looks at no more of them
FURTHER = 4  # times as many where a page that found nothing looks on by itself
# Chunks of the first part, in which what is common is found, and of each after it; of what is dear for each row fewer.
FIRST, REST, REST_OF_DEAR = 10, 120, 25
# What an index or a small table leads to is not walked.
_NO_INDEX = frozenset({"status", "reason", "provider", "language", "since", "until"})
_INDEX = frozenset({"reaction", "link", "moments", "zone"})
_DEAR = frozenset({"provider", "language"})

_TALLIES = logs.TALLIES | {
    "sent": ("sent",),
    logs.OPENS_UNTRACKED: ("opens_untracked",),
    logs.CLICKS_UNTRACKED: ("clicks_untracked",),
}

Span = tuple[int, int]


def is_walked(chosen: dict[str, str]) -> bool:
    """Whether these filters may leave next to nothing of all rows, so that looking for a page could take the whole."""
    named = {name for name, value in chosen.items() if value}
    if not named & _NO_INDEX or named & _INDEX or chosen.get("status") in logs.BESIDE_THE_LEDGER:
        return False
    return not chosen.get("q") or sight.those_of(chosen["q"]) is None


def page(
    delivery: Delivery,
    rows: QuerySet[Any],
    chosen: dict[str, str],
    query: QueryDict,
    *,
    further: int = 1,
    size: int = PAGE_ROWS,
) -> Page:
    """As `logs.page`; with `looked_upto` where it ended before it found a whole page, with more to look at.

    `further` times as much is looked at as for a page that somebody waits for.
    """
    after, before = query.get("after", ""), query.get("before", "")
    start = logs.whole(before or after) if before or after else None
    back = bool(before)
    chunks = _chunks(delivery, chosen, start, back=back)
    spans = list(chunks.values_list("seq_from", "seq_to")[: further * AT_MOST + 1])
    found: list[Any] = []
    rows, looked = _beyond(rows, start, back=back), 0
    until = time.monotonic() + further * SECONDS
    rest = REST_OF_DEAR if _DEAR.intersection(chosen) else REST
    for part in _parts(spans[: further * AT_MOST], rest):
        some = rows.filter(reduce(or_, (Q(seq__range=span) for span in _pieces(part))))
        found += (some.reverse() if back else some)[: size + 1 - len(found)]
        looked += len(part)
        if len(found) > size:
            return _made(found[:size], start, back=back, goes_on=True)
        if time.monotonic() >= until:
            break
    if looked == len(spans):
        return _made(found, start, back=back, goes_on=False)
    upto = spans[looked - 1][0 if back else 1]
    return _made(found, start, back=back, goes_on=True, upto=upto)


def _beyond(rows: QuerySet[Any], start: int | None, *, back: bool) -> QuerySet[Any]:
    return rows if start is None else rows.filter(**{f"seq__{'lt' if back else 'gt'}": start})


def _chunks(delivery: Delivery, chosen: dict[str, str], start: int | None, *, back: bool) -> QuerySet[Chunk]:
    """Those that may have such rows, from there on."""
    chunks = Chunk.objects.filter(delivery=delivery)
    if tallies := _TALLIES.get(chosen.get("status", "")):
        chunks = chunks.filter(reduce(or_, (Q(**{f"{name}__gt": 0}) for name in tallies)))
    if start is not None:
        chunks = chunks.filter(seq_from__lt=start) if back else chunks.filter(seq_to__gt=start)
    return chunks.order_by("-seq_to" if back else "seq_to")


def _parts(spans: list[Span], rest: int) -> Iterator[list[Span]]:
    yield from filter(None, [spans[:FIRST]])
    yield from (spans[at : at + rest] for at in range(FIRST, len(spans), rest))


def _pieces(part: list[Span]) -> list[Span]:
    """Chunks that follow one another as one piece."""
    pieces: list[Span] = []
    for low, high in sorted(part):
        if pieces and pieces[-1][1] == low - 1:
            pieces[-1] = (pieces[-1][0], high)
        else:
            pieces.append((low, high))
    return pieces


def _made(found: list[Any], start: int | None, *, back: bool, goes_on: bool, upto: int | None = None) -> Page:
    """The page of these rows, in the direction of the walk; `upto` is how far it looked, if not to the end."""
    ahead = (upto if upto is not None else found[-1].seq) if goes_on else None
    behind = None if start is None else found[0].seq if found else start + (-1 if back else 1)
    if back:
        return Page(found[::-1], previous=ahead, following=behind, looked_upto=upto)
    return Page(found, previous=behind, following=ahead, looked_upto=upto)
