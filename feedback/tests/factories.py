"""Links as they stand in a message, and the hits of its reader."""

from typing import Any

from django.test import Client

from campaign.lib.tokens import Purpose, default_signer
from deliveries.models import Delivery, Message
from feedback.agents import AgentKind
from feedback.hits import bringing_in
from feedback.models import Hit, HitKind

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)
PURPOSES = {"o": Purpose.OPEN, "c": Purpose.CLICK, "m": Purpose.MIRROR, "u": Purpose.UNSUBSCRIBE}


class PromptReader(Client):
    """A reader on whose heels the worker brings in what they did."""

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        bringing_in.bring_in()
        return response


def link(delivery: Delivery, kind: str, seq: int = 1, index: int = 0) -> str:
    """The path of a link of ours, by its letter: o, c, m or u."""
    token = default_signer().sign(PURPOSES[kind], delivery.key, seq, index if kind == "c" else 0)
    return f"/{kind}/{token}.gif" if kind == "o" else f"/{kind}/{token}"


def hit(delivery: Delivery, kind: HitKind, seq: int = 1, **more: Any) -> Hit:
    """A hit that has landed, by a person unless told otherwise."""
    more.setdefault("agent_kind", AgentKind.HUMAN)
    if kind == HitKind.CLICK:
        more.setdefault("link", 0)
    made = Hit(delivery_id=delivery.pk, seq=seq, kind=kind, **more)
    made.save(force_insert=True)
    return made


def seq_of(delivery: Delivery, profile_id: int) -> int:
    return Message.objects.get(delivery=delivery, profile_id=profile_id).seq
