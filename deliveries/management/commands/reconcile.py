"""Compare the independent counts of what was sealed, what the rows say and what the chunks say."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.models import User
from deliveries.commands.base import USAGE, DeliveriesCommand
from deliveries.models import Delivery
from deliveries.operations import reconciliation
from deliveries.operations.reconciliation import Books, Off
from deliveries.overview import state


class Command(DeliveriesCommand):
    help = (
        "Count a delivery's books anew and compare them: the sealed number, the rows by status, the chunks' "
        "tallies, exclusions, digests, later tries, unknown outcomes. Reads only; a send may be under way. "
        "Without DELIVERY: all that were ever released."
    )
    example = "manage.py reconcile DM95\n  manage.py reconcile --json"
    exit_codes = "0 balanced, 1 something is off, 2 wrong usage"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "delivery", metavar="DELIVERY", nargs="?", help="its ID: DM95, or 95 (default: all released)"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        """Compare the counts of each delivery that was released; return them as `--json` prints them.

        Raise CommandError where those of one don't balance.
        """
        books = []
        for pk in self._chosen(options["delivery"], by):
            books.append(reconciliation.reconcile(pk))
            for line in _lines(books[-1]):
                self.say(line)
        off = [one for one in books if not one.balanced]
        answer = {"balanced": not off, "deliveries": [_answer(one) for one in books]}
        if off:
            if self.as_json:
                self._print_json(answer)
            names = ", ".join(one.delivery.name for one in off[:20])
            raise CommandError(
                f"The books of {len(off)} of {len(books)} don't balance: {names}", returncode=1
            )
        if not books:
            self.say("No delivery was ever released.")
        return answer

    def _chosen(self, text: str | None, by: User | None) -> list[int]:
        if text is None:
            released = reconciliation.released()
            if by is None:
                return released
            return list(
                Delivery.objects.visible_to(by)
                .filter(pk__in=released)
                .order_by("pk")
                .values_list("pk", flat=True)
            )
        delivery = self.find(text, by=by)
        if not reconciliation.has_books(delivery):
            self.fail(
                "not_prepared",
                f"{delivery.name} has no sealed preparation: there is nothing to count.",
                exit_code=USAGE,
            )
        return [delivery.pk]


def _lines(books: Books) -> list[str]:
    delivery, counts = books.delivery, books.counts
    verdict = "balanced" if books.balanced else "OFF"
    parts = ", ".join(f"{name} {number:,}" for name, number in counts.items() if number)
    lines = [f"{delivery.name} “{delivery.label}”, {state.words(delivery)}: {verdict} ({parts})"]
    if (gone := books.gone) is not None:
        lines.append(
            f"  rows of recipients are gone since {gone.at:%Y-%m-%d}, by {gone.days} days of “{gone.unit}”"
        )
    return lines + [f"  {one.label}: {one.found} instead of {one.expected}{_where(one)}" for one in books.off]


def _where(off: Off) -> str:
    text = "".join(
        f"; {name} {', '.join(map(str, numbers))}"
        for name, numbers in (("rows", off.rows), ("chunks", off.chunks))
        if numbers
    )
    return f"{text} and {off.more:,} more" if off.more else text


def _answer(books: Books) -> dict[str, Any]:
    return {
        "delivery": books.delivery.name,
        "id": books.delivery.pk,
        "status": books.delivery.status,
        "balanced": books.balanced,
        "counts": books.counts,
        "rows_gone_since": books.gone and books.gone.at,
        "off": [
            {
                "check": one.check,
                "label": str(one.label),
                "found": one.found,
                "expected": one.expected,
                "rows": one.rows,
                "chunks": one.chunks,
                "more": one.more,
            }
            for one in books.off
        ],
    }
