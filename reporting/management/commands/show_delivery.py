"""Show one delivery: settings, status, counts, what it waits for."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts import access
from accounts.models import User
from campaign.lib import clock, reader_zone
from deliveries.commands.base import USAGE, DeliveriesCommand, brief
from deliveries.ledger.tallies import tallies
from deliveries.lifecycle import seal as sealing
from deliveries.models import Cause, Delivery, Reason, ScheduleKind
from deliveries.operations import doubts, remainders
from deliveries.overview import diagnosis, reasons, state
from deliveries.schedule import plan_report
from deliveries.sending.rate import Rate
from deliveries.series import calendar
from feedback.agents import AgentKind
from feedback.models import HitKind
from reporting.counting import failures, statistics
from reporting.figures import kpis
from reporting.reactions import reactions
from reporting.reports import summary

CHANGES_SHOWN = 10
_WORDS = dict(Reason.choices)
_KINDS, _CLASSES = dict(HitKind.choices), dict(AgentKind.choices)


class Command(DeliveriesCommand):
    help = "Show one delivery: settings, status, counts, the seal to confirm with, and whom it waits for."
    example = "manage.py show_delivery DM95 --json"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", help="its ID: DM95, or 95")
        parser.add_argument(
            "--failures", action="store_true", help="also how many failed by reason and by provider (MX host)"
        )
        parser.add_argument(
            "--clicks", action="store_true", help="also the clicks on each link, and by how many people"
        )
        parser.add_argument(
            "--opens-by-hour",
            action="store_true",
            help="also opens and clicks over time and by hour of the day",
        )
        parser.add_argument(
            "--summary", action="store_true",
            help="also throughput, opens and clicks over time, the links that were followed most, and failures",
        )  # fmt: skip
        parser.add_argument(
            "--zone",
            metavar="NAME",
            help="whose hours are meant: America/Sao_Paulo; if it is not said, yours, else the delivery's",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        delivery = self.find(options["delivery"], by=by)
        shown = everything(delivery)
        zone = self._zone(delivery, options["zone"])
        if options["summary"]:
            shown |= summary.summary(delivery, user=by, at=clock.now(), zone=zone).as_dict()
        if options["failures"]:
            shown["failures"] = failures.failures(delivery, user=by).as_dict()
        if options["clicks"]:
            shown["clicks"] = [link.as_dict() for link in reactions.links(delivery)]
        if options["opens_by_hour"]:
            shown["times"] = reactions.times(delivery, zone=zone).as_dict()
        for line in _lines(shown):
            self.say(line)
        return shown

    def _zone(self, delivery: Delivery, name: str | None) -> ZoneInfo:
        if name is None:
            return reactions.zone_of(delivery)
        if (zone := reader_zone.named(name)) is None:
            self.fail("no_such_zone", f"There is no time zone “{name}”.", exit_code=USAGE)
        return zone


def _series(delivery: Delivery) -> dict[str, Any] | None:
    coming = calendar.of_delivery(delivery, at=clock.now())
    if coming is None:
        return None
    return {
        "words": coming.words,
        **coming.series.sealed(),
        "size_limit": coming.size_limit,
        "next": [_local(moment, coming.zone) for moment in coming.moments],
        "runs": [
            {
                "moment": _local(row.moment, coming.zone),
                "delivery": row.execution and row.execution.name,
                "status": row.execution and row.execution.status,
                "left_out": row.skipped or None,
                "outside": row.outside,
            }
            for row in calendar.runs(delivery)[:CHANGES_SHOWN]
        ],
    }


def everything(delivery: Delivery) -> dict[str, Any]:
    """All that the dashboard shows, as data."""
    at = clock.now()
    state.annotate([delivery], at=at)
    standing = state.of(delivery)
    right = reasons.awaited(delivery)
    counts = statistics.counts(delivery)
    return {
        **brief(delivery),
        "status_label": str(standing.words),
        **state.as_dict(delivery),
        "description": delivery.description,
        "audience": delivery.audience and delivery.audience.label,
        "remainder_of": f"DM{delivery.remainder_of_id}" if delivery.remainder_of_id else None,
        "remainder": (made := remainders.of(delivery)) and made.name,
        "created_by": delivery.created_by and delivery.created_by.username,
        "created_at": delivery.created_at,
        "series": _series(delivery),
        "run_of": f"DM{delivery.execution_of_id}" if delivery.execution_of_id else None,
        "expires_at": delivery.expires_at,
        "schedule": {
            "kind": delivery.schedule_kind,
            "at": delivery.contact_date,
            "local": _local(delivery.contact_date, delivery.time_zone),
            "zone": delivery.time_zone,
            "words": str(plan_report.in_words(delivery)),
        },
        "plan": standing.plan and standing.plan.as_dict(),
        "validity_hours": delivery.validity_hours,
        "limit_per_hour": delivery.limit_per_hour,
        "pace": _pace(standing.pace),
        "approval_policy": delivery.policy,
        "tracking": delivery.tracking,
        "service": delivery.service and delivery.service.label,
        "content": _content(delivery),
        "changed_since_prepared": sealing.changes(delivery),
        "waits_for": [user.username for user in access.holders(right, delivery)] if right else [],
        "diagnoses": [one.as_dict() for one in diagnosis.of_delivery(delivery, at=at)],
        "started_at": delivery.started_at,
        "ended_at": delivery.ended_at,
        "messages": tallies(delivery),  # by the status of the message, so “sent” here leaves out what bounced
        "sent_again": doubts.sent_again(delivery),
        "kpis": {kpi.code: kpi.as_dict() for kpi in kpis.kpis(counts)},
        "figures": kpis.figures(counts),
        "readers": {
            row.kind: {code: {"hits": hits, "messages": number} for code, _label, hits, number in row.cells}
            for row in statistics.by_class(delivery.pk)
        },
        "history": _changes(delivery),
    }


def _content(delivery: Delivery) -> dict[str, Any] | None:
    content = delivery.content
    return content and {
        "version": content.number,
        "subject": content.subject,
        "preheader": content.preheader,
        "from_name": content.from_name,
        "from_address": content.from_address,
        "reply_to": content.reply_to,
    }


def _changes(delivery: Delivery) -> list[dict[str, Any]]:
    return [
        {
            "at": change.at,
            "step": change.step,
            "from": change.old,
            "to": change.new,
            "by": change.by and change.by.username,
            "comment": change.comment,
        }
        for change in delivery.history.select_related("by")[:CHANGES_SHOWN]
    ]


def _pace(found: Rate | None) -> dict[str, Any] | None:
    """Messages an hour, and seconds; None unless it is being sent."""
    return found and {
        "set": found.set_rate,
        "achieved": found.achieved,
        "factor": found.factor,
        "limited_by": found.limited_by,
        "seconds_left": round(found.left.total_seconds()) if found.left is not None else None,
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
    if shown["series"]:
        yield from _series_lines(shown["series"])
    if shown["run_of"]:
        yield f"  Run of      {shown['run_of']}"
    yield f"  Approval    {shown['approval_policy']}"
    if shown["limit_per_hour"]:
        yield f"  At most     {shown['limit_per_hour']:,} messages an hour"
    if content := shown["content"]:
        yield f"  Sender      {content['from_name']} <{content['from_address']}>"
        yield f"  Subject     {content['subject']} (version {content['version']})"
    if shown["preparation"]:
        yield from _preparation_lines(shown["preparation"])
    if shown["changed_since_prepared"]:
        yield f"  Changed since prepared: {sealing.in_words(shown['changed_since_prepared'])}"
    for one in shown["diagnoses"]:
        yield f"  {'!' if one['fault'] else '·'} {one['message']}"
    if shown["plan"]:
        yield from _plan_lines(shown["plan"], shown["schedule"]["zone"])
    if shown["pace"]:
        yield from _pace_lines(shown["pace"])
    if shown["started_at"]:
        yield from _deployment_lines(shown)
    if "failures" in shown:
        yield from _failure_lines(shown["failures"])
    if "clicks" in shown:
        yield from _click_lines(shown["clicks"])
    if "throughput" in shown:
        yield from _throughput_lines(shown["throughput"])
    if shown.get("times"):
        yield from _time_lines(shown["times"])
    for change in shown["history"]:
        who = change["by"] or "–"
        note = f"  {change['comment']}" if change["comment"] else ""
        yield f"  {change['at'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  {change['from']} → {change['to']}  {who}{note}"


def _when(schedule: dict[str, Any]) -> str:
    if schedule["kind"] == ScheduleKind.AT_DATE:
        return f"{schedule['local']} ({schedule['zone']})"
    return schedule["words"]


def _series_lines(series: dict[str, Any]) -> Iterator[str]:
    yield f"  Recurs      {series['words']}"
    asked = "for each run" if series["request_confirmation"] else "no: inside of what was activated it leaves"
    yield f"  Request confirmation before sending: {asked}"
    if series["size_limit"]:
        yield f"  Most        {series['size_limit']:,} recipients a run"
    for moment in series["next"]:
        yield f"    next      {moment}"
    for run in series["runs"]:
        why = run["left_out"] or ", ".join(run["outside"])
        yield f"    run       {run['moment']}  {run['delivery'] or '–'}  {run['status'] or ''}  {why}".rstrip()


def _preparation_lines(preparation: dict[str, Any]) -> Iterator[str]:
    yield f"  Preparation {preparation['number']}, {preparation['status']}"
    yield f"    targeted {preparation['targeted']:,}, to deliver {preparation['to_deliver']:,}"
    for cause, number in preparation["causes"].items():
        if number:
            yield f"    excluded {number:,}: {Cause(cause).label}"
    for level, word in (("errors", "error"), ("warnings", "warning"), ("information", "information")):
        for message in preparation[level]:
            yield f"    {word}: {message}"
    if preparation["seal"]:
        yield f"  Seal        {preparation['seal']}"


def _plan_lines(plan: dict[str, Any], zone: str) -> Iterator[str]:
    yield f"  Plan        {plan['people']:,} people at {plan['moments']} moments, in {zone}"
    for row in plan["rows"]:
        late = (
            "" if row["late_seconds"] is None else f", first left {row['late_seconds']:.1f} s after its time"
        )
        at = row["at"].astimezone(ZoneInfo(zone))
        yield f"    {at:%Y-%m-%d %H:%M}  {row['people']:>10,}  {row['state']}{late}"
        for line in row["zones"]:
            yield f"      {line['local'][:16].replace('T', ' ')} {line['zone']}: {line['people']:,}"
    if plan["passed"]:
        yield f"    the hour has passed for {plan['passed']:,} people: {plan['past_choice']}"


def _pace_lines(found: dict[str, Any]) -> Iterator[str]:
    for name, label in (("set", "Set rate"), ("achieved", "Achieved")):
        if found[name] is not None:
            yield f"  {label:<12}{found[name]:,} messages an hour"
    yield f"  Limited by  {found['limited_by']}"
    if found["seconds_left"] is not None:
        yield f"  Left        about {timedelta(seconds=found['seconds_left'])}"


def _deployment_lines(shown: dict[str, Any]) -> Iterator[str]:
    for definition in kpis.DEFINITIONS:
        kpi = shown["kpis"][definition.code]
        percent = f"{kpi['percent']:>6} %" if kpi.get("percent") is not None else ""
        yield f"  {definition.label!s:<20} {kpi['number']:>10,} {percent}".rstrip()
    for name, label in kpis.BESIDE.items():
        if shown["messages"][name]:
            yield f"  {label!s:<20} {shown['messages'][name]:>10,}"
    for kind, classes in shown["readers"].items():
        told = ", ".join(f"{_CLASSES[code]} {of['hits']:,}" for code, of in classes.items())
        yield f"  {_KINDS[kind]!s:<20} {told}"
    if (again := shown["sent_again"])["number"]:
        yield (
            f"  Sent again, the outcome of the first unknown: {again['number']:,}, of which {again['failed']:,} failed"
        )


def _failure_lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"  Failed at a server   {found['number']:>9,}   while sending        later"
    for name in ("reason", "provider"):
        yield f"  By {name}"
        for line in found[f"by_{name}"]:
            label = _WORDS.get(line[name], line[name]) if name == "reason" else line[name]
            yield f"    {label!s:<30}{line['number']:>8,}   {line['while_sending']:>13,}   {line['later']:>10,}"


def _click_lines(links: list[dict[str, Any]]) -> Iterator[str]:
    yield f"  {'Clicks by link':<40}{'clicks':>12}{'people':>12}"
    for link in links:
        name = f"{link['number']}: {link['label'] or link['url'] or link['kind']}"
        yield f"    {name[:36]:<38}{link['clicks']:>12,}{link['people']:>12,}"


def _throughput_lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"  {'Throughput, ' + found['zone']:<40}{'delivered':>12}{'failed':>12}"
    for period in found["periods"]:
        yield f"    {_begins(period, found['zone']):<38}{period['delivered']:>12,}{period['failed']:>12,}"


def _begins(period: dict[str, Any], zone: str) -> str:
    return f"{period['begins'].astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}{'' if period['ends'] else ' and later'}"


def _time_lines(times: dict[str, Any]) -> Iterator[str]:
    yield f"  {'Over time, ' + times['zone']:<40}{'opens':>12}{'clicks':>12}"
    for period in times["periods"]:
        yield f"    {_begins(period, times['zone']):<38}{period['opens']:>12,}{period['clicks']:>12,}"
    yield "  By hour of the day"
    for hour in times["hours"]:
        yield f"    {hour['hour']:02}:00{'':<33}{hour['opens']:>12,}{hour['clicks']:>12,}"
