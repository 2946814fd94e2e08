"""List audiences with their counts."""

from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from audiences import fields, rules, targeting
from audiences.models import Audience


class Command(PersonCommand):
    help = "List the audiences that a person may see, with their rules in plain words and their counts."

    def act(self, *, by: User | None, options: dict[str, Any]) -> list[dict[str, Any]]:
        assert by is not None
        known = fields.by_name()
        answer = []
        for audience in access.visible(by, Audience.objects.select_related("unit")):
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
