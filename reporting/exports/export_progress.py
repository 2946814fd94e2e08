"""How far a file is that somebody has streamed to them: a hint in Valkey, for the page that asked for it."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass

from django.utils.translation import ngettext
from redis.exceptions import RedisError

from accounts.models import User
from campaign.lib.jobs import valkey
from campaign.templatetags.sinete import full_number

KEPT = 3600  # seconds
_TOKEN = re.compile(r"[0-9a-f]{16,40}")


@dataclass(frozen=True)
class Standing:
    """So many rows are written, of so many; nobody counts those that filters leave."""

    rows: int
    of: int | None = None
    is_over: bool = False

    @property
    def percent(self) -> int | None:
        return min(100, self.rows * 100 // self.of) if self.of else None

    @property
    def in_words(self) -> str:
        slots = {"rows": full_number(self.rows), "of": full_number(self.of or 0)}
        if self.is_over:
            return (
                ngettext("%(rows)s row is in the file.", "%(rows)s rows are in the file.", self.rows) % slots
            )
        if self.of:
            return ngettext("%(rows)s of %(of)s row", "%(rows)s of %(of)s rows", self.of) % slots
        return ngettext("%(rows)s row so far", "%(rows)s rows so far", self.rows) % slots


def is_token(text: str) -> bool:
    """Whether a page may name its export so."""
    return _TOKEN.fullmatch(text) is not None


def note(user: User, token: str, standing: Standing) -> None:
    """The page that made the token is told so; without Valkey it is told nothing, and the file comes all the same."""
    with suppress(RedisError):
        said = json.dumps([standing.rows, standing.of, standing.is_over])
        valkey().set(_key(user, token), said, ex=KEPT)


def read(user: User, token: str) -> Standing | None:
    """How far this person's export is; None where nothing is known of it."""
    with suppress(RedisError, ValueError, TypeError):
        said = valkey().get(_key(user, token))
        return Standing(*json.loads(said)) if isinstance(said, bytes) else None
    return None


def _key(user: User, token: str) -> str:
    return f"sinete:export:{user.pk}:{token}"
