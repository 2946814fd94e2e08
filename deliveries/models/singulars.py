"""Sentences of logs and findings as they read of one: what is stored is the sentence of many."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop as n_

_LOST = n_(
    "The text part was made without what is hidden in the HTML, and %(links)s links and %(words)s "
    "words stand only there. Show them, or write a text part."
)
_LOST_LINK = n_(
    "The text part was made without what is hidden in the HTML, and %(links)s link and %(words)s "
    "words stand only there. Show them, or write a text part."
)
# By the sentence of many: the slot that counts, and the sentence of one.
SINGULARS = {
    "Target counted: %(targeted)s profiles": ("targeted", n_("Target counted: %(targeted)s profile")),
    "Content compiled: %(findings)s findings": ("findings", n_("Content compiled: %(findings)s finding")),
    "Preparation failed: %(errors)s errors": ("errors", n_("Preparation failed: %(errors)s error")),
    "Preparation completed in %(seconds)s s: %(to_deliver)s messages, %(excluded)s excluded": (
        "to_deliver",
        n_("Preparation completed in %(seconds)s s: %(to_deliver)s message, %(excluded)s excluded"),
    ),
    "Proof %(number)s sent by %(by)s to %(copies)s test profiles": (
        "copies",
        n_("Proof %(number)s sent by %(by)s to %(copies)s test profile"),
    ),
    "All %(targeted)s profiles of the audience are excluded.": (
        "targeted",
        n_("The only profile of the audience is excluded."),
    ),
    "For %(people)s people the hour has passed already: they are written to with OK.": (
        "people",
        n_("For %(people)s person the hour has passed already: they are written to with OK."),
    ),
    "For %(people)s people the hour has passed already: they are left out.": (
        "people",
        n_("For %(people)s person the hour has passed already: they are left out."),
    ),
    "%(by)s holds %(number)s messages with unknown outcome: %(reason)s": (
        "number",
        n_("%(by)s holds %(number)s message with unknown outcome: %(reason)s"),
    ),
    "%(by)s sends %(number)s messages with unknown outcome again: %(reason)s": (
        "number",
        n_("%(by)s sends %(number)s message with unknown outcome again: %(reason)s"),
    ),
    "%(by)s counts %(number)s messages with unknown outcome as sent: %(reason)s": (
        "number",
        n_("%(by)s counts %(number)s message with unknown outcome as sent: %(reason)s"),
    ),
    _LOST: ("links", _LOST_LINK),
}

# Of what counts two things.
_SECOND = {
    _LOST: (
        "words",
        n_(
            "The text part was made without what is hidden in the HTML, and %(links)s links and %(words)s "
            "word stand only there. Show them, or write a text part."
        ),
    ),
    _LOST_LINK: (
        "words",
        n_(
            "The text part was made without what is hidden in the HTML, and %(links)s link and %(words)s "
            "word stand only there. Show them, or write a text part."
        ),
    ),
}


def of(text: str, slots: Mapping[str, Any]) -> str:
    """The sentence as it reads of so many as its slots say, still in English and unfilled."""
    for table in (SINGULARS, _SECOND):
        slot, singular = table.get(text, ("", text))
        text = singular if slots.get(slot) == 1 else text
    return text
