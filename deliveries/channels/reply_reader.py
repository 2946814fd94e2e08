"""From the octets that a relay sends to its replies: a code and the texts of its lines."""

from collections.abc import Iterator
from typing import NamedTuple

from deliveries.channels.replies import tidy

_CODES = {b"%d" % code: code for code in range(200, 600)}
LONGEST_LINE = 8_192  # octets; RFC 5321 says 512, and whatever is longer than this is no reply
_LONGEST_REPLY = 65_536  # octets
_MOST_LINES = 1_000  # of one reply


class NotAReply(Exception):
    """What the relay sent is no reply of SMTP, or one without an end; the text says which."""


class Reply(NamedTuple):
    """One whole reply: its code, and what follows the code in each of its lines."""

    code: int
    lines: list[bytes]

    @property
    def text(self) -> str:
        """The lines as one text for people."""
        return tidy(self.lines)


class ReplyReader:
    """Cuts what one connection receives into replies; keeps what has begun and has no end yet."""

    def __init__(self) -> None:
        self._rest = b""  # a line without its end
        self._lines: list[bytes] = []  # of a reply whose last line is to come
        self._lines_size = 0
        self._code_of_lines: int | None = None
        self.has_read_line = (
            False  # whether the last `read`, once it was iterated to its end, found a whole line
        )

    def read(self, data: bytes) -> Iterator[tuple[int, list[bytes]]]:
        """Yield each reply that `data` completes, as its code and the texts of its lines.

        NotAReply is raised at the first octets that can't be one; the replies before them were yielded. Whoever
        stops iterating gives the connection up. The pairs are plain tuples: one is made for each reply.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        position, size = 0, len(data)
        while position < size:
            end = data.find(b"\n", position)
            if end < 0:
                self._rest = data[position:]
                break
            code = _CODES.get(data[position : position + 3])
            separator = data[position + 3 : position + 4]
            if code is None or (separator not in b" -\r\n") or end - position > LONGEST_LINE:
                raise NotAReply("not a reply")
            text = data[position + 4 : end]
            position = end + 1
            if separator == b"-" or self._lines:
                self._add_line(code, text)
                if separator == b"-":
                    continue
                lines, self._lines, self._lines_size = self._lines, [], 0
            else:
                lines = [text]
            yield code, lines
        if len(self._rest) > LONGEST_LINE:
            raise NotAReply("endless reply")
        self.has_read_line = position > 0

    def _add_line(self, code: int, text: bytes) -> None:
        if self._lines and code != self._code_of_lines:
            raise NotAReply("reply of two codes")
        self._code_of_lines = code
        self._lines.append(text)
        self._lines_size += len(text)
        if self._lines_size > _LONGEST_REPLY or len(self._lines) > _MOST_LINES:
            raise NotAReply("endless reply")

    @property
    def has_begun_reply(self) -> bool:
        """Whether the beginning of a reply was read, and not its end."""
        return bool(self._rest or self._lines)

    @property
    def begun_code(self) -> int:
        """The code of the reply that has begun; 0 where it can't be read yet."""
        if self._lines:
            return self._code_of_lines or 0
        return _CODES.get(self._rest[:3], 0)
