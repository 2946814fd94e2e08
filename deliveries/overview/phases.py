"""The words, the sentence and the colour of every state of a delivery: the one place for them."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext

from campaign.lib import numbers, reader_zone
from deliveries.lifecycle import groups
from deliveries.models import Delivery, ScheduleKind, Status
from deliveries.overview.diagnosis import Diagnosis, fenced_by, halted_by, rest_of, wave_held
from deliveries.overview.diagnosis.causes import moment_of
from deliveries.overview.facts import Facts

GREY, BLUE, YELLOW, RED, GREEN = "grey", "blue", "yellow", "red", "green"
# The colours of Adobe Campaign Standard: grey before the send, blue while it runs, yellow where somebody is
# needed, red where it went wrong or was ended, green at the end.
TONES = {
    Status.DRAFT: GREY,
    Status.PREPARING: GREY,
    Status.PREPARATION_FAILED: RED,
    Status.AWAITING_APPROVAL: GREY,
    Status.READY: GREY,
    Status.ACTIVE: BLUE,
    Status.SUSPENDED: YELLOW,
    Status.SCHEDULED: BLUE,
    Status.SENDING: BLUE,
    Status.PAUSED: YELLOW,
    Status.FINISHED: GREEN,
    Status.STOPPED: RED,
    Status.FAILED: RED,
    Status.EXPIRED: RED,
}
# And a sign for each, so that no two statuses of one colour look alike.
ICONS = {
    Status.DRAFT: "pencil",
    Status.PREPARING: "refresh",
    Status.PREPARATION_FAILED: "alert",
    Status.AWAITING_APPROVAL: "eye",
    Status.READY: "check",
    Status.ACTIVE: "refresh",
    Status.SUSPENDED: "clock",
    Status.SCHEDULED: "calendar",
    Status.SENDING: "send",
    Status.PAUSED: "pause",
    Status.FINISHED: "check-circle",
    Status.STOPPED: "stop",
    Status.FAILED: "octagon",
    Status.EXPIRED: "history",
}
# Of states that are more than their status.
ICONS_OF_PHASES = {
    "held": "lock",
    "paused_and_held": "lock",
    "wave_held": "shield",
    "waits_for_relay": "mail",
    "between_moments": "clock",
    "retrying": "refresh",
    "queueing": "users",
    "starting": "play",
    "finished_unknown": "info",
}
SENTENCES: dict[Status, str | Promise] = {
    Status.DRAFT: _(
        "Nothing is prepared. Preparing counts the target, leaves out who must not be written to, and makes every "
        "message ready; nothing is sent."
    ),
    Status.PREPARING: _("The target is being counted and every message made ready; nothing is sent."),
    Status.PREPARATION_FAILED: _("The preparation failed. Correct what is named here, and prepare it again."),
    Status.AWAITING_APPROVAL: _("Prepared and sealed: waiting for approval."),
    Status.READY: _("Prepared and sealed: nothing leaves before somebody confirms it."),
    Status.ACTIVE: _("Active: each run is prepared ahead of its time."),
    Status.SUSPENDED: _("Paused: what comes meanwhile is left out."),
    Status.SCHEDULED: _("Confirmed: starting."),
    Status.SENDING: _("The messages are leaving; the figures move by themselves."),
    Status.PAUSED: _("Nothing more is handed over until somebody resumes the send."),
    Status.FINISHED: _("All messages were processed."),
    Status.STOPPED: _("It was stopped before all messages had left."),
    Status.FAILED: _("The send could not go on. The log says why."),
    Status.EXPIRED: _("It expired: nobody confirmed it in time."),
}


@dataclass(frozen=True)
class Phase:
    """How a delivery stands: a word for programs, the words and the sentence for people, and a colour."""

    code: str
    words: str | Promise
    sentence: str | Promise
    tone: str
    held_by: Diagnosis | None = None

    @property
    def icon(self) -> str:
        """The sign that stands before its words."""
        if self.code in ICONS_OF_PHASES:
            return ICONS_OF_PHASES[self.code]
        return ICONS.get(Status(self.code) if self.code in Status.values else Status.READY, "")


def phase_of(facts: Facts) -> Phase:
    """Return the phase: what holds it comes first, then what is special about its status, then the status itself."""
    status = Status(facts.delivery.status)
    if facts.fence is not None or facts.halts:
        return _held(facts)
    particular = _PARTICULARS.get(status)
    found = particular(facts) if particular else None
    if found is None and facts.delivery.is_recurring and status in groups.FINAL - {Status.EXPIRED}:
        ended = _("The series has ended: there are no more runs.")
        return Phase(status.value, status.label, ended, TONES[status])
    return found or Phase(status.value, status.label, SENTENCES[status], TONES[status])


def _held(facts: Facts) -> Phase:
    causes = [fenced_by(facts.fence)] if facts.fence is not None else []
    causes += [halted_by(halt, facts.delivery) for halt in facts.halts]
    sentence = " ".join(one.text for one in causes)
    if facts.delivery.status == Status.PAUSED:
        return Phase("paused_and_held", _("Paused and held"), sentence, YELLOW, causes[-1])
    return Phase("held", pgettext("one delivery", "Held"), sentence, YELLOW, causes[-1])


def _ready(facts: Facts) -> Phase | None:
    if not facts.delivery.is_recurring:
        return None
    sentence = _("What was counted here is today's target; each run counts anew.")
    return Phase("ready_for_activation", _("Ready: waiting for activation"), sentence, GREY)


def _scheduled(facts: Facts) -> Phase | None:
    if _leaves_with_ok(facts.delivery):
        return Phase("starting", _("Starting"), _leaving_later(facts), BLUE)
    return Phase(Status.SCHEDULED.value, Status.SCHEDULED.label, _leaving_later(facts), BLUE)


def _when_it_leaves(facts: Facts) -> str:
    """Return when it leaves, in a sentence. It is computed when it is printed: lists print none."""
    if facts.leaves_at is None:
        return str(SENTENCES[Status.SCHEDULED])
    moment = moment_of(facts.leaves_at, facts.delivery)
    said = _t("Confirmed. It leaves at %(moment)s.") % {"moment": moment}
    if facts.delivery.contact_date is not None:
        return said
    until = _t("Until then you can take the confirmation back.")
    return f"{said} {until}"


_leaving_later = lazy(_when_it_leaves, str)


def _leaves_with_ok(delivery: Delivery) -> bool:
    return delivery.contact_date is None and delivery.schedule_kind != ScheduleKind.LOCAL_HOUR


def _sending(facts: Facts) -> Phase | None:
    looks = (_wave_held, _between_moments, _relay_rests, _put_off)
    return next((found for look in looks if (found := look(facts)) is not None), None)


def _wave_held(facts: Facts) -> Phase | None:
    if facts.held_wave is None:
        return None
    words = _t("Wave %(number)s is held") % {"number": facts.held_wave.number}
    sentence = _("Bounces and errors passed the limit: somebody who may start it has to release the wave.")
    return Phase("wave_held", words, sentence, YELLOW, wave_held(facts.held_wave, facts.delivery))


def _between_moments(facts: Facts) -> Phase | None:
    if facts.ahead is None:
        return None
    delivery, n = facts.delivery, facts.ahead.to_go
    at = reader_zone.in_words(facts.ahead.at, delivery.zone)
    if delivery.schedule_kind == ScheduleKind.WAVES:
        sentence = ngettext(
            "Next wave at %(moment)s; %(n)s wave to go.", "Next wave at %(moment)s; %(n)s waves to go.", n
        )
    else:
        sentence = ngettext(
            "Next moment at %(moment)s; %(n)s moment to go.",
            "Next moment at %(moment)s; %(n)s moments to go.",
            n,
        )
    slots = {"moment": at, "n": n}
    return Phase("between_moments", _("Sending, between two moments"), sentence % slots, BLUE)


def _relay_rests(facts: Facts) -> Phase | None:
    if facts.resting is None:
        return None
    rest = rest_of(facts.resting, facts.delivery)
    return Phase("waits_for_relay", _("Sending waits for the relay"), rest.text, YELLOW, rest)


def _put_off(facts: Facts) -> Phase | None:
    """Return the phase of a send whose recipients were all tried or put off, and some of whom are tried again."""
    progress = facts.progress
    if progress is None or progress.fresh or not progress.retrying:
        return None
    if facts.is_queueing:
        words = _t("%(number)s queue for their mailbox provider") % numbers.grouped(
            {"number": progress.retrying}
        )
        sentence = _("All others are through; these leave as fast as the provider's limit allows.")
        return Phase("queueing", words, sentence, BLUE)
    words = _t("Retrying %(number)s") % numbers.grouped({"number": progress.retrying})
    sentence = _("All others are through; these were refused for a while and are tried again.")
    return Phase("retrying", words, sentence, BLUE)


def _finished(facts: Facts) -> Phase | None:
    if facts.progress is None or not facts.progress.unknown:
        return None
    words = _t("Finished, %(number)s unknown") % numbers.grouped({"number": facts.progress.unknown})
    sentence = _("All messages were processed; of some nobody can know whether they arrived. They are held.")
    return Phase("finished_unknown", words, sentence, YELLOW)


def _stopped(facts: Facts) -> Phase | None:
    if facts.delivery.is_recurring or facts.progress is None:
        return None
    number = facts.progress.cancelled
    never = ngettext(
        "%(number)s message will never be sent.", "%(number)s messages will never be sent.", number
    ) % numbers.grouped({"number": number})
    return Phase(Status.STOPPED.value, Status.STOPPED.label, never, RED)


_PARTICULARS: dict[Status, Callable[[Facts], Phase | None]] = {
    Status.READY: _ready,
    Status.SCHEDULED: _scheduled,
    Status.SENDING: _sending,
    Status.FINISHED: _finished,
    Status.STOPPED: _stopped,
}
