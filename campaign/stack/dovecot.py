"""Dovecot, behind whose IMAP tests have mail wait as a mail server of the world has it."""

import shutil

from campaign.stack import packages

HOW_TO = "Dovecot is needed for this. Install it (Debian, Ubuntu: apt-get install dovecot-imapd)."
IMAP = "/usr/lib/dovecot/imap"


def find() -> str | None:
    """Return the program, where it can speak IMAP."""
    program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
    return program if program and shutil.which(IMAP) else None


def ensure() -> None:
    """Dovecot is there, installed from the distribution where that is missing and allowed."""
    packages.ensure("dovecot-imapd", found=find(), how_to=HOW_TO)
