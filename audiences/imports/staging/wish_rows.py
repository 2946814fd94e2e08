"""What the consent columns of a batch say of each row, as staging takes it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.utils.translation import gettext_noop as n_

from audiences import tracking
from audiences.consent import consents
from audiences.imports.columns import wishes
from audiences.imports.columns.cells import NULL, Report
from audiences.imports.columns.conventions import ISO, WITH_DAY
from audiences.imports.columns.wishes import KEPT, OF_TRACKING, Asks, Says, Wish

UNCLEAR = n_(
    "“%(value)s” doesn't tell whether mail is wanted: the person is held as consent unclear until somebody decides."
)
NO_TRACKING = n_("“%(value)s” doesn't tell whether this may be measured: it is taken for a no.")
NO_MOMENT = n_(
    "“%(value)s” is no date that can be read in one way; it is kept with the words of the consent."
)

LONGEST = 200  # characters of a cell that are looked at and kept

_CHANNELS = [channel.value for channel in consents.FLAGS]
_SEVERITY = {"": 0, Says.BOUNCED.value: 1, Says.COMPLAINED.value: 2}


def columns_of(columns: Sequence[Wish]) -> dict[str, str]:
    """The columns of staging that say what people wish, with their types; none for a file without such columns."""
    if not columns:
        return {}
    flags = dict.fromkeys(consents.FLAGS.values(), "boolean")
    doubts = {"said": "text", "doubt": "text", "doubt_channel": "text", "held": "text"}
    tracked = dict.fromkeys(tracked_of(columns), "boolean")
    return {**flags, **doubts, **tracked, **dict.fromkeys(kept_of(columns), "text")}


def tracked_of(columns: Sequence[Wish]) -> list[str]:
    """The columns of the profile that these columns about tracking speak of."""
    spoken_of = {name for wish in columns for name in OF_TRACKING.get(wish.asks, ())}
    return [name for name in tracking.COLUMNS.values() if name in spoken_of]


def kept_of(columns: Sequence[Wish]) -> list[str]:
    """The fields of a consent that is kept: when, where and to what it was given."""
    return list(KEPT.values()) if any(wish.asks in KEPT for wish in columns) else []


class WishRows:
    """Turns the cells of consent columns into what staging takes; reports what nobody can read."""

    def __init__(self, columns: Sequence[Wish], report: Report) -> None:
        self.columns, self._report = columns, report

    def staged(
        self, cells: Sequence[Sequence[str]], lines: list[int], keys: Sequence[str]
    ) -> list[list[str]]:
        """The columns of `columns_of`, each with a cell for each row; of those without a key nothing is reported."""
        if not self.columns:
            return []
        self._left_out = {line for line, key in zip(lines, keys, strict=True) if not key}
        batch = _Batch(len(lines), tracked_of(self.columns))
        for wish in self.columns:
            texts = [_short(cell) for cell in cells[wish.position]]
            if wish.asks in KEPT:
                batch.kept[wish.asks] = texts
            elif wish.asks in OF_TRACKING:
                self._track(batch, wish, texts, lines)
            else:
                self._take(batch, wish, texts, lines)
        return [*batch.columns(), *self._kept(batch, lines)]

    def _tell(self, line: int, field: str, reason: str, slots: dict[str, str]) -> None:
        if line not in self._left_out:
            self._report(line, field, reason, slots)

    def _take(self, batch: "_Batch", wish: Wish, texts: list[str], lines: list[int]) -> None:
        asks = wish.asks
        for index, text in enumerate(texts):
            told = wishes.said(asks, text)
            if told == Says.NOTHING and wish.blank_is_doubt and wishes.is_blank(text):
                told = Says.UNCLEAR
            if told == Says.NOTHING:
                continue
            if told == Says.UNCLEAR:
                self._tell(lines[index], wish.header, UNCLEAR, {"value": text[:80]})
            batch.note(index, wish, told, text)

    def _track(self, batch: "_Batch", wish: Wish, texts: list[str], lines: list[int]) -> None:
        for index, text in enumerate(texts):
            told = wishes.said(wish.asks, text)
            if told == Says.NOTHING:
                continue
            if told not in (Says.NO, Says.OUT):
                self._tell(lines[index], wish.header, NO_TRACKING, {"value": text[:80]})
            batch.track(index, wish, may=told == Says.NO)

    def _kept(self, batch: "_Batch", lines: list[int]) -> list[list[str]]:
        if not kept_of(self.columns):
            return []
        none = [""] * len(lines)
        at, source, said = (list(batch.kept.get(asks, none)) for asks in KEPT)
        column = next((wish for wish in self.columns if wish.asks == Asks.GIVEN_AT), None)
        for index, text in enumerate(at):
            if not text or column is None:
                continue
            at[index] = moment(text)
            if not at[index]:
                said[index] = f"{said[index]} ({text})".strip()
                self._tell(lines[index], column.header, NO_MOMENT, {"value": text[:80]})
        return [at, source, said]


class _Batch:
    """What the rows of one batch said so far."""

    def __init__(self, size: int, tracked: Sequence[str] = ()) -> None:
        self.tracked = {name: [NULL] * size for name in tracked}
        self.flags = {channel: [NULL] * size for channel in _CHANNELS}
        self.said, self.held = [""] * size, [""] * size
        self.doubts: list[tuple[str, str]] = [("", "")] * size
        self.kept: dict[Asks, list[str]] = {}

    def note(self, index: int, wish: Wish, told: Says, text: str) -> None:
        """An opt-out outweighs all else that a row says of the channel."""
        flags = self.flags[wish.channel]
        words_ = f"{_short(wish.header)}: {text}"[:300]
        if told == Says.OUT:
            flags[index] = "true"
            self.said[index] = "; ".join(filter(None, (self.said[index], words_)))[:1000]
        elif told == Says.NO:
            flags[index] = "false" if flags[index] == NULL else flags[index]
        elif told == Says.UNCLEAR:
            self.doubts[index] = (wish.channel, words_) if not self.doubts[index][0] else self.doubts[index]
        elif _SEVERITY[told] > _SEVERITY[self.held[index]]:
            self.held[index] = told

    def track(self, index: int, wish: Wish, *, may: bool) -> None:
        """A no outweighs all else that a row says of it."""
        for name in OF_TRACKING[wish.asks]:
            cells = self.tracked[name]
            cells[index] = "true" if may and cells[index] != "false" else "false"

    def columns(self) -> list[list[str]]:
        """The cells of the flags and of what else is staged, column by column."""
        nulls = [[cell or NULL for cell in column] for column in (self.said, *self._doubts(), self.held)]
        return [*self.flags.values(), *nulls, *self.tracked.values()]

    def _doubts(self) -> tuple[list[str], list[str]]:
        return [said for _channel, said in self.doubts], [channel for channel, _said in self.doubts]


def moment(text: str) -> str:
    """A date or moment in ISO, of UTC where no offset stands; empty where it can't be read in one way."""
    if found := WITH_DAY.fullmatch(text.partition(" ")[0]):
        first, second = int(found[1]), int(found[3])
        if first <= 12 and second <= 12 and first != second and found[2] != ".":
            return ""
        day, month = (second, first) if second > 12 else (first, second)
        text = f"{found[4]}-{month:02}-{day:02}{text[found.end() :]}"
    elif ISO.fullmatch(text):
        text = "-".join(part.zfill(2) for part in text[:10].strip("T ").split("-"))
    try:
        read = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError:
        return ""
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).isoformat()


def _short(cell: str) -> str:
    """A cell as far as it is looked at, on one line and without control characters."""
    text = " ".join(cell[: LONGEST * 2].split())[:LONGEST]
    return text if text.isprintable() else "".join(letter for letter in text if letter.isprintable())
