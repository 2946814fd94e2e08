"""Make or change a source of mail that comes back."""

from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib.helped import of_field
from feedback.intake import sources
from feedback.models import MailSource

TEXTS = ("path", "host", "username", "password_variable", "mailbox")
YES_NO = ("is_active", "removes")
SHOWN = ("kind", *TEXTS, "port", "tls", *YES_NO)


class Command(PersonCommand):
    help = (
        "Make a source of mail that comes back, or change what is named of it; what is left out stays as it is. The "
        "password is never given here: name the environment variable that holds it."
    )
    example = (
        "manage.py save_mail_source Returns --kind imap --host imap.example.com --username returns "
        "--password-variable RETURNS_PASSWORD --as diego"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SOURCE", help="its label")
        parser.add_argument("--kind", choices=MailSource.Kind.values, help=of_field(MailSource, "kind"))
        parser.add_argument("--port", type=int, help=of_field(MailSource, "port"))
        parser.add_argument("--tls", choices=MailSource.Tls.values, help=of_field(MailSource, "tls"))
        for name in TEXTS:
            parser.add_argument(_option(name), dest=name, help=of_field(MailSource, name))
        for name in YES_NO:
            parser.add_argument(
                _option(name), dest=name, action=BooleanOptionalAction, help=of_field(MailSource, name)
            )
        parser.add_argument(
            "--remove-source", action="store_true", help="nothing is fetched from there any more"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        label = options["source"]
        source = MailSource.objects.filter(label=label).first()
        if options["remove_source"]:
            if source is None:
                self.fail("no_such_source", f"There is no source “{label}”.", exit_code=2)
            sources.remove_source(source=source, by=by)
            self.say(f"Source “{label}” is removed.")
            return {"source": label, "removed": True}
        given = {name: options[name] for name in SHOWN if options[name] is not None}
        if not 0 < given.get("port", 1) < 65536:
            self.fail("bad_number", "A port is a number from 1 to 65535.", exit_code=2)
        source = sources.save_source(source=source or MailSource(), by=by, label=label, **given)
        self.say(f"Source “{label}” is saved.")
        return {"source": label, **{name: getattr(source, name) for name in SHOWN}}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
