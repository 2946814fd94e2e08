"""Give addresses another chance that have been in quarantine for months."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from audiences.quarantine import reviews
from campaign.lib import clock


class Command(PersonCommand):
    help = (
        "Let addresses be used again whose last error is so many months ago. Without --yes it only says how many and "
        "which. Complaints, and what a person or a list holds, stay; whoever fails again is held again."
    )
    example = (
        "manage.py review_quarantine --months 12 --as diego\n"
        "manage.py review_quarantine --months 12 --yes --as diego"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--months", type=int, metavar="NUMBER", help="by default SINETE_QUARANTINE_REVIEW_MONTHS"
        )
        parser.add_argument("--yes", action="store_true", help="do it")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        months = reviews.usual_months() if options["months"] is None else options["months"]
        if options["yes"]:
            number = reviews.review(months=months, by=by, at=clock.now())
            self.say(f"{number:,} addresses may be used again.")
            return {"months": months, "reviewed": number}
        found = reviews.foresee(months=months, by=by, at=clock.now())
        for entry in found.first:
            self.say(f"{entry.address_key}  {entry.get_reason_display()}  {entry.error_text[:80]}")
        self.say(f"{found.number:,} addresses would be used again. Say --yes to do it.")
        return {
            "months": months,
            "would_be_reviewed": found.number,
            "first": [entry.address_key for entry in found.first],
        }
