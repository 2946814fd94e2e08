"""Write profiles into a file, in the person's style."""

from argparse import ArgumentParser
from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from audiences import sight
from audiences.forms.filters import ProfileFilter
from audiences.models import Audience
from audiences.profiles import export_styles, people
from audiences.rules import targeting
from audiences.rules.rules import RuleError
from campaign.lib import numbers


class Command(PersonCommand):
    help = (
        "Write profiles of a unit and below into a file, as the person's exports are written. Takes the right to "
        "export. The file is there once it is whole; brought back by import_profiles it changes nothing."
    )
    example = "manage.py export_profiles --to brasil.csv --unit Brasil --as edu"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", required=True, metavar="FILE", help="the file; one that is there is kept")
        parser.add_argument("--unit", help="label or id; yours if left away")
        parser.add_argument("--audience", metavar="ID", help="only those of this audience")
        parser.add_argument("--search", default="", metavar="TEXT", help="only those who hold these words")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        file = self.new_file(options["to"])
        unit = self.unit(options["unit"], by=by) if options["unit"] else by.home_unit
        if unit is None:
            self.fail("no_unit", "You belong to no unit: name one with --unit.", exit_code=2)
        filters = ProfileFilter({"q": options["search"].replace("\0", "")}, user=by)
        rows = sight.people(by)
        if options["audience"]:
            rows = rows.filter(pk__in=self._of(options["audience"], by))
        rows = people.found(sight.with_addresses(by, rows), filters.words, user=by)
        self.write_file(export_styles.encoded(people.export(profiles=rows, unit=unit, by=by), by=by), file)
        self.say(f"{file}: {file.stat().st_size:,} bytes")
        return {"file": str(file), "unit": unit.label, "bytes": file.stat().st_size}

    def _of(self, named: str, by: User) -> Any:
        audience = access.visible(by, Audience.objects.all()).filter(pk=numbers.key(named)).first()
        if audience is None:
            self.fail("no_such_audience", f"There is no audience {named}.", exit_code=2)
        try:
            return targeting.profiles(audience).order_by().values("pk")
        except RuleError as error:
            self.fail("bad_rule", error, exit_code=1)
