"""Content as recipients will see it, before anybody does: previews on a page, proofs by mail."""

from deliveries.proofs.proofs import (
    PREFIX,
    NoTestProfiles,
    NothingToProve,
    ProfileElsewhere,
    TestProfileElsewhere,
    TooManyProofs,
    run,
    send,
)

__all__ = [
    "PREFIX",
    "NoTestProfiles",
    "NothingToProve",
    "ProfileElsewhere",
    "TestProfileElsewhere",
    "TooManyProofs",
    "run",
    "send",
]
