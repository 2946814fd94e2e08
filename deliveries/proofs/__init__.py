"""Content as recipients will see it, before anybody does: previews on a page, proofs by mail."""

from deliveries.proofs.proofs import (
    PREFIX,
    NoTestProfiles,
    NothingToProve,
    NoVerifiedAddress,
    ProfileElsewhere,
    TestProfileElsewhere,
    TooManyProofs,
    is_over,
    run,
    send,
)

__all__ = [
    "PREFIX",
    "NoTestProfiles",
    "NoVerifiedAddress",
    "NothingToProve",
    "ProfileElsewhere",
    "TestProfileElsewhere",
    "TooManyProofs",
    "is_over",
    "run",
    "send",
]
