"""At which step of its session a server refused, as the words of mail systems around its answer tell.

A server that refuses the connection, our name or our sender has not been told yet whom the message is for.
"""

import re
from itertools import islice

MOST_STEPS = 50  # of one notice
_S = r"[ \t\n]{1,8}"
# As Postfix, Exim, Momentum and others name the step, and as qmail does.
_SAID = re.compile(
    rf"\b(?:(?:reply|response){_S}to|after|during|while{_S}(?:performing|receiving){_S}the){_S}"
    rf"(?:(?:the|our|pipelined|sending|end{_S}of){_S})?[\"'`(]?"
    rf"(?P<step>HELO|EHLO|STARTTLS|MAIL{_S}(?:FROM|command)|RCPT|DATA|BDAT|initial{_S}(?:connection|server))|"
    rf"\b(?P<early>refused{_S}to{_S}talk{_S}to{_S}me|but{_S}(?:greeting{_S}failed|"
    rf"(?:my{_S}name|sender){_S}was{_S}rejected))|"
    rf"\b(?P<late>does{_S}not{_S}like{_S}recipient|failed{_S}after{_S}I{_S}sent)",
    re.I,
)
# A command of ours in a transcript, and the refusal on the line after it.
_REFUSED = re.compile(
    r"^[^\n]{0,60}?(?:-{1,2}>|>{2,3}|\bC:)[ \t]{0,4}(?P<step>HELO|EHLO|MAIL|RCPT|DATA)\b[^\n]{0,500}\n"
    r"[^\n]{0,60}?(?:<-{1,2}|<{2,3}|\bS:)[ \t]{0,4}[45]\d\d[ -]",
    re.I | re.M,
)
_EARLY = ("HELO", "EHLO", "STARTTLS", "MAIL", "INITIAL")


def is_before_recipients(text: str) -> bool:
    """Whether all that a text says was refused was refused before the server heard whom the message is for."""
    said = [
        bool(found["early"]) or _is_early(found["step"]) for found in islice(_SAID.finditer(text), MOST_STEPS)
    ]
    said += [_is_early(found["step"]) for found in islice(_REFUSED.finditer(text), MOST_STEPS)]
    return bool(said) and all(said)


def _is_early(step: str | None) -> bool:
    return step is not None and step.upper().startswith(_EARLY)
