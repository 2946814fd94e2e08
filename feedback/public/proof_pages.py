"""What the links of a proof show: the proof, and what one is. Nothing is counted, and nobody is unsubscribed."""

import re

from django.http import HttpResponse
from django.template.loader import render_to_string

from campaign.lib.tokens import Claim, Purpose, default_signer
from deliveries.content.message.render import RenderError
from deliveries.proofs import showing
from feedback import outage

_BODY = re.compile(r"<body\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.I)


def is_of_a_proof(claim: Claim) -> bool:
    """Whether a link stands in a proof, and in no recipient's message."""
    return showing.is_number(claim.seq)


def mirror(claim: Claim) -> str | None:
    """Return the proof as a page with a line that says what it is; None where it is gone. Raise Away."""
    copy = _copy(claim)
    if copy is None:
        return None
    if not copy.html:
        return render_to_string("feedback/proof_text.html", {"copy": copy})
    note = render_to_string("feedback/_proof_note.html", {"copy": copy})
    body = _BODY.search(copy.html)
    at = body.end() if body else 0
    return copy.html[:at] + note + copy.html[at:]


def unsubscribe(claim: Claim) -> str:
    """Return a page that says what a proof is, and leads to it. Raise Away."""
    mirror_token = default_signer().sign(Purpose.MIRROR, claim.delivery_key, claim.seq)
    return render_to_string(
        "feedback/proof_unsubscribe.html", {"copy": _copy(claim), "mirror_token": mirror_token}
    )


def one_click() -> HttpResponse:
    """The answer to a mail program that unsubscribes from a proof: it was heard, and nothing was changed."""
    return HttpResponse("A proof: nothing was changed\n", content_type="text/plain")


def _copy(claim: Claim) -> showing.ShownCopy | None:
    with outage.reach():
        try:
            return showing.shown(delivery_key=claim.delivery_key, seq=claim.seq)
        except RenderError:
            return None
