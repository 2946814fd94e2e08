"""List who may send in a unit's name, and how receivers take it."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import User
from campaign.lib.helped import row_count
from deliveries.routing import sender_checks, senders
from deliveries.routing.sender_checks import Standing


class Command(UnitCommand):
    help = (
        "List the senders that hold in a unit, its own and those of the units above, with what the default route and "
        "DNS's stored answers say of each. With --ask, DNS is asked anew in the background, for administrators."
    )
    example = "manage.py list_senders Brasil --as diego"

    def add_unit_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--ask", action="store_true", help="have DNS asked anew about the unit's own senders"
        )
        parser.add_argument("--limit", type=row_count, default=200, help="at most so many (default: 200)")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        rows = senders.of_unit(unit)
        if options["ask"]:
            for sender in rows:
                if sender.unit_id == unit.pk:
                    sender_checks.ask_again(sender=sender, by=by)
        found = sender_checks.standings(rows[: max(1, options["limit"])])
        for standing in found:
            self.say(f"{standing.sender}  ({standing.sender.unit}): {standing.words}")
        if not found:
            self.say(f"“{unit}” has no senders.")
        return {"unit": unit.label, "senders": [_told(standing) for standing in found]}


def _told(standing: Standing) -> dict[str, Any]:
    sender = standing.sender
    return {
        "address": sender.address,
        "unit": sender.unit.label,
        "name": sender.name,
        "reply_to": sender.reply_to,
        "route": sender.route.label if sender.route else "",
        "dns_asked_at": standing.asked_at,
        "findings": [
            {"level": each.level, "code": each.code, "message": each.message} for each in standing.findings
        ],
    }
