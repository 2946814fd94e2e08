"""Keep the content of a delivery as a template, or delete a template."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock, numbers
from deliveries.commands.units import UnitCommand
from deliveries.drafting import content_templates
from deliveries.drafting.content_templates import NoSuchTemplate


class Command(UnitCommand):
    help = (
        "The content of a delivery becomes a template of the unit, with its pictures and without its sender; with "
        "--delete a template is deleted instead, and what began with it stays."
    )
    example = "manage.py save_template DM95 --label Newsletter --unit Brasil --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "delivery", nargs="?", metavar="DELIVERY", help="whose content is kept: DM95, or 95"
        )
        which.add_argument("--delete", metavar="TEMPLATE", help="the number of a template that goes")
        parser.add_argument("--label", default="", help="what it is called (default: as the delivery)")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        if options["delete"]:
            return self._delete(options["delete"], by=by)
        delivery = self.find(options["delivery"], by=by)
        unit = self.unit(options["unit"], by=by) if options["unit"] else delivery.unit
        label = options["label"] or delivery.label
        kept = content_templates.keep(delivery=delivery, unit=unit, label=label, by=by, at=clock.now())
        self.say(f"{kept.pk}  “{kept}” is a template of “{kept.unit}”.")
        return {"template": kept.pk, "label": kept.label, "unit": kept.unit.label}

    def _delete(self, text: str, *, by: User) -> Any:
        found = content_templates.seen_by(by).filter(pk=numbers.key(text)).first()
        if found is None:
            raise NoSuchTemplate(template=text[:100])
        key = found.pk
        content_templates.delete(template=found, by=by)
        self.say(f"“{found.label}” is deleted.")
        return {"template": key, "deleted": True}
