"""Who asked, as far as that can be told: `feedback.readers` tells it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST = 200


class AgentKind(models.TextChoices):
    """A machine counts in no figure, for no rule and no engagement; whoever is unsure counts, and is shown apart."""

    HUMAN = "human", _("Person")
    UNSURE = "unsure", _("Unsure")
    MACHINE = "machine", _("Machine")


def storable(agent: str) -> str:
    """A user agent as it is kept: of a long one the beginning and the end, where robots say who they are."""
    clean = agent.replace("\x00", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= LONGEST else f"{clean[: LONGEST - 81]}…{clean[-80:]}"
