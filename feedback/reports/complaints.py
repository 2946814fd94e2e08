"""Feedback reports (RFC 5965): complaints, and reports of that form that are none."""

from collections.abc import Iterable, Mapping

from feedback.reports import addresses, fields
from feedback.reports.report import Kind, Reason, ReportedRecipient

_REASONS = {
    "abuse": Reason.ABUSE,
    "fraud": Reason.FRAUD,
    "virus": Reason.VIRUS,
    "opt-out": Reason.OPT_OUT,
    "opt-out-list": Reason.OPT_OUT,
}
_XARF = {"spam": Reason.ABUSE, "abuse": Reason.ABUSE, "phishing": Reason.FRAUD, "malware": Reason.VIRUS}
# They say something about our mail, and nothing that a person thinks of it.
_NO_COMPLAINT = {
    "auth-failure": Reason.AUTHENTICATION_FAILURE,
    "dmarc": Reason.AUTHENTICATION_FAILURE,
    "not-spam": Reason.NOT_SPAM,
}
# Who complained, by the header that a provider puts into the returned message.
_NAMED_IN = ("x-hmxmroriginalrecipient", "x-original-rcpt-to", "x-rcpt-to")


def of_report(text: str, returned: Mapping[str, str]) -> list[ReportedRecipient]:
    """Return who complained, or that it is no complaint, by the fields of a feedback report."""
    found = fields.fields(text)
    feedback_type = fields.first(found, "feedback-type").strip().lower().split(" ")[0].rstrip(";")
    if not feedback_type and "auth-failure" in found:
        feedback_type = "auth-failure"
    if feedback_type in _NO_COMPLAINT:
        return [ReportedRecipient("", Kind.NOT_A_BOUNCE, _NO_COMPLAINT[feedback_type], "", "feedback-type")]
    reason = _REASONS.get(feedback_type, Reason.OTHER if feedback_type else Reason.ABUSE)
    return complaint(reason, _who(found, returned), rule="feedback-type")


def of_xarf(texts: Iterable[str], returned: Mapping[str, str]) -> list[ReportedRecipient]:
    """Return who complained, by the fields of a report in the form X-ARF; nothing if it is about something else."""
    for text in texts:
        about = fields.first(fields.fields(text), "report-type").strip().lower()
        if about in _XARF:
            return complaint(_XARF[about], _who({}, returned), rule="report-type")
    return []


def complaint(reason: Reason, who: list[str], *, rule: str) -> list[ReportedRecipient]:
    """Return one complaint for each address, or one without an address."""
    return [ReportedRecipient(address, Kind.COMPLAINT, reason, "", rule) for address in who or [""]]


def named_in(returned: Mapping[str, str]) -> list[str]:
    """Return the address that a provider wrote into the returned message, if it did."""
    return [address for name in _NAMED_IN if (address := addresses.tidy(returned.get(name, "")))][:1]


def _who(found: Mapping[str, list[str]], returned: Mapping[str, str]) -> list[str]:
    for name in ("original-rcpt-to", "removal-recipient"):
        named = [addresses.of_field(value) for value in found.get(name, [])[: fields.MOST_GROUPS]]
        seen = addresses.distinct(
            address for address in named if address and not addresses.is_hidden(address)
        )
        if seen:
            return seen
        if any(named):
            return []
    to = addresses.distinct(addresses.all_in(returned.get("to", "")))
    return named_in(returned) or [one for one in to if len(to) == 1 and not addresses.is_hidden(one)]
