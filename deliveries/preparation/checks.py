"""What a preparation finds, in words: an error ends it, a warning goes to whoever decides."""

import json
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext_noop as n_

from campaign.lib import clock, leases
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding
from deliveries.content.message.render import RenderError, awkward_values
from deliveries.lifecycle import attachments
from deliveries.models import Delivery, Preparation, ScheduleKind
from deliveries.preparation.progress import log, progress
from deliveries.rendering import compile_version, content_fields, renderer
from deliveries.routing import sender_checks
from deliveries.schedule import capacity, moments, planning
from deliveries.schedule.moments import Group

SAMPLES = 20


def compiled(preparation: Preparation) -> tuple[Compiled | None, list[Finding]]:
    if preparation.content is None:
        return None, [
            Finding("error", "empty_content", n_("The delivery has no content yet."), "content", None)
        ]
    compiled, findings = compile_version(preparation.delivery, preparation.content)
    progress(preparation, 5)
    log(preparation, n_("Content compiled: %(findings)s findings"), findings=len(findings))
    return compiled, findings


def of_schedule(delivery: Delivery, at: datetime) -> list[Finding]:
    if delivery.schedule_kind == ScheduleKind.UNSET:
        message = n_("No schedule is chosen: choose “at once” or a date.")
        return [Finding("error", "no_schedule", message, "schedule", None)]
    if _has_passed(delivery, at) and not delivery.execution_of_id:
        return [Finding("error", "date_passed", n_("The date of the schedule has passed."), "schedule", None)]
    if delivery.audience is None and delivery.remainder_of_id is None:
        return [Finding("error", "no_audience", n_("No audience is chosen."), "audience", None)]
    return []


def _has_passed(delivery: Delivery, at: datetime) -> bool:
    """Whether its date has passed; a local hour has passed once it is over in every zone on Earth."""
    if delivery.local_date is not None and delivery.local_hour is not None:
        return moments.is_over(delivery.local_date, delivery.local_hour, at)
    return delivery.contact_date is not None and delivery.contact_date < at


def of_waves(delivery: Delivery, to_deliver: int) -> list[Finding]:
    if delivery.schedule_kind != ScheduleKind.WAVES:
        return []
    number = moments.number_of_waves(delivery.wave_by, delivery.wave_value or 1, to_deliver)
    if number <= moments.MOST_WAVES:
        return []
    text = n_("%(number)s waves are too many: choose fewer or larger ones, %(most)s at most.")
    slots = {"number": number, "most": moments.MOST_WAVES}
    return [Finding("error", "too_many_waves", text, "schedule", None, slots)]


def of_limits(
    delivery: Delivery, groups: list[Group], to_deliver: int, domains: dict[str, int]
) -> list[Finding]:
    """Warn of limits by which not all of it leaves in time. No error: limits may change at any moment."""
    runs = planning.runs_of(delivery, groups, to_deliver)
    return capacity.of_plan(delivery, runs, domains, clock.now())


def of_sender(preparation: Preparation) -> list[Finding]:
    """Report where the route can't sign, before anybody is asked to approve: nothing leaves unsigned later.

    What DNS said of the sender is read, and asked for in the background where it is not known.
    """
    sender = preparation.content.from_address if preparation.content else ""
    sender_checks.have_asked(preparation.delivery, sender=sender)
    return sender_checks.findings(preparation.delivery, sender=sender)


def of_rendering(preparation: Preparation, compiled: Compiled) -> list[Finding]:
    """Render real and awkward recipients' messages with the code that sends, and report what fails."""
    delivery = preparation.delivery
    filler = renderer(delivery, compiled, attached=attachments.parts(delivery))
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT "values" FROM deliveries_staging'
            " WHERE preparation_id = %s AND token = %s AND cause IS NULL LIMIT %s",
            [*preparation.staging, SAMPLES],
        )
        real = [json.loads(row[0]) for row in cursor.fetchall()]
    used = [field for field in content_fields() if field.name in compiled.used_fields]
    moment = clock.now()
    awkward = [recipient.values for recipient in awkward_values(used)]
    for values in [*real, *awkward]:
        try:
            filler.message(seq=1, address="recipient@example.com", values=values, date=moment)
        except RenderError as error:
            return [Finding("error", "render", str(error), getattr(error, "part", "content"), None)]
    return []


def empty_target() -> Finding:
    return Finding(
        "error", "empty_target", n_("The audience is empty: nobody would be written to."), "audience", None
    )


def nobody_left(targeted: int) -> Finding:
    text = n_("All %(targeted)s profiles of the audience are excluded.")
    return Finding("error", "empty_target", text, "audience", None, {"targeted": targeted})


def deadly() -> Finding:
    text = n_(
        "The process that prepared this ended %(times)s times before it was done, most likely because of this content "
        "or this audience: make it smaller or simpler, and prepare again. If that does not help, tell an administrator."
    )
    return Finding("error", "worker_died", text, "", None, {"times": leases.MOST_DEATHS})


def broken(error: Exception) -> Finding:
    """Return the finding for an unexpected error: its kind and first line, as the rest may hold an address."""
    text = n_("Something is broken here, and trying again won't help: %(error)s")
    first_line = next(iter(str(error).splitlines()), "")
    return Finding(
        "error", "broken", text, "", None, {"error": f"{type(error).__name__}: {first_line}"[:300]}
    )
