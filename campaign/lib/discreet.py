"""Errors of PostgreSQL quote rows, and so people: no log and no job that failed keeps these lines."""

import logging
import re

# A quoted value may have lines of its own: up to what else PostgreSQL says, or the next part of a traceback.
_QUOTED = re.compile(
    r"^(?P<what>DETAIL|CONTEXT):.*?(?=^(?:DETAIL|CONTEXT|HINT|LOCATION):|^\s*$|^Traceback |^  File |\Z)",
    re.MULTILINE | re.DOTALL,
)


def without_rows(text: str) -> str:
    """The text without what PostgreSQL quoted of rows."""
    if "DETAIL:" not in text and "CONTEXT:" not in text:
        return text
    return _QUOTED.sub(r"\g<what>: …\n", text).rstrip("\n")


class Formatter(logging.Formatter):
    """Writes a line of the log, and the traceback of an error, without what PostgreSQL quoted of rows."""

    def format(self, record: logging.LogRecord) -> str:
        return without_rows(super().format(record))
