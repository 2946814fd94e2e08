"""Show one delivery: settings, status, counts, what it waits for."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts import access
from accounts.models import User
from accounts.rights import Right
from campaign.lib import clock
from deliveries import diagnosis, doubts, remainders
from deliveries import seal as sealing
from deliveries.counts import tallies
from deliveries.management.base import DeliveriesCommand, brief
from deliveries.models import Cause, Delivery, ScheduleKind, Status
from reporting import kpis, statistics

WAITS_FOR = {Status.AWAITING_APPROVAL: Right.APPROVE, Status.READY: Right.START}
CHANGES_SHOWN = 10


class Command(DeliveriesCommand):
    help = "Show one delivery: settings, status, counts, the seal to confirm with, and whom it waits for."
    example = "manage.py show_delivery DM95 --json"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", help="its ID: DM95, or 95")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        delivery = self.find(options["delivery"], by=by)
        shown = everything(delivery)
        for line in _lines(shown):
            self.say(line)
        return shown


def everything(delivery: Delivery) -> dict[str, Any]:
    """All that the dashboard shows, as data."""
    content, right = delivery.content, WAITS_FOR.get(Status(delivery.status))
    return {
        **brief(delivery),
        "status_label": str(Status(delivery.status).label),
        "description": delivery.description,
        "audience": delivery.audience and delivery.audience.label,
        "remainder_of": f"DM{delivery.remainder_of_id}" if delivery.remainder_of_id else None,
        "remainder": (made := remainders.of(delivery)) and made.name,
        "created_by": delivery.created_by and delivery.created_by.username,
        "created_at": delivery.created_at,
        "schedule": {
            "kind": delivery.schedule_kind,
            "at": delivery.contact_date,
            "local": _local(delivery.contact_date, delivery.time_zone),
            "zone": delivery.time_zone,
        },
        "validity_hours": delivery.validity_hours,
        "approval_policy": delivery.policy,
        "tracking": delivery.tracking,
        "content": content
        and {
            "version": content.number,
            "subject": content.subject,
            "preheader": content.preheader,
            "from_name": content.from_name,
            "from_address": content.from_address,
            "reply_to": content.reply_to,
        },
        "changed_since_prepared": sealing.changes(delivery),
        "waits_for": [user.username for user in access.holders(right, delivery)] if right else [],
        "diagnoses": [one.as_dict() for one in diagnosis.of_delivery(delivery, at=clock.now())],
        "started_at": delivery.started_at,
        "ended_at": delivery.ended_at,
        "messages": tallies(delivery),  # by the status of the message, so “sent” here leaves out what bounced
        "sent_again": doubts.sent_again(delivery),
        "kpis": {
            kpi.code: {"number": kpi.number, **({"percent": kpi.rate} if kpi.is_rate else {})}
            for kpi in kpis.kpis(statistics.counts(delivery))
        },
        "history": [
            {
                "at": change.at,
                "step": change.step,
                "from": change.old,
                "to": change.new,
                "by": change.by and change.by.username,
                "comment": change.comment,
            }
            for change in delivery.history.select_related("by")[:CHANGES_SHOWN]
        ],
    }


def _local(at: datetime | None, zone: str) -> str | None:
    return at and at.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def _lines(shown: dict[str, Any]) -> Iterator[str]:
    yield f"{shown['delivery']} “{shown['label']}”: {shown['status_label']}"
    yield f"  Unit        {shown['unit']}"
    yield f"  Audience    {shown['audience'] or '–'}"
    for name in ("remainder_of", "remainder"):
        if shown[name]:
            yield f"  {name.capitalize().replace('_', ' '):<12}{shown[name]}"
    yield f"  When        {_when(shown['schedule'])}"
    yield f"  Approval    {shown['approval_policy']}"
    if content := shown["content"]:
        yield f"  Sender      {content['from_name']} <{content['from_address']}>"
        yield f"  Subject     {content['subject']} (version {content['version']})"
    if shown["preparation"]:
        yield from _preparation_lines(shown["preparation"])
    if shown["changed_since_prepared"]:
        yield f"  Changed since prepared: {sealing.in_words(shown['changed_since_prepared'])}"
    for one in shown["diagnoses"]:
        yield f"  {'!' if one['fault'] else '·'} {one['message']}"
    if shown["started_at"]:
        yield from _deployment_lines(shown)
    for change in shown["history"]:
        who = change["by"] or "–"
        note = f"  {change['comment']}" if change["comment"] else ""
        yield f"  {change['at'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  {change['from']} → {change['to']}  {who}{note}"


def _when(schedule: dict[str, Any]) -> str:
    if schedule["kind"] == ScheduleKind.AT_DATE:
        return f"{schedule['local']} ({schedule['zone']})"
    return str(ScheduleKind(schedule["kind"]).label)


def _preparation_lines(preparation: dict[str, Any]) -> Iterator[str]:
    yield f"  Preparation {preparation['number']}, {preparation['status']}"
    yield f"    targeted {preparation['targeted']:,}, to deliver {preparation['to_deliver']:,}"
    for cause, number in preparation["causes"].items():
        if number:
            yield f"    excluded {number:,}: {Cause(cause).label}"
    for level in ("errors", "warnings"):
        for message in preparation[level]:
            yield f"    {level[:-1]}: {message}"
    if preparation["seal"]:
        yield f"  Seal        {preparation['seal']}"


def _deployment_lines(shown: dict[str, Any]) -> Iterator[str]:
    for definition in kpis.DEFINITIONS:
        kpi = shown["kpis"][definition.code]
        percent = f"{kpi['percent']:>6} %" if kpi.get("percent") is not None else ""
        yield f"  {definition.label!s:<20} {kpi['number']:>10,} {percent}".rstrip()
    for name, label in kpis.BESIDE.items():
        if shown["messages"][name]:
            yield f"  {label!s:<20} {shown['messages'][name]:>10,}"
    if (again := shown["sent_again"])["number"]:
        yield (
            f"  Sent again, the outcome of the first unknown: {again['number']:,}, of which {again['failed']:,} failed"
        )
