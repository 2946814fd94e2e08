"""Decide what becomes of messages with unknown outcome."""

import sys
from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from campaign.lib.jobs import Queue
from deliveries.commands.base import USAGE, StepCommand
from deliveries.models import Delivery
from deliveries.operations import doubts
from deliveries.operations.doubts import Decision, DecisionReceipt

SAID = {
    Decision.HOLD: "held, with a note",
    Decision.SEND_AGAIN: "to be sent again: whoever got the first one gets a second",
    Decision.COUNT_AS_SENT: "counted as sent",
}

MEANINGS = {
    Decision.HOLD: "leave them unknown for now, with the reason",
    Decision.SEND_AGAIN: "they leave once more; who got one gets it twice",
    Decision.COUNT_AS_SENT: "they have arrived; nothing leaves",
}


class Command(StepCommand):
    help = (
        "Decide about messages whose outcome is unknown: hold them with a note, send them again (who got the first"
        " one gets it twice), or count them as sent. `list_doubts` names them."
    )
    example = (
        'manage.py resolve_doubts DM95 --count-as-sent --seq 17 --seq 18 --reason "they wrote back" --as carla\n'
        '  manage.py resolve_doubts DM95 --send-again --all --reason "the relay lost its queue" --as carla'
    )

    def add_step_options(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        for decision in Decision:
            what.add_argument(
                f"--{decision.value.replace('_', '-')}",
                action="store_const",
                const=decision,
                dest="decision",
                help=MEANINGS[decision],
            )
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "--seq", type=int, nargs="+", action="extend", metavar="N", help="the numbers of the messages"
        )
        which.add_argument("--all", action="store_true", help="all of the delivery that are in doubt")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; it is kept")
        parser.add_argument("--yes", action="store_true", help="don't ask at a terminal before sending again")

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        decision: Decision = options["decision"]
        if not options["reason"].strip():
            self.fail("reason_missing", "Say why: --reason TEXT.", exit_code=USAGE)
        seqs = None if options["all"] else options["seq"]
        if decision == Decision.SEND_AGAIN and self.asks and not options["yes"]:
            self._ask(delivery, by=by, seqs=seqs)
        receipt = doubts.decide(
            delivery=delivery, decision=decision, by=by, at=clock.now(), reason=options["reason"], seqs=seqs,
            progress=self._show_progress,
        )  # fmt: skip
        self._say(receipt)
        if decision == Decision.SEND_AGAIN and receipt.done:
            self.warn_without_worker(Queue.SEND, Queue.TICK)
        return self.answer(
            delivery, decision=decision.value, done=receipt.done, settled_before=receipt.settled_before,
            opted_out=receipt.opted_out, left=doubts.number(delivery),
        )  # fmt: skip

    def _ask(self, delivery: Delivery, *, by: User, seqs: list[int] | None) -> None:
        question = doubts.question(
            delivery=delivery, decision=Decision.SEND_AGAIN, by=by, at=clock.now(), seqs=seqs
        )
        self.say(f"{question.number:,} of {question.of:,} messages: whoever got the first one gets a second.")
        if input("Type OK to send them again: ").strip().upper() != "OK":
            self.fail("not_confirmed", "Not confirmed; nothing has changed.")

    def _show_progress(self, done: int, of: int) -> None:
        if not self.as_json and sys.stderr.isatty():
            self.stderr.write(f"\r\033[K{done:,} of {of:,}", ending="\n" if done >= of else "")

    def _say(self, receipt: DecisionReceipt) -> None:
        self.say(f"{receipt.done:,} {SAID[receipt.decision]}.")
        if receipt.settled_before:
            self.say(f"{receipt.settled_before:,} had been settled before.")
        if receipt.opted_out:
            self.say(f"{receipt.opted_out:,} stay held: they opted out or were quarantined since.")
