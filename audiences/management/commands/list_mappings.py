"""List what was saved for files of a header, and forget it."""

from argparse import ArgumentParser
from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from audiences.imports.columns import mappings
from audiences.models import ImportMapping
from campaign.lib.helped import row_count

SHOWN = 200


class Command(PersonCommand):
    help = (
        "List the choices that are saved for files of the same columns. With --forget ID: forget one of them."
    )
    example = "manage.py list_mappings --as ines\nmanage.py list_mappings --forget 4 --as ines"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--limit", type=row_count, default=SHOWN, help=f"at most so many (default: {SHOWN})"
        )
        parser.add_argument("--forget", type=int, metavar="ID", help="it is offered no more")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        rows = access.visible(by, ImportMapping.objects.select_related("unit", "saved_by"))
        if options["forget"]:
            mapping = rows.filter(pk=options["forget"]).first()
            if mapping is None:
                self.fail("no_such_mapping", f"There is no mapping {options['forget']}.", exit_code=2)
            mappings.forget(mapping, by=by)
            self.say("Forgotten.")
            return {"forgotten": options["forget"]}
        found = [
            {
                "id": mapping.pk, "unit": mapping.unit.label, "header": mapping.header, "choices": mapping.choices,
                "saved_by": str(mapping.saved_by or ""), "saved_at": mapping.saved_at,
            }
            for mapping in rows[: max(1, options["limit"])]
        ]  # fmt: skip
        for row in found:
            self.say(
                f"{row['id']:>6}  {row['unit']}  {row['header'][:80]}  {row['saved_by']}, {row['saved_at']:%Y-%m-%d}"
            )
        return {"mappings": found}
