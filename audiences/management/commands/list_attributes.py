"""List the attributes of profiles."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import Q

from accounts.commands import PersonCommand
from accounts.models import User
from audiences.fields import attributes
from audiences.models import Attribute
from campaign.lib.helped import row_count

MOST = 10_000


class Command(PersonCommand):
    help = "List the attributes that are declared, and how many more may be."
    example = "manage.py list_attributes --text coffee --as ines"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--text", default="", help="only those whose name or label has this in it")
        parser.add_argument(
            "--limit", type=row_count, default=MOST, help=f"at most so many (default: {MOST:,})"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        text = options["text"].replace("\0", "")
        found = Attribute.objects.filter(Q(name__icontains=text) | Q(label__icontains=text))
        rows = list(found.values("name", "label", "kind")[: max(1, min(options["limit"], MOST))])
        for row in rows:
            self.say(f"{row['name']:<40} {row['kind']:<8} {row['label']}")
        declared = Attribute.objects.count()
        self.say(f"{declared:,} of at most {attributes.most():,}. {attributes.who_declares()}")
        return {"attributes": rows, "most": attributes.most(), "room": attributes.room()}
