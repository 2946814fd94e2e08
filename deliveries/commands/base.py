"""What the commands on deliveries have in common: naming one, waiting for it, saying how it stands."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from accounts import access, audit
from accounts.access import NotAllowed
from accounts.commands import PersonCommand
from accounts.models import User
from accounts.rights import Right
from campaign.lib import clock, numbers
from campaign.lib.helped import seconds as seconds_typed
from campaign.lib.jobs import Queue, workers_alive
from deliveries.ledger.tallies import tallies
from deliveries.lifecycle import groups
from deliveries.models import Cause, Delivery
from deliveries.schedule import capacity

SECONDS_BETWEEN_LOOKS = 0.5
SHORTEST_SEAL = 12
USAGE = 2
Wording = Callable[[Delivery], str]
_wordings: list[Wording] = []


def worded_by(wording: Wording) -> None:
    """Set the function that says how a delivery stands: it belongs to a room above this one."""
    _wordings[:] = [wording]


def how_it_stands(delivery: Delivery) -> str:
    """Its state of this moment in words, as pages and desk have it."""
    (wording,) = _wordings
    return wording(delivery)


class DeliveriesCommand(PersonCommand):
    """A command about deliveries."""

    def find(self, text: str, *, by: User | None) -> Delivery:
        """Return the delivery that DM95 or 95 names, if the person may see it.

        Where they may not see it, they are told that there is none, and the attempt is recorded in the audit trail.
        Raise CommandError where there is none.
        """
        rows = Delivery.objects.select_related("unit", "audience", "content", "preparation", "created_by")
        pk = numbers.key(text.upper().removeprefix("DM"))
        found = rows.filter(pk=pk).first() if pk is not None else None
        if found is not None and by is not None and not _sees(by, found):
            audit.record_refusal(NotAllowed(by=by, right=Right.VIEW, target=found), by=by)
            found = None
        if found is None:
            self.fail("no_such_delivery", f"There is no delivery “{text}”.", exit_code=USAGE)
        return found

    def answer(self, delivery: Delivery, **more: Any) -> dict[str, Any]:
        """How the delivery stands now: a line for people, and what `--json` prints."""
        delivery.refresh_from_db()
        self.say(f"{delivery.name} “{delivery.label}”: {how_it_stands(delivery)}")
        return {**brief(delivery), **more}

    @property
    def asks(self) -> bool:
        """Whether somebody sits at a terminal and can be asked."""
        return not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()

    def wait(self, delivery: Delivery, *, until: Callable[[Delivery], bool], seconds: float) -> None:
        """Look again and again until `until` holds of the delivery; on a terminal its progress is shown.

        Raise CommandError when it doesn't hold after so many `seconds`, and SystemExit (130) when Ctrl-C ends the
        wait. The delivery goes on by itself.
        """
        shows = not self.as_json and sys.stderr.isatty()
        end = time.monotonic() + seconds
        try:
            while not until(delivery):
                if time.monotonic() > end:
                    self.fail("timeout", f"Still “{how_it_stands(delivery)}” after {seconds:.0f} seconds.")
                if shows:
                    self.stderr.write(f"\r\033[K{progress(delivery)}", ending="")
                    self.stderr.flush()
                self.let_time_pass()
                delivery.refresh_from_db()
        except KeyboardInterrupt:
            self.stderr.write(f"\nNo longer waiting; {delivery.name} goes on by itself.")
            raise SystemExit(130) from None
        finally:
            if shows:
                self.stderr.write("\r\033[K", ending="")

    def let_time_pass(self) -> None:
        """Wait until it is time to look again."""
        time.sleep(SECONDS_BETWEEN_LOOKS)

    def warn_without_worker(self, *queues: Queue) -> None:
        """Warn where no worker listens: then nothing happens by itself."""
        for queue in queues:
            if not workers_alive(queue):
                self.stderr.write(
                    f"No worker listens to the queue “{queue}”: start one, or nothing will happen."
                )


class StepCommand(DeliveriesCommand):
    """A command that takes one step on one delivery. A subclass writes `step`."""

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", help="its ID: DM95, or 95")
        self.add_step_options(parser)

    def add_step_options(self, parser: ArgumentParser) -> None:
        """The step's own arguments."""

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        return self.step(delivery=self.find(options["delivery"], by=by), by=by, options=options)

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        """Call the verb; return what `--json` prints.

        Each command says how; without that, NotImplementedError is raised.
        """
        raise NotImplementedError


def _sees(user: User, delivery: Delivery) -> bool:
    return access.visible(user, Delivery.objects.filter(pk=delivery.pk)).exists()


def add_wait_options(parser: ArgumentParser, *, what: str, seconds: int) -> None:
    """Let a command wait until `what` is so, for `seconds` at most unless another time is typed."""
    parser.add_argument("--wait", action="store_true", help=f"come back when {what}")
    add_timeout_option(parser, seconds=seconds)


def add_timeout_option(parser: ArgumentParser, *, seconds: int) -> None:
    """Let a command's longest wait be typed, in seconds."""
    parser.add_argument(
        "--timeout",
        type=seconds_typed,
        default=seconds,
        metavar="SECONDS",
        help=f"the longest wait; after it the exit code is 1 (default: {seconds})",
    )


def full_seal(delivery: Delivery, given: str) -> str:
    """Return the whole seal for one that a person typed; its first 12 characters are enough to name it."""
    given = given.strip().lower()
    is_short_form = len(given) >= SHORTEST_SEAL and delivery.seal.startswith(given)
    return delivery.seal if is_short_form else given


def brief(delivery: Delivery) -> dict[str, Any]:
    """Return what every command answers about a delivery."""
    preparation, found = delivery.preparation, capacity.current(delivery, at=clock.now())
    return {
        "delivery": delivery.name,
        "id": delivery.pk,
        "label": delivery.label,
        "unit": delivery.unit.label,
        "status": delivery.status,
        "preparation": preparation
        and {
            "number": preparation.number,
            "status": preparation.status,
            "seal": preparation.seal,
            "targeted": preparation.targeted,
            "excluded": preparation.excluded,
            "causes": {
                cause: preparation.causes[cause] for cause in Cause.values if cause in preparation.causes
            },
            "to_deliver": preparation.to_deliver,
            "errors": [str(finding) for finding in found if finding.is_error],
            "warnings": [str(finding) for finding in found if finding.is_warning],
            "information": [str(finding) for finding in found if finding.is_information],
        },
    }


def progress(delivery: Delivery) -> str:
    """Return one line on how far the delivery is."""
    words, preparation = how_it_stands(delivery), delivery.preparation
    if delivery.status in groups.BEING_PREPARED and preparation is not None:
        preparation.refresh_from_db(fields=["percent"])
        return f"{words} {preparation.percent} %"
    if delivery.status not in groups.UNDER_WAY:
        return words
    counts = tallies(delivery)
    done = counts["to_deliver"] - counts["prepared"] - counts["retrying"]
    return f"{words}, {done:,} of {counts['to_deliver']:,}"
