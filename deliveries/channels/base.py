"""The contract between a lane and a channel: what is handed over, and what comes back for each of it.

Whatever happens, each envelope that was fed comes back as exactly one `Outcome`. `SENT` is said only when
the relay took the message, and only `SENT` and `IN_DOUBT` may be true of a message that it took.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Result(StrEnum):
    SENT = "sent"
    FAILED = "failed"
    RETRY = "retry"
    # The final dot was given to the transport and no reply to it was read.
    IN_DOUBT = "in_doubt"
    # It surely did not leave: the final dot was never written.
    NOT_ATTEMPTED = "not_attempted"


class Capabilities(NamedTuple):
    """What a relay offered in the EHLO that counts: the one after TLS."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    size: int = 0  # the largest message it takes; 0: it does not say
    auth: frozenset[str] = frozenset()


class Ready(NamedTuple):
    """A message as it follows a 354: lines end in CRLF, dots are doubled, the final dot is there."""

    body: bytes


# Named tuples and not frozen dataclasses: one of each is made per message, at a third of the cost.
class Envelope(NamedTuple):
    """One message for one recipient. `fill` is called only when a connection takes it.

    It returns the message with CRLF line ends and without dot-stuffing, or ready for the wire; if it raises, the
    row has failed.
    """

    seq: int
    sender: str
    recipient: str
    fill: Callable[[Capabilities], bytes | Ready]


class Outcome(NamedTuple):
    """What became of one envelope. `stage` is where it was decided: see `replies.Stage`."""

    seq: int
    result: Result
    code: int | None = None
    enhanced: str = ""
    text: str = ""
    stage: str = ""
    nature: str = ""
    reason: str = ""
    quarantines: bool = False
    # The reply is about us or the relay and not about the recipient.
    breaker: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where a route leads, and how to behave there."""

    host: str
    port: int = 25
    tls: str = "none"  # none, starttls, implicit
    username: str = ""
    password: str = ""
    auth_in_clear: bool = False  # the password may go over the network without TLS
    helo_name: str = "localhost"
    verify: bool = True
    ca_file: str = ""
    timeout_s: float = 60
    body_timeout_s: float = 600  # RFC 5321 lets the reply to the final dot take ten minutes
    silence_s: float = 20  # a connection that owes an answer for so long is waited for beside another
    max_connections: int = 8
    messages_per_connection: int = 0  # 0: as many as there are

    def __repr__(self) -> str:
        """Name the relay; the password stays out of logs and tracebacks."""
        return f"Relay({self.host}:{self.port}, tls={self.tls}, username={self.username!r})"
