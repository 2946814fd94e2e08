"""Let the content of a delivery begin with a template, or with what another delivery says."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.drafting import content_templates
from deliveries.drafting.content_templates import NothingToKeep
from deliveries.models import Delivery


class Command(StepCommand):
    help = (
        "Begin the next version of a delivery's content as a copy of a template (a number or a name of list_templates),"
        " or of what another delivery says; --last takes the last one of its unit. The earlier versions stay."
    )
    example = (
        "manage.py begin_content DM95 newsletter.en --as ana\n  manage.py begin_content DM95 --last --as ana"
    )

    def add_step_options(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("template", nargs="?", metavar="TEMPLATE", help="its number, or newsletter.en")
        which.add_argument("--of", metavar="DELIVERY", help="the delivery whose content is copied")
        which.add_argument("--last", action="store_true", help="the last delivery of the same unit")

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        how: dict[str, Any] = {"delivery": delivery, "by": by, "at": clock.now()}
        if options["template"]:
            content = content_templates.begin_with(
                template=content_templates.named(options["template"], by=by), **how
            )
        else:
            content = content_templates.begin_as(other=self._other(delivery, by=by, options=options), **how)
        return self.answer(delivery, version=content.number)

    def _other(self, delivery: Delivery, *, by: User, options: dict[str, Any]) -> Delivery:
        if options["of"]:
            return self.find(options["of"], by=by)
        last = content_templates.latest(delivery, by=by)
        if last is None:
            raise NothingToKeep(delivery=delivery.unit)
        return last
