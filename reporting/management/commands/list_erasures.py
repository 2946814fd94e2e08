"""Write the list of all erasures, to be kept outside of the backups."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from reporting.persons import repeating


class Command(PersonCommand):
    help = (
        "Write the list of all erasures into a file: numbers of profiles, references and keyed hashes of addresses, no "
        "name and no address. Keep it outside of the backups: after restoring one, repeat_erasures erases again whom "
        "it brought back. A file that is there is replaced once the new one is whole."
    )
    example = "manage.py list_erasures --to /var/lib/sinete/erasures.json --as diego"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to", metavar="FILE", required=True, help="the file; its owner alone may read it"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Write the file. Raise CommandError where it can't be written."""
        assert by is not None
        path = Path(options["to"])
        record = repeating.listed(by=by)
        self.write_file([json.dumps(record, indent=1).encode()], path)
        self.say(f"{path}: {len(record['erasures']):,} erasures.")
        return {"file": str(path), "erasures": len(record["erasures"])}
