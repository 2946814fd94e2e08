"""An envelope made ready for the wire: the commands of its transaction and its body, or why it must not leave."""

from campaign.lib.dots import END, dotted
from deliveries.channels.base import Capabilities, Envelope, Outcome, Ready, Result
from deliveries.channels.paths import UnusableAddress, wire_path
from deliveries.channels.replies import Stage, printable


class Unsendable(Exception):
    """An envelope that must not reach the wire: with a `reason` it has failed, without one the fault is ours."""

    def __init__(self, stage: str, text: str, *, reason: str = "") -> None:
        super().__init__(text)
        self.stage, self.text, self.reason = str(stage), printable(text), reason

    def outcome(self, seq: int) -> Outcome:
        """Return what became of the envelope with this number."""
        result = Result.FAILED if self.reason else Result.NOT_ATTEMPTED
        return Outcome(
            seq, result, text=self.text, stage=self.stage, nature="ignored", reason=self.reason,
            breaker=not self.reason,
        )  # fmt: skip


class Letter:
    """An envelope that a connection took: its octets, and how far it got.

    `sender` and `path` are the lines of MAIL and RCPT, `body` is what follows a 354. `has_begun`: MAIL was accepted.
    `may_go`: DATA was accepted, the body is next. `is_settled`: its outcome is known.
    """

    __slots__ = ("body", "envelope", "has_begun", "is_settled", "may_go", "path", "sender")

    def __init__(self, envelope: Envelope, *, sender: bytes, path: bytes, body: bytes) -> None:
        self.envelope, self.sender, self.path, self.body = envelope, sender, path, body
        self.has_begun = self.is_settled = self.may_go = False


def prepared(envelope: Envelope, capabilities: Capabilities) -> Letter:
    """Return the envelope ready for a relay with these capabilities; raise Unsendable where it can't be."""
    try:
        sender, sender_is_wide = wire_path(envelope.sender)
    except UnusableAddress as error:
        # Our own fault, and most likely the same for every recipient.
        raise Unsendable(Stage.MAIL, f"sender: {error}") from error
    try:
        path, is_wide = wire_path(envelope.recipient)
    except UnusableAddress as error:
        raise Unsendable(Stage.RCPT, str(error), reason="not_supported") from error
    if not path:
        raise Unsendable(Stage.RCPT, "no address", reason="not_supported")
    is_wide = is_wide or sender_is_wide
    if is_wide and not capabilities.smtputf8:
        text = "the relay does not take international addresses"
        raise Unsendable(Stage.RCPT, text, reason="not_supported")
    try:
        message = envelope.fill(capabilities)
        body = message.body if isinstance(message, Ready) else dotted(message)
        is_eight_bit = not body.isascii()
    except Exception as error:  # whatever a template may raise concerns this row alone
        raise Unsendable(Stage.BODY, f"{type(error).__name__}: {error}", reason="content") from error
    parameters = _parameters(capabilities, body, is_wide=is_wide, is_eight_bit=is_eight_bit)
    mail = f"MAIL FROM:<{sender}>{parameters}\r\n"
    return Letter(envelope, sender=mail.encode(), path=f"RCPT TO:<{path}>\r\n".encode(), body=body)


def _parameters(offered: Capabilities, body: bytes, *, is_wide: bool, is_eight_bit: bool) -> str:
    parameters = ""
    if offered.size:
        size = len(body) - len(END)
        if size > offered.size:
            text = f"{size} octets, and the relay takes {offered.size}"
            raise Unsendable(Stage.MAIL, text, reason="too_large")
        parameters = f" SIZE={size}"
    if is_eight_bit:
        if not offered.eight_bit:
            text = "8-bit content, and the relay does not offer 8BITMIME"
            raise Unsendable(Stage.BODY, text, reason="content")
        parameters += " BODY=8BITMIME"
    return f"{parameters} SMTPUTF8" if is_wide else parameters
