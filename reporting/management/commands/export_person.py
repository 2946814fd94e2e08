"""Write all that is known of one person into a file."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib import clock, private
from reporting.persons import exporting, finding


class Command(PersonCommand):
    help = (
        "Write all that is known of one person as a zip: person.json, person.html, the messages as sent and mail that "
        "came back. The file is closed to others; nothing of it is kept in the database."
    )
    example = "manage.py export_person joao@example.com --to joao.zip --as diego"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", metavar="ADDRESS_OR_ID", help="address, profile number or external id")
        parser.add_argument(
            "--to", metavar="FILE", help="the file, which must not be there yet (person-NUMBER.zip)"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        profile = finding.one(options["who"], by=by)
        exporting.require(profile, by=by)
        path = Path(options["to"] or f"person-{profile.pk}.zip")
        self._write(path, profile, by)
        others = exporting.elsewhere(profile, by=by)
        self.say(f"{path}: {path.stat().st_size} octets, about profile {profile.pk}.")
        if others["profiles"] or others["hidden"]:
            shown = (
                ", ".join(str(other["profile"]) for other in others["profiles"]) or "none that you may see"
            )
            self.say(
                f"The same address stands under other profiles: {shown}; not to be seen: {others['hidden']}."
            )
        return {
            "profile": profile.pk,
            "file": str(path),
            "octets": path.stat().st_size,
            "same_address_elsewhere": others,
        }

    def _write(self, path: Path, profile: Any, by: User) -> None:
        """Write the file; one that could not be written whole is gone."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, private.FILE)
        except OSError as error:
            self.fail("no_file", f"{path} can't be made: {error.strerror}.", exit_code=2)
        try:
            with os.fdopen(handle, "wb") as file:
                exporting.write(file=file, profile=profile, by=by, at=clock.now())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
