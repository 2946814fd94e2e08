"""Confirm the send, in two steps."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from django.template.defaultfilters import filesizeformat

from accounts.models import User
from campaign.lib import clock, numbers
from campaign.lib.jobs import Queue
from deliveries.commands.base import USAGE, StepCommand, add_wait_options, full_seal, how_it_stands
from deliveries.confirmation import decisions as confirmation
from deliveries.confirmation.decisions import Question
from deliveries.content.findings import Finding
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.series import calendar
from deliveries.series.calendar import Upcoming


class Command(StepCommand):
    help = (
        "Confirm the send, or activate a recurring delivery. On a terminal it shows what you confirm and asks for OK; "
        "elsewhere --seal names what you looked at with show_delivery."
    )
    example = (
        "manage.py confirm_delivery DM95 --as carla\n"
        "  manage.py confirm_delivery DM95 --as carla --seal 3f9a71c0d2e4 --type 41209 --wait"
    )

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seal", help="the seal that show_delivery named, or its first 12 characters")
        parser.add_argument(
            "--type",
            type=_whole,
            dest="typed",
            metavar="N",
            help="the number of messages, which large sends ask for",
        )
        add_wait_options(parser, what="the send has ended", seconds=24 * 3600)

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        question = confirmation.question(delivery=delivery, by=by, at=clock.now())
        seal, typed = options["seal"], options["typed"]
        if seal:
            seal = full_seal(delivery, seal)
        elif self.asks:
            coming = calendar.of_delivery(delivery, at=clock.now())
            seal, typed = question.seal, self._ask(question, typed, coming)
        else:
            self.fail(
                "seal_missing",
                f"Say what you looked at: --seal SEAL. `show_delivery {delivery.name}` shows it with its counts.",
                exit_code=USAGE,
            )
        confirmation.confirm(delivery=delivery, seal=seal, by=by, at=clock.now(), typed=typed)
        self.warn_without_worker(Queue.SEND, Queue.TICK)
        return self._wait(delivery, options) if options["wait"] else self.answer(delivery)

    def _ask(self, question: Question, typed: int | None, coming: Upcoming | None) -> int | None:
        self.say("\n".join(in_words(question, coming=coming)))
        if question.must_type and typed is None:
            typed = numbers.whole(input(f"Type the number of messages ({question.to_deliver:,}): "))
        if input(f"Type OK to {'activate' if coming else 'send'}: ").strip().upper() != "OK":
            self.fail("not_confirmed", "Not confirmed; nothing has changed.")
        return typed

    def _wait(self, delivery: Delivery, options: dict[str, Any]) -> dict[str, Any]:
        delivery.refresh_from_db()
        self.wait(delivery, until=lambda d: d.status in groups.FINAL, seconds=options["timeout"])
        answer = self.answer(delivery)
        if delivery.status not in groups.COMPLETED:
            self.fail(delivery.status, f"{delivery.name} ended as “{how_it_stands(delivery)}”.")
        return answer


def _whole(typed: str) -> int:
    number = numbers.whole(typed)
    if number is None:
        raise ArgumentTypeError(f"“{typed}” is no whole number")
    return number


def in_words(question: Question, *, coming: Upcoming | None = None) -> list[str]:
    """All that the confirmation binds, line by line."""
    moment = (
        f"{question.grace} s after OK; until then unconfirm_delivery takes it back"
        if question.grace
        else "at once"
    )
    if question.leaves_at is not None:
        local = question.leaves_at.astimezone(ZoneInfo(question.zone))
        moment = f"{local:%Y-%m-%d %H:%M} {question.zone} ({question.leaves_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC)"
    if coming is not None:
        moment = coming.words
        asked = (
            "each run waits"
            if coming.series.request_confirmation
            else "a run inside of this leaves by itself"
        )
        more = [f"Confirmation  {asked}", f"Most        {coming.size_limit:,} recipients a run"]
        zone = ZoneInfo(coming.zone)
        more += [
            f"  run       {run.astimezone(zone):%a %Y-%m-%d %H:%M} {coming.zone}" for run in coming.moments
        ]
    else:
        more = []
    return [
        f"To deliver  {question.to_deliver:,} of {question.targeted:,} targeted",
        *(f"  excluded  {number:,}  {cause}" for _code, cause, number in question.causes if number),
        f"Sender      {question.sender}"
        + (f", signed as {question.signed_as}" if question.signed_as else ""),
        f"Subject     {question.subject}",
        *_attached(question),
        f"Leaves      {moment}",
        *more,
        *_plan(question),
        f"Prepared    {_minutes(question)} ago",
        *([f"New time    {question.only_change}"] if question.only_change else []),
        *(f"Warning     {Finding.from_dict(warning)}" for warning in question.warnings),
    ]


def _attached(question: Question) -> list[str]:
    """The files that go along, and what they cost."""
    cost = question.attachments
    if cost is None:
        return []
    size = f"{filesizeformat(cost.each)} in each message, {filesizeformat(cost.total)} in all"
    return [f"Attached    {', '.join(cost.names)}: {size}"]


def _plan(question: Question) -> list[str]:
    """First and last moment, in the sender's and in the recipients' zones, and what of them has passed."""
    plan = question.plan
    if plan is None:
        return []
    ends = [("first", plan.first), ("last", plan.last)]
    lines = [f"Plan        {plan.people:,} people at {len(plan.rows)} moments"]
    for word, row in ends:
        there = f" ({row.zones[0].local:%Y-%m-%d %H:%M} {row.zones[0].zone})" if row.zones else ""
        at = row.at.astimezone(ZoneInfo(question.zone))
        lines.append(f"  {word:<9} {at:%Y-%m-%d %H:%M} {question.zone}{there}, {row.people:,} people")
    if plan.passed:
        lines.append(f"  passed    for {plan.passed:,} people: {plan.choice_label}")
    if plan.soon:
        lines.append(f"  soon      for {plan.soon:,} people, within {plan.soon_minutes} minutes")
    return lines


def _minutes(question: Question) -> str:
    minutes = int(question.age.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
