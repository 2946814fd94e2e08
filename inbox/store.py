"""The file that holds what the development mail server received."""

import logging
import re
import sqlite3
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

PAGE = 50
MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
SUBJECT = re.compile(rb"^subject:[ \t]*((?:.*)(?:\r\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, received_at REAL, sender TEXT, recipient TEXT COLLATE NOCASE,
    message_id TEXT, subject TEXT, size INTEGER, raw BLOB);
CREATE INDEX IF NOT EXISTS message_recipient ON message (recipient);
CREATE INDEX IF NOT EXISTS message_message_id ON message (message_id);
CREATE TABLE IF NOT EXISTS refusal (
    id INTEGER PRIMARY KEY, at REAL, recipient TEXT COLLATE NOCASE, reply TEXT);
"""


@dataclass(frozen=True, slots=True)
class Received:
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    received_at: float


class Inbox:
    """Writes; there is one for a file. A program that ends keeps all that was added; so does a killed one."""

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None)
        self.connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {SCHEMA}")
        self.refusals: list[tuple[float, str, str]] = []

    def add(self, messages: Sequence[Received]) -> bool:
        """Whether these messages are in the file now; all of them or none."""
        rows = [row for message in messages for row in _rows(message)]
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.executemany(
                "INSERT INTO message (received_at, sender, recipient, message_id, subject, size, raw)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._write_refusals()
            self.connection.execute("COMMIT")
        except sqlite3.Error:
            logger.exception("The inbox file can't be written")
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            return False
        self.refusals.clear()
        return True

    def note_refusal(self, recipient: str, reply: str) -> None:
        """It is written with the next messages, or at the end."""
        self.refusals.append((time.time(), recipient, reply))

    def close(self) -> None:
        self._write_refusals()
        self.connection.close()

    def _write_refusals(self) -> None:
        self.connection.executemany(
            "INSERT INTO refusal (at, recipient, reply) VALUES (?, ?, ?)", self.refusals
        )


class Reader:
    """Reads the same file, beside the one who writes."""

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
        self.connection.row_factory = sqlite3.Row

    def count(self, *, to: str = "", id_prefix: str = "", since_id: int = 0) -> dict[str, int]:
        """How many messages, recipients and repeats; `id_prefix` is the start of the Message-ID."""
        where, values = _where(to, id_prefix, since_id)
        row = self.connection.execute(
            "SELECT count(*) AS messages, count(DISTINCT recipient) AS recipients,"
            f" count(*) - count(DISTINCT message_id) AS duplicates, coalesce(max(id), 0) AS last_id"
            f" FROM message WHERE {where}",
            values,
        ).fetchone()
        refused = self.connection.execute("SELECT count(*) FROM refusal").fetchone()[0]
        return {**dict(row), "refused": refused}

    def messages(
        self,
        *,
        to: str = "",
        id_prefix: str = "",
        since_id: int = 0,
        before: int | None = None,
        limit: int = PAGE,
    ) -> list[dict[str, Any]]:
        """The newest first; the next page is what came `before` the last one of this."""
        where, values = _where(to, id_prefix, since_id)
        if before is not None:
            where, values = f"{where} AND id < ?", [*values, before]
        rows = self.connection.execute(
            "SELECT id, received_at, sender, recipient, message_id, subject, size"
            f" FROM message WHERE {where} ORDER BY id DESC LIMIT ?",
            [*values, limit],
        )
        return [dict(row) for row in rows]

    def raw(self, number: int) -> bytes | None:
        row = self.connection.execute("SELECT raw FROM message WHERE id = ?", [number]).fetchone()
        return zlib.decompress(row["raw"]) if row else None

    def close(self) -> None:
        self.connection.close()


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _where(to: str, id_prefix: str, since_id: int) -> tuple[str, list[Any]]:
    parts: list[str] = ["id > ?"]
    values: list[Any] = [since_id]
    if to:
        parts.append("recipient LIKE ? ESCAPE '\\'")
        values.append(f"%{_escaped(to)}%")
    if id_prefix:
        parts.append("message_id >= ? AND message_id < ?")
        values += [id_prefix, id_prefix + "\U0010ffff"]
    return " AND ".join(parts), values


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _rows(message: Received) -> list[tuple[Any, ...]]:
    end = message.raw.find(b"\r\n\r\n")
    head = message.raw[:end] if end >= 0 else message.raw
    found = MESSAGE_ID.search(head)
    subject = SUBJECT.search(head)
    return [
        (
            message.received_at,
            message.sender,
            recipient,
            found[1].decode("utf-8", "replace") if found else "",
            subject[1].decode("utf-8", "replace") if subject else "",
            len(message.raw),
            zlib.compress(message.raw, 1),
        )
        for recipient in message.recipients
    ]
