"""List audiences with their counts."""

from argparse import ArgumentParser
from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.lists import in_order
from accounts.models import User
from audiences import ordering
from audiences.models import Audience
from audiences.rules import rules, targeting
from campaign.lib.helped import row_count


class Command(PersonCommand):
    help = "List the audiences that a person may see, with their rules in plain words and their counts."
    example = "manage.py list_audiences --unit Brasil --stored --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--text", default="", help="only those whose label has this in it")
        parser.add_argument("--unit", metavar="UNIT", help="only this unit's: its label or id")
        parser.add_argument("--limit", type=row_count, default=200, help="at most so many (default: 200)")
        parser.add_argument(
            "--sort", choices=list(ordering.AUDIENCES), default="label", help="in this order (default: label)"
        )
        parser.add_argument("--reverse", action="store_true", help="the other way round")
        parser.add_argument(
            "--stored",
            action="store_true",
            help="count nothing: show what was counted last, as the page does",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> list[dict[str, Any]]:
        assert by is not None
        known = rules.known_fields()
        answer = []
        rows = access.visible(by, Audience.objects.select_related("unit"))
        rows = rows.filter(label__icontains=options["text"].replace("\0", ""))
        if options["unit"]:
            rows = rows.filter(unit=self.unit(options["unit"], by=by))
        rows = in_order(rows, ordering.AUDIENCES[options["sort"]], reverse=options["reverse"])
        for audience in rows[: max(1, options["limit"])]:
            count = audience.counted if options["stored"] else targeting.count(audience)
            is_rule = audience.kind == Audience.Kind.RULE
            row = {
                "audience": audience.pk,
                "label": audience.label,
                "unit": audience.unit.label,
                "kind": audience.kind,
                "words": rules.in_words(audience.rule, known=known) if is_rule else "",
                "count": count,
                **({"counted_at": audience.counted_at} if options["stored"] else {}),
            }
            number = "–" if count is None else f"{count:,}"
            self.say(f"{row['audience']:>6}  {number:>10}  {row['label']}  {row['words']}")
            answer.append(row)
        return answer
