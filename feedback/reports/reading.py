"""From the bytes of a mail to what it reports."""

from collections.abc import Mapping

from feedback.reports import addresses, answers, complaints, failed, fields, lists, notice, notifications
from feedback.reports.fields import Group
from feedback.reports.mime import MESSAGES, Part, parse, readable
from feedback.reports.patience import OutOfPatience, Patience
from feedback.reports.phrases import level
from feedback.reports.report import WEIGHT, Kind, Reason, Report, ReportedRecipient
from feedback.reports.rules import Rule, RuleBook, in_force
from feedback.reports.traces import Traces

_STATUS = ("message/delivery-status", "message/global-delivery-status")
_HEADERS_ONLY = (
    "text/rfc822-headers",
    "message/global-headers",
    "text/rfc822-header",
    "message/rfc822-headers",
)
MOST_RETURNED = 100  # headers


def read(raw: bytes, *, book: RuleBook | None = None, patience: Patience | None = None) -> Report:
    """Return what a mail says, by the rules in force or those of a book; any bytes are read.

    A mail that costs more processor time than two seconds is no bounce, for the reason `unreadable`. Raises BadRules
    where the operators' file can't be read.
    """
    book = book or in_force()
    mail = parse(raw)
    try:
        return _Reading(mail, book, patience or Patience()).report()
    except OutOfPatience:
        return Report(Kind.NOT_A_BOUNCE, (_nothing(Reason.UNREADABLE, "time-limit"),))


