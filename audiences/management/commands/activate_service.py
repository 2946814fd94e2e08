"""Write a new text of a service, or activate its latest one."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from audiences.management.commands.create_service import words_in
from audiences.models import Service
from audiences.services import texts
from campaign.lib import clock


class Command(PersonCommand):
    help = (
        "Show the latest text of a service and its seal; with --seal, put it in force: the form shows it, and mails "
        "that ask to confirm have it. With --write, make a new text first."
    )
    example = (
        "manage.py activate_service 2 --as carla\nmanage.py activate_service 2 --seal 3f9a71c0d2e4 --as carla"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", type=int, metavar="NUMBER", help="as list_services names it")
        parser.add_argument("--write", type=Path, metavar="FILE", help="JSON, as for create_service --text")
        parser.add_argument("--seal", help="of the latest text, as it was shown")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        visible = access.visible(by, Service.objects.select_related("unit", "text"))
        service = visible.filter(pk=options["service"]).first()
        if service is None:
            self.fail("no_such_service", f"There is no service {options['service']}.", exit_code=2)
        if options["write"]:
            words = words_in(self, options["write"])
            texts.write(service=service, words=words, by=by, at=clock.now())
        if options["seal"]:
            texts.activate(service=service, seal=options["seal"], by=by, at=clock.now())
            service.refresh_from_db()
        latest = service.texts.get(number=service.texts.count())
        for language, parts in latest.words.items():
            self.say(f"[{language}]\n{parts['consent']}\n\n{parts['subject']}\n{parts['body']}\n")
        in_force = service.text.number if service.text else None
        self.say(f"Text {latest.number} of “{service}”, seal {latest.seal}. In force: {in_force or 'none'}.")
        form = f"{settings.PUBLIC_URL}/s/{service.key}"
        return {
            "service": service.pk,
            "text": latest.number,
            "seal": latest.seal,
            "in_force": in_force,
            "form": form,
        }
