"""A proof in the browser: the links of a copy name it, so that each shows the content that it was sent with."""

from dataclasses import dataclass

from deliveries.content.message.render import Renderer
from deliveries.models import Proof, ProofMessage
from deliveries.rendering import compile_proof, renderer

# Far above the numbers of recipients; proofs that were sent before copies had numbers have 0.
FIRST_NUMBER = 2**30


@dataclass(frozen=True)
class ShownCopy:
    """One copy of a proof, as it was sent."""

    html: str
    text: str
    number: int


def number_of(copy: ProofMessage) -> int:
    """Return the number that the links of this copy have in place of a recipient's."""
    return FIRST_NUMBER + copy.pk


def is_number(seq: int) -> bool:
    """Whether this number stands for a copy of a proof and not for a recipient."""
    return seq == 0 or seq >= FIRST_NUMBER


def shown(*, delivery_key: int, seq: int) -> ShownCopy | None:
    """Return the copy that a link of ours names; None where it is gone, or its content does not compile any more.

    Links without a number are those of the delivery's latest proof.
    """
    copies = ProofMessage.objects.select_related("proof__delivery__unit", "proof__content").filter(
        proof__delivery__key=delivery_key
    )
    copy = copies.filter(pk=seq - FIRST_NUMBER).first() if seq else copies.order_by("-pk").first()
    filler = _renderer(copy.proof) if copy else None
    if copy is None or filler is None:
        return None
    return ShownCopy(
        filler.html(seq=seq, values=copy.values) if filler.compiled.html else "",
        filler.text(seq=seq, values=copy.values),
        copy.proof.number,
    )


def _renderer(proof: Proof) -> Renderer | None:
    compiled, _findings = compile_proof(proof.delivery, proof.content)
    return renderer(proof.delivery, compiled) if compiled else None