class _Reading:
    """One mail, with what several steps need of it."""

    def __init__(self, outer: Part, book: RuleBook, patience: Patience) -> None:
        self.book, self.patience = book, patience
        self.outer = outer
        self.traces = Traces(outer, book)
        self.mail = self._with_report(outer)
        if self.mail is not outer:
            self.traces = Traces(self.mail, book)
        self.parts = list(self.mail.walk())
        self.text = notice.read(self.mail, book)
        self.levelled = level(self.text.text)
        self.returned = self._returned()

    def report(self) -> Report:
        recipients = self._recipients()
        kinds = {one.kind for one in recipients}
        return Report(
            kind=next(kind for kind in WEIGHT if kind in kinds),
            recipients=tuple(recipients),
            envelope_to=tuple(self.traces.envelope_to(also=self.outer)),
            message_ids=tuple(self.traces.message_ids(self.returned)),
            returned_headers=self.returned,
            reply_from=self.traces.reply_from,
        )

    def _recipients(self) -> list[ReportedRecipient]:
        steps = (
            self._of_machines, self._of_feedback, self._of_notification, self._of_filters, self._of_status,
            self._of_servers, self._of_lists, self._of_people,
        )  # fmt: skip
        for step in steps:
            self.patience.check()
            if found := step():
                return found
        return [_nothing(Reason.ORDINARY, "nothing-found")]

    def _of_machines(self) -> list[ReportedRecipient]:
        """Reports of machines to machines, and read receipts."""
        found = answers.machine_report(self.parts, self.traces)
        return [_nothing(*found)] if found else []

    def _of_feedback(self) -> list[ReportedRecipient]:
        for part in self.parts:
            if part.type == "message/feedback-report":
                return complaints.of_report(part.text, self.returned)
        if self.mail.parameter("report-type") == "feedback-report" or self._has_feedback_fields():
            return complaints.of_report(self.text.text, self.returned)
        if who := complaints.named_in(self.returned):
            return complaints.complaint(Reason.ABUSE, who, rule="named-in-returned")
        if self.mail.value("x-xarf"):
            return complaints.of_xarf([part.text for part in self.parts if not part.parts], self.returned)
        return []

    def _of_notification(self) -> list[ReportedRecipient]:
        return notifications.of_text(self.text.text, self.book)

    def _of_filters(self) -> list[ReportedRecipient]:
        """A person's own filter that asks to be let in, which some do in the form of a delivery report."""
        traces = self.traces
        if not traces.is_report or traces.is_system or traces.has_null_sender:
            return []
        rule = self.book.form("auto_reply_text", self.levelled)
        return [_answer(rule.reason, rule.name)] if rule and rule.reason == Reason.CHALLENGE else []

    def _has_feedback_fields(self) -> bool:
        """Whether the fields of a feedback report stand in a text, because somebody's program lost their part."""
        return all(name in self.text.text for name in ("\nFeedback-Type:", "\nUser-Agent:"))

    def _of_status(self) -> list[ReportedRecipient]:
        texts = [part.text for part in self.parts if part.type in _STATUS]
        if not texts and self._may_be_notice():
            texts = self._status_in_disguise()
        groups = [group for text in texts for group in fields.groups(text)]
        warns = self._warns()
        ours = self.traces.envelope_to(also=self.outer)
        found = list(
            failed.of_report(groups, self.text, self.book, self.patience, warns=bool(warns), ours=ours)
        )
        if found:
            return self._named(_once(found), groups)
        if texts:  # a report that names nobody by its fields
            return self._failed(self._addresses(), delayed=warns)
        return []

    def _may_be_notice(self) -> bool:
        """Whether header and subject are those of a notice, and nobody passed it on."""
        traces = self.traces
        return traces.is_system or traces.is_report or (traces.notice_subject and not traces.is_passed_on)

    def _status_in_disguise(self) -> list[str]:
        """Fields of a delivery report in a part that doesn't say so, or in the midst of a text."""
        other = [part.text for part in self.parts if not part.parts and part.type not in MESSAGES]
        whole = other if self.mail.parts else [self.mail.text]
        texts = []
        for text in whole:
            at = min(
                (i for name in ("Reporting-MTA:", "Final-Recipient:") if (i := text.find("\n" + name)) >= 0),
                default=-1,
            )
            at = 0 if text.startswith(("Reporting-MTA:", "Final-Recipient:")) else at
            if at >= 0 and "Final-Recipient:" in text[at:]:
                texts.append(text[at:].partition("\n--")[0])
        return texts

    def _of_servers(self) -> list[ReportedRecipient]:
        """What mail systems write about something else."""
        rule = self.book.form("no_notice_subject", self.traces.subject)
        is_report = bool(self.traces.failed or self.returned)
        return [_nothing(Reason.ORDINARY, rule.name)] if rule and not is_report else []

    def _of_lists(self) -> list[ReportedRecipient]:
        """What the program of a mailing list refuses to pass on."""
        refusal = lists.refusal(self.traces, self.levelled, self.book)
        found = self._addresses() if refusal else []
        return lists.refused(found, refusal) if refusal else []

    def _of_people(self) -> list[ReportedRecipient]:
        """Notices in words alone, automatic answers, and the rest."""
        traces, book = self.traces, self.book
        says_so = book.form("undelivered", self.levelled) or book.form("notice", self.levelled)
        if traces.is_system and (success := self._succeeded()):
            return [
                ReportedRecipient(one, Kind.DELIVERED, Reason.NONE, "", success.name)
                for one in self._addresses() or [""]
            ]
        warns = self._warns()
        answer = answers.automatic(traces, self.levelled, book)
        if answer and not traces.failed and self._answers():
            return [_answer(*answer)]
        is_system = traces.is_system and self._is_of_delivery()
        if is_system and (says_so or warns or traces.notice_subject):
            found = self._addresses()
            by_subject = traces.notice_subject and traces.has_system_address and (says_so or found)
            if self._is_report(found) or by_subject:
                return self._failed(found, delayed=warns)
        if is_system and not traces.is_list and (traces.is_machine or book.failure(self.levelled)):
            found = self._addresses()
            if found and (self._is_report(found) or (traces.is_machine and (says_so or warns))):
                return self._failed(found, delayed=warns)
        is_passed_on = traces.is_passed_on or traces.is_list
        is_returned = self.returned and book.failure(self.levelled)
        if traces.notice_subject and not is_passed_on and (says_so or warns or is_returned):
            found = self._addresses()
            if self.returned or traces.has_null_sender or (found and self._is_made(found)):
                return self._failed(found, delayed=warns)
        if answer:
            return [_answer(*answer)]
        if traces.has_null_sender and says_so and not is_passed_on and (found := self._addresses()):
            return self._failed(found, delayed=warns)
        return []

    def _answers(self) -> bool:
        """Whether subject or text call it an automatic answer, and nothing a notice about a delivery."""
        if self.book.form("auto_reply_opening", self.traces.subject):
            return True
        is_notice = self.traces.notice_subject or bool(self.returned)
        return not is_notice and self.book.form("auto_reply_text", self.levelled) is not None

    def _is_of_delivery(self) -> bool:
        """Whether address, header or subject say that a mail system writes, and not somebody named like one."""
        traces = self.traces
        if traces.failed or traces.has_null_sender or traces.is_machine or self.returned:
            return True
        if traces.is_passed_on and traces.answers_something and not traces.is_automatic:
            return False  # a postmaster answers somebody
        return traces.has_system_address or (traces.notice_subject and not traces.is_list)

    def _succeeded(self) -> Rule | None:
        book = self.book
        if by_subject := book.form("success_subject", self.traces.subject):
            return by_subject
        refuted = any(book.form(name, self.levelled) for name in ("final", "undelivered"))
        refuted = refuted or fields.has_reply(self.text.text) or bool(book.failure(self.levelled))
        return None if refuted else book.form("success", self.levelled)

    def _failed(self, found: list[str], *, delayed: str = "") -> list[ReportedRecipient]:
        ours = self.traces.envelope_to(also=self.outer)
        return list(failed.of_notice(self.text, found, self.book, self.patience, delayed=delayed, ours=ours))

    def _is_report(self, found: list[str]) -> bool:
        """Whether anything but words shows that a machine wrote of a message; postmasters are people, too."""
        traces = self.traces
        if traces.failed or traces.has_null_sender or traces.is_automatic or self.returned:
            return True
        if traces.is_machine or (traces.has_system_address and traces.notice_subject):
            return self._is_made(found)
        # A server's code within a sentence is what people write of, too.
        text = self.text.text
        if traces.has_system_address and fields.begins_with_reply(text):
            return True
        return notice.lists(text, found) or notice.is_form(text, self.book)

    def _is_made(self, found: list[str]) -> bool:
        """Whether a machine made the text: a server's code, an address alone on its line, or the fields of a form."""
        text = self.text.text
        return fields.has_reply(text) or notice.lists(text, found) or notice.is_form(text, self.book)

    def _warns(self) -> str:
        """The rule by which it is only a warning; nothing if it is final."""
        by_subject = self.book.form("delay_subject", self.traces.subject)
        if by_subject:
            return by_subject.name
        by_text = self.book.form("delay", self.levelled)
        return by_text.name if by_text and not self.book.form("final", self.levelled) else ""

    def _addresses(self) -> list[str]:
        """Those that failed: as a header says, or the text, or the subject, or the returned message."""
        if self.traces.failed:
            return addresses.distinct(notice.origins(self.text.text, self.traces.failed))
        own = self.traces.own
        to = addresses.distinct(addresses.all_in(self.returned.get("to", "")))
        found = notice.recipients(self.text.text, self.book, own=own, written_to=to)
        if found:
            return found
        in_subject = [one for one in addresses.all_in(self.mail.value("subject")) if one.lower() not in own]
        is_list = "list-id" in self.returned or "x-beenthere" in self.returned or "list-post" in self.returned
        by_name = notice.local_names(self.text.text, self.traces.reply_from.rpartition("@")[2], self.book)
        return in_subject[:1] or by_name or (to if len(to) == 1 and not is_list else [])

    def _named(self, found: list[ReportedRecipient], groups: list[Group]) -> list[ReportedRecipient]:
        """A report on one recipient that gives no address may name it in its text."""
        if len(found) != 1 or found[0].recipient:
            return found
        named = self._addresses()
        if len(named) != 1:
            return found
        one = found[0]
        return [ReportedRecipient(named[0], one.kind, one.reason, one.status, one.rule, one.diagnostic)]

    def _returned(self) -> Mapping[str, str]:
        for part in self.parts:
            if part.type in MESSAGES and part.message is not None:
                return _headers(part.message)
            if part.type in _HEADERS_ONLY:
                return _headers(parse(part.payload.lstrip(b"\r\n")))
        if self.text.returned:
            return _headers(parse(self.text.returned.lstrip().encode("utf-8", "replace")))
        return {}

    def _with_report(self, outer: Part) -> Part:
        """The mail itself, or the report of a mail system that somebody's filter attached to a mail of its own."""
        if not self._may_be_notice() or any(part.type in _STATUS for part in outer.walk()):
            return outer
        for part in outer.walk():
            inner = part.message
            if inner is not None and any(one.type in _STATUS for one in inner.walk()):
                return inner
        return outer


def _headers(part: Part) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in part.items()[:MOST_RETURNED]:
        found.setdefault(name, readable(value))
    return found


def _once(found: list[ReportedRecipient]) -> list[ReportedRecipient]:
    """One entry for each address; of several the one that weighs most."""
    best: dict[str, ReportedRecipient] = {}
    for one in found:
        before = best.get(one.recipient.lower())
        if before is None or WEIGHT.index(one.kind) < WEIGHT.index(before.kind):
            best[one.recipient.lower()] = one
    named = {key: one for key, one in best.items() if key}
    return list((named or best).values())


def _answer(reason: Reason, rule: str) -> ReportedRecipient:
    return ReportedRecipient("", Kind.AUTO_REPLY, reason, "", rule)


def _nothing(reason: Reason, rule: str) -> ReportedRecipient:
    return ReportedRecipient("", Kind.NOT_A_BOUNCE, reason, "", rule)
