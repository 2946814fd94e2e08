"""An event of a timeline in words: title, icon and colour, what is said beside it, and the row that it opens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from audiences import sight
from audiences.consent import consent_words
from audiences.models import AddressError, ConsentDoubt, ConsentEvent, ErrorReason, Quarantine
from deliveries.models import Cause, MessageStatus, ProofMessage, Reason
from feedback.agents import AgentKind
from feedback.models import HitKind, MailKind
from reporting.persons.timeline import Event

_HIT_ICONS = {HitKind.OPEN: "eye", HitKind.CLICK: "link", HitKind.MIRROR: "monitor"}
_MESSAGE_TONES = {
    MessageStatus.SENT: "green",
    MessageStatus.FAILED: "red",
    MessageStatus.BOUNCED: "red",
    MessageStatus.IN_DOUBT: "yellow",
}
_REPORT_TONES = {"hard": "red", "soft": "red", "complaint": "red", "delayed": "yellow"}
_REASONS: dict[str, Any] = dict(Reason.choices) | dict(ErrorReason.choices)
_CHANNELS = dict(ConsentEvent.Channel.choices) | dict(ConsentEvent.Purpose.choices)
EDITS: dict[str, str | Promise] = {
    "create_profile": _("Profile made"),
    "change_profile": _("Profile changed"),
    "decide_unclear_consents": _("Unclear consent decided"),
    "export_person": _("Personal data exported"),
    "download_person": _("Export of personal data downloaded"),
    "withdraw_person_export": _("Export of personal data removed"),
}


@dataclass(frozen=True)
class Entry:
    """An event as people read it."""

    event: Event
    title: str
    icon: str
    tone: str = "grey"
    notes: tuple[str, ...] = ()
    url: str = ""  # of the row that it is; empty where it has no page


def entry(event: Event, *, administers: bool = False, is_clear: bool = True) -> Entry:
    """Return an event in words; what stands at the desk alone is linked for whoever administers there.

    Addresses in what is said are masked unless the person who looks may see them.
    """
    title, icon, tone, notes, url = _BY_KIND[event.kind](event, administers)
    said = tuple(sight.told(str(note), True, is_clear) for note in notes if note)
    return Entry(event, sight.told(str(title), True, is_clear), icon, tone, said, url)


Said = tuple[Any, str, str, list[Any], str]


def _message_url(event: Event, anchor: str = "") -> str:
    if event.delivery is None or event.seq is None:
        return ""
    return reverse("reporting:message", args=[event.delivery.pk, event.seq]) + anchor


def _message(event: Event, administers: bool) -> Said:
    status = MessageStatus(int(event.what))
    to = event.detail.get("address")
    notes = [_REASONS.get(event.note, event.note), to and _t("to %(address)s") % {"address": to}]
    return status.label, "mail", _MESSAGE_TONES.get(status, "grey"), notes, _message_url(event)


def _exclusion(event: Event, administers: bool) -> Said:
    title = _t("Excluded: %(cause)s") % {"cause": Cause(event.what).label}
    url = ""
    if event.delivery is not None:
        listing = reverse("reporting:window", args=[event.delivery.pk, "exclusions"])
        url = f"{listing}?after={int(event.ref) - 1}"
    return title, "filter", "grey", [], url


def _reaction(event: Event, administers: bool) -> Said:
    who = {AgentKind.MACHINE: _("a machine; not counted"), AgentKind.UNSURE: _("unsure whether a person")}
    kind = HitKind(event.what)
    tone = "grey" if event.note == AgentKind.MACHINE else "blue"
    notes = [who.get(AgentKind(event.note), _("a person"))]
    return kind.label, _HIT_ICONS.get(kind, "eye"), tone, notes, _message_url(event, "#reactions")


def _report(event: Event, administers: bool) -> Said:
    if event.what == "reply":
        return _("Replied to the return path"), "mail", "blue", [], _message_url(event)
    url = _message_url(event)
    notes = [_REASONS.get(event.note, event.note)]
    return (
        MailKind(event.what).label,
        "mail",
        _REPORT_TONES.get(event.what, "grey"),
        notes,
        f"{url}reports/{event.ref}/" if url else "",
    )


def _origin(event: Event) -> list[Any]:
    """Where a wish came from, with its words and their version."""
    detail = event.detail
    text = detail.get("text")
    carrier = consent_words.carrier(detail.get("reference") or "")
    return [
        consent_words.source(detail.get("source") or ""),
        carrier and carrier.label,
        detail.get("network"),
        text and _t("text %(number)s") % {"number": text},
        detail.get("words") and f"“{detail['words']}”",
    ]


def _consent(event: Event, administers: bool) -> Said:
    channel = _CHANNELS.get(event.note, event.note)
    titles = {
        "out": _("Opted out"),
        "in": _("Opted in"),
        "unclear": _("Consent unclear"),
        "address": _("This address is opted out"),
    }
    title = titles.get(event.what) or ConsentDoubt.Decision(event.what).label
    is_no = event.what in ("out", "address", "unclear", ConsentDoubt.Decision.OPT_OUT)
    return (
        f"{title} · {channel}",
        "x" if is_no else "check",
        "yellow" if is_no else "green",
        _origin(event),
        "",
    )


def _subscription(event: Event, administers: bool) -> Said:
    titles = {"out": _("Unsubscribed"), "in": _("Became a subscriber"), "asked": _("Asked to be subscribed")}
    name = event.note or _t("mail in general")
    service = event.detail.get("service")
    url = reverse("audiences:service", args=[service]) if service else ""
    icon, tone = {"out": ("x", "yellow"), "in": ("check", "green")}.get(event.what, ("clock", "grey"))
    return f"{titles[event.what]} · {name}", icon, tone, _origin(event), url


def _quarantine(event: Event, administers: bool) -> Said:
    notes = [_REASONS.get(event.note, event.note), event.detail.get("text"), event.detail.get("reference")]
    if event.ref.startswith("error"):
        title = _t("Error counted: %(nature)s") % {"nature": AddressError.Nature(event.what).label}
        forgiven = _("forgotten since") if event.detail.get("forgiven") else ""
        return title, "alert", "yellow", [*notes, forgiven], ""
    status = Quarantine.Status(event.what)
    tone = "red" if status in Quarantine.HELD else "grey"
    url = reverse("admin:audiences_quarantine_change", args=[event.ref]) if administers else ""
    return _t("Quarantine: %(status)s") % {"status": status.label}, "alert", tone, notes, url


def _import(event: Event, administers: bool) -> Said:
    title = _("Came in by an import") if event.what == "created" else _("Named by an import")
    return (
        title,
        "upload",
        "blue",
        [event.note],
        reverse("audiences:import", args=[event.ref.removeprefix("by")]),
    )


def _edit(event: Event, administers: bool) -> Said:
    if event.what == "created":
        return _("Profile made"), "user", "blue", [], ""
    changed = ", ".join(event.detail.get("changed") or [])
    notes = [changed, event.note, event.detail.get("face")]
    url = reverse("admin:accounts_auditevent_change", args=[event.ref]) if administers else ""
    return EDITS.get(event.what, event.what), "pencil", "grey", notes, url


def _proof(event: Event, administers: bool) -> Said:
    title = _t("Proof %(number)s") % {"number": event.note}
    of = _("filled with their values") if event.detail.get("of") else ""
    url = reverse("deliveries:dashboard", args=[event.delivery.pk]) if event.delivery is not None else ""
    return title, "copy", "grey", [ProofMessage.Status(event.what).label, of], url


_BY_KIND: dict[str, Callable[[Event, bool], Said]] = {
    "message": _message,
    "exclusion": _exclusion,
    "reaction": _reaction,
    "report": _report,
    "consent": _consent,
    "subscription": _subscription,
    "quarantine": _quarantine,
    "import": _import,
    "edit": _edit,
    "proof": _proof,
}
