"""Webhooks of a unit: made, listed, tried, given another secret, removed."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _t

from accounts.commands import PersonCommand
from accounts.models import User
from alerts.models import Webhook, WebhookMessage
from alerts.webhooks import calling, registry
from campaign.lib import clock, numbers
from campaign.lib.helped import row_count

ACTIONS = ("list", "create", "change", "test", "rotate", "log", "remove")
LISTED, LOGGED = 200, 50


class Command(PersonCommand):
    help = (
        "Keep the webhooks of a unit. create UNIT --label … --url …: the secret is printed once. list: those of the "
        "units that the person administers. change, rotate (its secret), test, log, remove: of one, by its number. "
        "test waits for the answer."
    )
    example = (
        "manage.py webhook create Brasil --label Chat --url https://chat.example.com/hook --condition failed"
        " --as diego\n"
        "manage.py webhook test 3 --as diego"
    )
    exit_codes = "0 done, 1 refused by a rule, or a test that was not taken; 2 wrong usage"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=ACTIONS, help="what to do")
        parser.add_argument(
            "which", nargs="?", default="", help="the unit for create, else the webhook's number"
        )
        parser.add_argument("--label", help="its name, for colleagues")
        parser.add_argument("--url", help="https://…")
        parser.add_argument(
            "--condition", dest="conditions", action="append", metavar="CONDITION",
            help="only of this; may be given again (default: all)",
        )  # fmt: skip
        parser.add_argument("--active", choices=["yes", "no"], help="change: whether it is told anything")
        parser.add_argument(
            "--limit", type=row_count, help=f"list, log: at most so many (default: {LISTED}, {LOGGED})"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        if options["action"] == "list":
            return self._list(by, options["limit"] or LISTED)
        if options["action"] == "create":
            return self._create(by, options)
        webhook = self._webhook(options["which"], by)
        return getattr(self, f"_{options['action']}")(webhook, by, options)

    def _webhook(self, which: str, by: User) -> Webhook:
        found = registry.administered_by(by).filter(pk=numbers.key(which) or 0).first()
        if found is None:
            self.fail("no_such_webhook", f"There is no webhook “{which}”.", exit_code=2)
        return found

    def _list(self, by: User, limit: int) -> Any:
        rows = list(registry.administered_by(by).order_by("unit__path", "pk")[:limit])
        for row in rows:
            self.say(
                f"{row.pk}  {row.label} · {row.unit} · {row.url}{'' if row.is_active else ' · not active'}"
            )
        if not rows:
            self.say("No webhook in the units that you administer.")
        return {"webhooks": [_as_dict(row) for row in rows]}

    def _create(self, by: User, options: dict[str, Any]) -> Any:
        if not options["which"] or not options["url"]:
            self.fail("usage", "Say of which unit, and --url.", exit_code=2)
        webhook, secret = registry.create(
            unit=self.unit(options["which"], by=by), label=options["label"] or options["url"][:128],
            url=options["url"], conditions=options["conditions"] or [], by=by, at=clock.now(),
        )  # fmt: skip
        self.say(f"Webhook {webhook.pk}. Its secret, which is not shown again: {secret}")
        return _as_dict(webhook) | {"secret": secret}

    def _change(self, webhook: Webhook, by: User, options: dict[str, Any]) -> Any:
        active = webhook.is_active if options["active"] is None else options["active"] == "yes"
        conditions = webhook.conditions if options["conditions"] is None else options["conditions"]
        changed = registry.change(
            webhook=webhook, label=options["label"] or webhook.label, url=options["url"] or webhook.url,
            conditions=conditions, is_active=active, by=by,
        )  # fmt: skip
        self.say(f"“{changed}” is saved.")
        return _as_dict(changed)

    def _test(self, webhook: Webhook, by: User, options: dict[str, Any]) -> Any:
        message = registry.test(webhook=webhook, by=by, at=clock.now())
        calling.call(message.pk)
        message.refresh_from_db()
        attempt = message.attempts.first()
        if message.taken_at is None and attempt is not None:
            self.fail("not_taken", _t(attempt.problem))
        self.say(f"Taken: {message.name}")
        return {"id": message.name, "status": attempt.status if attempt else None}

    def _rotate(self, webhook: Webhook, by: User, options: dict[str, Any]) -> Any:
        secret = registry.rotate(webhook=webhook, by=by, at=clock.now())
        self.say(f"Its new secret, which is not shown again; for a day the one before signs too: {secret}")
        return _as_dict(webhook) | {"secret": secret}

    def _log(self, webhook: Webhook, by: User, options: dict[str, Any]) -> Any:
        rows = WebhookMessage.objects.filter(webhook=webhook).prefetch_related("attempts")[
            : options["limit"] or LOGGED
        ]
        for row in rows:
            self.say(
                f"{timezone.localtime(row.at):%Y-%m-%d %H:%M %Z}  {row.event}  {row.name}: {_stands(row)}"
            )
            for attempt in row.attempts.all():
                said = _t(attempt.problem) if attempt.problem else ""
                self.say(f"    {timezone.localtime(attempt.at):%H:%M:%S}  {attempt.status or '–'}  {said}")
        if not rows:
            self.say(f"“{webhook}” was told nothing yet.")
        return {"messages": [_message(row) for row in rows]}

    def _remove(self, webhook: Webhook, by: User, options: dict[str, Any]) -> Any:
        answer = _as_dict(webhook)
        registry.remove(webhook=webhook, by=by)
        self.say(f"“{webhook}” is removed.")
        return answer


def _as_dict(webhook: Webhook) -> dict[str, Any]:
    return {
        "webhook": webhook.pk, "label": webhook.label, "unit": webhook.unit.label, "url": webhook.url,
        "conditions": list(webhook.conditions), "active": webhook.is_active,
    }  # fmt: skip


def _stands(row: WebhookMessage) -> str:
    if row.taken_at is not None:
        return "taken"
    return "given up" if row.due_at is None else f"next at {timezone.localtime(row.due_at):%Y-%m-%d %H:%M %Z}"


def _message(row: WebhookMessage) -> dict[str, Any]:
    attempts = [
        {"at": each.at, "status": each.status, "problem": each.problem, "milliseconds": each.milliseconds}
        for each in row.attempts.all()
    ]
    return {
        "id": row.name, "event": row.event, "at": row.at, "taken": row.taken_at, "next": row.due_at,
        "attempts": attempts,
    }  # fmt: skip
