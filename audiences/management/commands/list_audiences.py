"""List audiences with their counts."""

from argparse import ArgumentParser
from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from audiences import rules, targeting
from audiences.models import Audience


class Command(PersonCommand):
    help = "List the audiences that a person may see, with their rules in plain words and their counts."

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--text", default="", help="only those whose label has this in it")
        parser.add_argument("--unit", metavar="UNIT", help="only this unit's: its label or id")
        parser.add_argument("--limit", type=int, default=200, help="at most so many (default: 200)")

    def act(self, *, by: User | None, options: dict[str, Any]) -> list[dict[str, Any]]:
        assert by is not None
        known = rules.known_fields()
        answer = []
        rows = access.visible(by, Audience.objects.select_related("unit"))
        rows = rows.filter(label__icontains=options["text"].replace("\0", ""))
        if options["unit"]:
            rows = rows.filter(unit=self.unit(options["unit"], by=by))
        for audience in rows[: max(1, options["limit"])]:
            is_rule = audience.kind == Audience.Kind.RULE
            row = {
                "audience": audience.pk,
                "label": audience.label,
                "unit": audience.unit.label,
                "kind": audience.kind,
                "words": rules.in_words(audience.rule, known=known) if is_rule else "",
                "count": targeting.count(audience),
            }
            self.say(f"{row['audience']:>6}  {row['count']:>10,}  {row['label']}  {row['words']}")
            answer.append(row)
        return answer
