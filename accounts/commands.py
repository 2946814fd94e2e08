"""What every command has in common that acts for a person: who it is, how it answers, how it refuses.

Exit codes: 0 done, 1 refused by a rule, 2 wrong usage.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from campaign.lib import reader_zone, whole_file
from campaign.lib.helped import HelpedCommand
from campaign.lib.refusals import Forbidden, Refusal


class PersonCommand(HelpedCommand):
    """A command done by a person, named by `--as`; the operating system's user is audited too.

    A subclass writes `add_options` and `act`. What `act` returns is the answer: with `--json` it is printed
    as one object, otherwise `act` has printed for people with `self.say` whatever they should read.
    """

    requires_person = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_options(parser)
        parser.add_argument(
            "--as", dest="person", metavar="USER", help="the user name of the person who does this"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="answer with one JSON object")

    def add_options(self, parser: ArgumentParser) -> None:
        """The command's own arguments."""

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        """Call the verb; return what `--json` prints. Each command says how: here it raises NotImplementedError."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        """Act for the person; raise CommandError with an exit code where a rule says no or the call makes no sense."""
        self.as_json: bool = options["as_json"]
        self._require_utf8(options)
        with audit.entered("command", os_user=audit.system_user()):
            by = self._person(options["person"])
            with reader_zone.unknown():
                if by is not None:
                    reader_zone.read_in(by.time_zone)
                try:
                    answer = self.act(by=by, options=options)
                except Refusal as refusal:
                    self._refused(refusal, by=by)
                except OSError as error:
                    if error.filename is None:  # no file that somebody named
                        raise
                    self.fail("bad_file", f"{error.filename}: {error.strerror}.", exit_code=2)
        if self.as_json and answer is not None:
            self._print_json(answer)

    def say(self, text: object) -> None:
        """A line for people; nothing with `--json`."""
        if not self.as_json:
            self.stdout.write(str(text))

    def fail(self, code: str, message: object, *, exit_code: int = 1) -> NoReturn:
        """Raise CommandError, which leaves with the message on stderr.

        With `--json` an object with `error` and `message` is written on stdout too.
        """
        if self.as_json:
            self._print_json({"error": code, "message": str(message)})
        raise CommandError(str(message), returncode=exit_code)

    def unit(self, named: str, *, by: User) -> OrganizationalUnit:
        """Return the one unit of this label or id that the person may read; what they may do there, the verb checks."""
        is_id = named.isascii() and named.isdecimal() and len(named) < 10
        wanted = Q(label__iexact=named) | Q(pk=int(named) if is_id else None)
        found = list(access.readable_units(by).filter(wanted)[:2])
        if not found and (hidden := OrganizationalUnit.objects.filter(wanted).first()):
            access.record_hidden(by=by, target=hidden)
        if len(found) != 1:
            self.fail("no_such_unit", f"There is no unit “{named}”, or more than one.", exit_code=2)
        return found[0]

    def _require_utf8(self, options: dict[str, Any]) -> None:
        """What is not UTF-8 comes as halves of letters, which neither the database nor an answer takes."""
        for name, value in options.items():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str | Path) and not is_utf8(str(text)):
                    shown = str(text).encode(errors="replace").decode()
                    self.fail("not_utf8", f"{name}: “{shown}” is not written in UTF-8.", exit_code=2)

    def new_file(self, named: str) -> Path:
        """Return the path of a file that is to be made: nothing is there, in a folder that is. Raise CommandError."""
        file = Path(named)
        try:
            if file.exists():
                self.fail("file_exists", f"{file} is there already: name another.", exit_code=2)
            if not file.parent.is_dir():
                self.fail("no_such_folder", f"There is no folder {file.parent}.", exit_code=2)
        except OSError as error:
            self._not_written(file, error)
        return file

    def write_file(self, parts: Iterable[bytes], file: Path) -> None:
        """The parts are the file, all or nothing. Raise CommandError where the disk doesn't take it."""
        try:
            whole_file.write(parts, file)
        except OSError as error:
            self._not_written(file, error)

    def _not_written(self, file: Path, error: OSError) -> NoReturn:
        self.fail("no_file", f"{file} can't be written: {error.strerror}.", exit_code=2)

    def _person(self, username: str | None) -> User | None:
        if not username:
            if self.requires_person:
                self.fail("no_person", "Say who does this: --as USER.", exit_code=2)
            return None
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            self.fail("no_such_person", f"There is no active user “{username}”.", exit_code=2)
        return user

    def _refused(self, refusal: Refusal, *, by: User | None) -> NoReturn:
        # The verb's transaction is rolled back by now, so this event stays.
        action = "" if isinstance(refusal, Forbidden) else type(self).__module__.rpartition(".")[2]
        audit.record_refusal(refusal, by=by, action=action)
        self.fail(refusal.code, refusal, exit_code=refusal.exit_code)

    def _print_json(self, answer: Any) -> None:
        self.stdout.write(json.dumps(answer, cls=DjangoJSONEncoder, ensure_ascii=False))


class UnitCommand(PersonCommand):
    """A command by which an administrator changes a unit. A subclass writes `act` and `add_unit_options`."""

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("unit", metavar="UNIT", help="its label or id")
        self.add_unit_options(parser)

    def add_unit_options(self, parser: ArgumentParser) -> None:
        """The command's own arguments."""


def is_utf8(text: str) -> bool:
    """Whether the text has no halves of letters, as words of a shell have that are in another encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
