"""Erase again whom a restored backup brought back."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib import clock
from reporting.persons import repeating

LARGEST = 256 * 1024 * 1024  # octets: some two million erasures


class Command(PersonCommand):
    help = (
        "After a backup was restored: erase again whom it brought back, by the list that list_erasures wrote. Do it "
        "before adopt_instance: until then nothing is sent. Twice does no harm."
    )
    example = (
        "manage.py repeat_erasures /var/lib/sinete/erasures.json --dry-run --as diego\n"
        "manage.py repeat_erasures /var/lib/sinete/erasures.json --yes --as diego"
    )
    exit_codes = "0 erased, or said; 1 refused by a rule; 2 wrong usage, or no list of erasures"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the list, as list_erasures wrote it")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "--dry-run", action="store_true", help="say how many are here again; change nothing"
        )
        which.add_argument("--yes", action="store_true", help="erase them")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Say or erase. Raise CommandError where the file is no list of erasures."""
        assert by is not None
        record = repeating.read(self._json(Path(options["file"])))
        if options["dry_run"]:
            found = repeating.find(record, by=by)
            profiles, addresses = sorted(found.profiles), len(found.addresses)
            self.say(f"Here again: {len(profiles):,} profiles and {addresses:,} addresses without one.")
            self.say("Nothing was changed. To erase them: the same with --yes.")
            return {"erased": False, "profiles": profiles, "addresses": addresses}
        erasures = [erasure.pk for erasure in repeating.repeat(record, by=by, at=clock.now())]
        self.say(f"Erased again: {len(erasures):,}. No import brings their addresses back.")
        return {"erased": True, "erasures": erasures}

    def _json(self, path: Path) -> Any:
        try:
            if path.stat().st_size > LARGEST:
                raise repeating.BadList(where=path, what="is larger than 256 MB")
            return json.loads(path.read_bytes().decode("utf-8-sig"))
        except OSError as error:
            raise repeating.BadList(where=path, what=error.strerror) from None
        except UnicodeDecodeError:
            raise repeating.BadList(where=path, what="is not UTF-8") from None
        except RecursionError:
            raise repeating.BadList(where=path, what="is nested too deep") from None
        except ValueError as error:  # among them a number of too many digits
            raise repeating.BadList(where=path, what=str(error)) from None
