"""The address that unsubscribes by mail, for List-Unsubscribe: whoever writes to it is told apart by a signed token.

It stands in a message only where mail that comes back is collected. What arrives there says who it was written to,
whatever its sender, subject and text are.
"""

import re
from collections.abc import Callable

from campaign.lib.tokens import BadToken, Claim, Purpose, Signer, default_signer

PREFIX = "u-"
_LONGEST = 320
_ADDRESS = re.compile(rf"\s*<?\s*{PREFIX}([0-9a-f]{{54}})@[^@\s<>]{{1,255}}?\s*>?\s*", re.I | re.ASCII)


def sign(delivery_key: int, seq: int, *, domain: str) -> str:
    """Return the address for the message with this number; `domain` is where returned mail is collected.

    Raise ValueError for a number or a key out of range.
    """
    return f"{PREFIX}{default_signer().sign_caseless(Purpose.UNSUBSCRIBE_MAIL, delivery_key, seq)}@{domain}"


def for_delivery(signer: Signer, delivery_key: int, *, domain: str) -> Callable[[int], str]:
    """Return `sign` for many messages of one delivery."""
    token = signer.for_delivery_caseless(Purpose.UNSUBSCRIBE_MAIL, delivery_key)
    return lambda seq: f"{PREFIX}{token(seq)}@{domain}"


def read(address: str) -> Claim:
    """Return which message of which delivery an address that mail came to names; its domain and its case say nothing.

    Raise BadToken for any other address, and for one that none of our keys signed.
    """
    found = _ADDRESS.fullmatch(address) if len(address) <= _LONGEST else None
    if found is None:
        raise BadToken("not an address that unsubscribes")
    return default_signer().read(found.group(1), Purpose.UNSUBSCRIBE_MAIL)
