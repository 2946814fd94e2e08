"""Make a folder or a campaign, or change one."""

from argparse import ArgumentParser
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from accounts.models import User
from deliveries.commands.base import USAGE, DeliveriesCommand
from deliveries.folders import naming, tree
from deliveries.models import Folder

NOTHING = "none"  # takes away what was set


def described(folder: Folder) -> dict[str, Any]:
    """What commands answer about a folder."""
    return {
        "folder": folder.pk,
        "label": folder.label,
        "path": naming.in_words(folder),
        "unit": folder.unit.label,
        "campaign": folder.is_campaign,
        "starts_on": folder.starts_on,
        "ends_on": folder.ends_on,
        "owner": folder.owner and folder.owner.username,
        "goal": folder.goal_figure or None,
        "goal_value": folder.goal_value,
    }


class Command(DeliveriesCommand):
    help = "Make a folder in a unit, or change one with --folder. Dates, owner or goal make it a campaign."
    example = (
        'manage.py save_folder "Summer" --unit Brasil --as ana\n'
        '  manage.py save_folder "July" --in Summer --starts 2026-07-01 --ends 2026-07-31 --owner ana'
        " --goal clicks 3.5 --as ana\n"
        "  manage.py save_folder --folder 12 --label Offers --goal none 0 --as ana"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("label", nargs="?", default=None, metavar="LABEL", help="of a new folder")
        parser.add_argument("--folder", metavar="FOLDER", help="change this one: its number, label or path")
        parser.add_argument("--label", dest="new_label", metavar="LABEL", help="its new label")
        parser.add_argument(
            "--unit", metavar="UNIT", help="of a new folder (default: that of the one it lies in)"
        )
        parser.add_argument("--in", dest="parent", metavar="FOLDER", help="a new folder lies in this one")
        parser.add_argument("--description", metavar="TEXT", help="for colleagues")
        parser.add_argument("--campaign", action="store_true", help="it is a campaign")
        parser.add_argument("--no-campaign", action="store_true", help="it is none: dates, owner and goal go")
        parser.add_argument("--starts", metavar="DAY", help=f"2026-07-01, or {NOTHING}")
        parser.add_argument("--ends", metavar="DAY", help=f"2026-07-31, or {NOTHING}")
        parser.add_argument("--owner", metavar="USER", help=f"a user name, or {NOTHING}")
        parser.add_argument(
            "--goal",
            nargs=2,
            metavar=("FIGURE", "VALUE"),
            help=f"clicks 3.5 (per cent of a rate), or {NOTHING} 0",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        settings = self._settings(options)
        if options["folder"]:
            found = naming.named(options["folder"], by=by)
            folder = tree.change(
                folder=found, label=options["new_label"] or options["label"], by=by, **settings
            )
        else:
            folder = self._made(options, settings, by=by)
        answer = described(folder)
        self.say(f"{folder.pk}: “{answer['path']}” in {folder.unit}.")
        return answer

    def _made(self, options: dict[str, Any], settings: dict[str, Any], *, by: User) -> Folder:
        if not options["label"]:
            self.fail(
                "no_label", "Say the label of a new folder, or --folder to change one.", exit_code=USAGE
            )
        parent = naming.named(options["parent"], by=by) if options["parent"] else None
        if not options["unit"] and parent is None:
            self.fail("no_unit", "Say whose folder it is: --unit UNIT.", exit_code=USAGE)
        unit = self.unit(options["unit"], by=by) if options["unit"] or parent is None else parent.unit
        return tree.create(label=options["label"], unit=unit, parent=parent, by=by, **settings)

    def _settings(self, options: dict[str, Any]) -> dict[str, Any]:
        said: dict[str, Any] = {}
        if options["description"] is not None:
            said["description"] = options["description"]
        for name, field in (("starts", "starts_on"), ("ends", "ends_on")):
            if options[name] is not None:
                said[field] = self._day(options[name], name)
        if options["owner"] is not None:
            said["owner"] = self._owner(options["owner"])
        if options["goal"]:
            said["goal_figure"], said["goal_value"] = self._goal(*options["goal"])
        if options["no_campaign"]:
            said["is_campaign"] = False
        elif options["campaign"] or any(name != "description" for name in said):
            said["is_campaign"] = True
        return said

    def _day(self, text: str, name: str) -> date | None:
        try:
            return None if text == NOTHING else date.fromisoformat(text)
        except ValueError:
            self.fail("bad_day", f"--{name}: “{text}” is no day; write one like 2026-07-01.", exit_code=USAGE)

    def _owner(self, text: str) -> User | None:
        if text == NOTHING:
            return None
        if (found := User.objects.filter(username=text.replace("\0", ""), is_active=True).first()) is None:
            self.fail("no_such_person", f"--owner: there is no active user “{text}”.", exit_code=USAGE)
        return found

    def _goal(self, figure: str, value: str) -> tuple[str, Decimal | None]:
        if figure == NOTHING:
            return "", None
        try:
            return figure, Decimal(value).quantize(Decimal("0.1"))
        except InvalidOperation:
            self.fail("bad_goal", f"--goal: “{value}” is no number.", exit_code=USAGE)
