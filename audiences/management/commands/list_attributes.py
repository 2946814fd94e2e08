"""List the attributes of profiles."""

from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from audiences import attributes
from audiences.models import Attribute


class Command(PersonCommand):
    help = "List the attributes that are declared, and how many more may be."

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        rows = list(Attribute.objects.values("name", "label", "kind"))
        for row in rows:
            self.say(f"{row['name']:<40} {row['kind']:<8} {row['label']}")
        self.say(f"{len(rows):,} of at most {attributes.most():,}. {attributes.who_declares()}")
        return {"attributes": rows, "most": attributes.most(), "room": attributes.room()}
