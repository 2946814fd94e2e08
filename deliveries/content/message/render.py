"""Compiled content and one recipient to a message. Preview, mirror page, proof and send all run this code."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import format_datetime
from functools import partial
from html import escape
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _

from campaign.lib.dots import END, dotted
from campaign.lib.refusals import Refusal
from campaign.lib.tokens import MAX_SEQ, Purpose, Signer
from deliveries.content.compiled import Compiled
from deliveries.content.lines import LONGEST
from deliveries.content.links import static_start
from deliveries.content.merge_tags.engine import FAILURES, cause_of, environment
from deliveries.content.merge_tags.values import clean, plain
from deliveries.content.message import attached as attached_files
from deliveries.content.message import mime
from deliveries.content.message.skeleton import Skeleton, Unfit
from deliveries.content.message.untracked import untracked
from deliveries.content.source import Field

Value = str | int | float | date | None
Encoding = Literal["8bit", "encoded"]
HEADER = "X-Sinete-Message"
_BASE = "{{ _base }}"
_UNSIGNED = "preview"
_HEADER_SLOT, _ID_SLOT, _MAIL_SLOT = "_h", "_i", "_l"  # tokens of the headers: no template names them
_LINE_END = "\r\n"


class RenderError(Refusal):
    """One recipient's message can't be made; `part` and `cause` say where and why."""

    message = _("The %(part)s can't be filled in: %(cause)s.")
    code = "render_error"

    def __init__(self, *, part: str, cause: str) -> None:
        self.part, self.cause = part, cause
        super().__init__(part=part, cause=cause)


class Renderer:
    """Makes the messages of one delivery; all that is the same in them is made once, here."""

    def __init__(
        self,
        compiled: Compiled,
        *,
        base_url: str,
        signer: Signer,
        delivery_key: int,
        domain: str,
        list_id: str = "",
        verp_domain: str = "",
        feedback_id: str = "",
        unsubscribe_mail: Callable[[int], str] | None = None,
        attached: Sequence[bytes] = (),
    ) -> None:
        """`unsubscribe_mail` gives the address by which the message with a number unsubscribes; None: there is none.

        `attached` are the parts of attached files, made once.
        """
        self.compiled = compiled
        self._others: dict[tuple[bool, bool], Renderer] = {}
        self._made_alike = partial(
            Renderer, base_url=base_url, signer=signer, delivery_key=delivery_key, domain=domain, list_id=list_id,
            verp_domain=verp_domain, feedback_id=feedback_id, unsubscribe_mail=unsubscribe_mail, attached=attached,
        )  # fmt: skip
        self._base = base_url.rstrip("/")
        self._domain, self._verp_domain = domain, verp_domain
        self._fields = [(name, kind) for name, kind in compiled.fields]
        self._prepare_templates()
        self._sign_with(signer, delivery_key)
        self._unsubscribe_mail, self._attached = unsubscribe_mail, attached
        self._prepare_headers(list_id, feedback_id, signer.sign(Purpose.MESSAGE, delivery_key, MAX_SEQ, 1))
        self._date: tuple[datetime | None, str] = (None, "")

    def tracked(self, *, opens: bool, clicks: bool) -> "Renderer":
        """Return the renderer for recipients whose opens and clicks are measured so; this one where both are."""
        if (opens and clicks) or not self.compiled.tracking:
            return self
        found = self._others.get((opens, clicks))
        if found is None:
            found = self._made_alike(untracked(self.compiled, opens=opens, clicks=clicks))
            self._others[opens, clicks] = found
        return found

    def message(
        self,
        *,
        seq: int,
        address: str,
        name: str = "",
        values: Mapping[str, Value],
        date: datetime,
        encoding: Encoding = "8bit",
        subject_prefix: str = "",
    ) -> bytes:
        """Return the complete message: CRLF line ends, lines that mail allows, not dot-stuffed.

        Raise RenderError where a part can't be filled in or the address can't stand in a header.
        """
        context = self._context(values, seq)
        head = self._head(context, address=address, name=name, date=date, prefix=subject_prefix)
        text = self._render("text.txt", context) if self._has_text else None
        html = self._render("html.html", context) if self._has_html else None
        return b"".join((head.encode(), self._before, self._body(text, html, encoding), self._behind))

    def wire(self, *, seq: int, address: str, values: Mapping[str, Value], date: datetime) -> bytes:
        """Return `message` as it follows a 354, to a relay that takes 8 bit: the same octets, made faster."""
        if self._skeleton is not None:
            with suppress(Unfit):
                context = self._context(values, seq)
                head = self._head(context, address=address, date=date)
                body = self._wired(self._skeleton, context)
                return b"".join((head.encode("ascii"), self._before, *body, self._behind, END))
        return dotted(self.message(seq=seq, address=address, values=values, date=date))

    def html(self, *, seq: int | None, values: Mapping[str, Value]) -> str:
        """Return the HTML as sent to `seq`; with no seq its links of ours carry no signature."""
        return self._render("html.html", self._context(values, seq)).replace("\r\n", "\n")

    def text(self, *, seq: int | None, values: Mapping[str, Value]) -> str:
        """Return the text part as sent to `seq`; with no seq its links of ours carry no signature."""
        return self._render("text.txt", self._context(values, seq)).replace("\r\n", "\n")

    def subject(self, *, values: Mapping[str, Value]) -> str:
        """Return the subject for these values; like the two that follow it raises RenderError."""
        return self._subject(self._unsigned(values))

    def from_name(self, *, values: Mapping[str, Value]) -> str:
        """Return the sender's name for these values."""
        return self._line("from_name.txt", self._unsigned(values))

    def preheader(self, *, values: Mapping[str, Value]) -> str:
        """Return the text that an inbox shows beside the subject, for these values."""
        return self._line("preheader.txt", self._unsigned(values))

    def link_url(self, index: int, values: Mapping[str, Value]) -> str:
        """Return where the link leads for this recipient: always to the scheme and host that the author wrote.

        Raise RenderError for a link that isn't tracked, or where its address can't be filled in.
        """
        link = self.compiled.links[index]
        if link.kind != "tracked":
            raise RenderError(part=f"link {index}", cause=link.kind)
        return self._address(f"link{index}.txt", link.template, values)

    def substitute_url(self, index: int) -> str:
        """Return where the link leads those whose own address can't be told; empty where its author said nothing.

        Raise RenderError as `link_url` does.
        """
        substitute = self.compiled.links[index].substitute
        return self._address(f"instead{index}.txt", substitute, {}) if substitute else ""

    def _address(self, name: str, template: str, values: Mapping[str, Value]) -> str:
        url = self._render(name, self._unsigned(values))
        if static_start(url) != static_start(template) or not static_start(url):
            raise RenderError(part=name.rpartition(".")[0], cause="host")
        return url

    def is_personal(self, index: int) -> bool:
        """Whether where the link leads may differ from one recipient to the next."""
        template = self.compiled.links[index].template
        return "profile" in template and ("{{" in template or "{%" in template)

    def message_id(self, seq: int) -> str:
        """Return the Message-ID: the same for each attempt, and readable with `Signer.read(…, Purpose.MESSAGE)`."""
        return f"<{self._sign_message_id(seq)}@{self._domain}>"

    def return_path(self, seq: int) -> str:
        """Return the envelope's sender, where bounces come back; the sender's address without a domain for them."""
        if not self._verp_domain:
            return self.compiled.from_address
        return f"b-{self._sign_bounce(seq)}@{self._verp_domain}"

    # once for the delivery

    def _sign_with(self, signer: Signer, delivery_key: int) -> None:
        self._sign_message_id = signer.for_delivery_caseless(Purpose.MESSAGE, delivery_key)
        self._sign_bounce = signer.for_delivery_caseless(Purpose.BOUNCE, delivery_key)
        wanted = {_HEADER_SLOT: (Purpose.MESSAGE, 0), "_u": (Purpose.UNSUBSCRIBE, 0)}
        if self.compiled.tracking:
            wanted["_o"] = (Purpose.OPEN, 0)
        if self._has_mirror:
            wanted["_m"] = (Purpose.MIRROR, 0)
        wanted |= {slot: (Purpose.CLICK, index) for slot, index in self._clicks}
        self._slots = list(wanted)
        self._sign = signer.for_delivery_together(delivery_key, list(wanted.values()))

    def _prepare_templates(self) -> None:
        compiled = self.compiled
        templates = {
            "html.html": _wire(compiled.html.replace(_BASE, escape(self._base))),
            "text.txt": _wire(compiled.text.replace(_BASE, self._base)),
            "subject.txt": compiled.subject,
            "from_name.txt": compiled.from_name,
            "preheader.txt": compiled.preheader,
        } | {f"link{link.index}.txt": link.template for link in compiled.links if link.kind == "tracked"}
        templates |= {
            f"instead{link.index}.txt": link.substitute for link in compiled.links if link.substitute
        }
        try:
            self._environment = environment(templates | self._skeletons(templates))
        except FAILURES as error:
            raise RenderError(part=str(_("content")), cause=cause_of(error)) from error
        self._environment.add_global("_base", self._base)
        self._run = self._environment.render_template
        self._has_html, self._has_text = bool(compiled.html), bool(compiled.text)
        self._static = {
            name: clean(template).strip()
            for name, template in templates.items()
            if "{{" not in template and "{%" not in template
        }
        bodies = compiled.html + compiled.text
        there = set(re.findall(r"_c(\d+) ", bodies))
        self._clicks = [
            (f"_c{link.index}", link.index)
            for link in compiled.links
            if link.kind == "tracked" and str(link.index) in there
        ]
        self._has_mirror = "_m" in bodies

    def _skeletons(self, templates: Mapping[str, str]) -> dict[str, str]:
        """What is left of the bodies' templates without their static lines, if that can be told apart."""
        self._skeleton: Skeleton | None = Skeleton()
        try:
            return {
                "html.wire.html": self._skeleton.of(templates["html.html"]),
                "text.wire.txt": self._skeleton.of(templates["text.txt"]),
            }
        except Unfit:
            self._skeleton = None
            return {}

    def _prepare_headers(self, list_id: str, feedback_id: str, boundary: str) -> None:
        compiled = self.compiled
        self._static_from = (
            mime.mailbox(self._static["from_name.txt"], mime.header_address(compiled.from_address))
            if "from_name.txt" in self._static
            else ""
        )
        lines = ["List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
        if list_id:
            lines.append(f"List-Id: <{clean(list_id).strip('<> ')}>")
        if feedback_id:
            lines.append(f"Feedback-ID: {clean(feedback_id)}")
        if compiled.reply_to:
            lines.append(f"Reply-To: {mime.header_address(compiled.reply_to)}")
        lines += ["Precedence: bulk", "Auto-Submitted: auto-generated", "MIME-Version: 1.0", ""]
        self._static_head = "\r\n".join(lines)
        self._boundary = f"=_{boundary}"
        self._before, self._behind = attached_files.frame(self._attached, f"=m_{boundary}")
        self._prepare_frame()

    def _prepare_frame(self) -> None:
        """What stands before, between and after the parts of a body in 8 bit."""
        part = "Content-Type: text/{}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        plain, html = part.format("plain"), part.format("html")
        if self._has_text and self._has_html:
            line = f"--{self._boundary}"
            kind = f'Content-Type: multipart/alternative; boundary="{self._boundary}"\r\n\r\n'
            self._frame = (f"{kind}{line}\r\n{plain}", f"\r\n{line}\r\n{html}", f"\r\n{line}--\r\n")
        else:
            self._frame = (html if self._has_html else plain, "", "")
        self._octets_of_frame = tuple(piece.encode("ascii") for piece in self._frame)

    # for each message

    def _head(
        self, context: dict[str, Any], *, address: str, date: datetime, name: str = "", prefix: str = ""
    ) -> str:
        subject = self._subject(context)
        if prefix:
            subject = f"{clean(prefix)} {subject}".strip()
        return (
            f"From: {self._from(context)}\r\n"
            f"To: {self._to(name, address)}\r\n"
            f"Subject: {mime.unstructured(subject)}\r\n"
            f"Date: {self._date_header(date)}\r\n"
            f"Message-ID: <{context[_ID_SLOT]}@{self._domain}>\r\n"
            f"{HEADER}: {context[_HEADER_SLOT]}\r\n"
            f"List-Unsubscribe: <{self._base}/u/{context['_u']}>{context[_MAIL_SLOT]}\r\n"
            f"{self._static_head}"
        )

    def _context(self, values: Mapping[str, Value], seq: int | None) -> dict[str, Any]:
        if seq is None:
            return self._unsigned(values) | dict.fromkeys((slot for slot, _index in self._clicks), _UNSIGNED)
        context: dict[str, Any] = {"profile": self._profile(values)}
        tokens, context[_ID_SLOT] = self._sign(seq)
        context |= zip(self._slots, tokens, strict=True)
        mail = self._unsubscribe_mail
        context[_MAIL_SLOT] = f",\r\n <mailto:{mail(seq)}?subject=unsubscribe>" if mail else ""
        return context

    def _unsigned(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """What a line of the head or the address of a link can read: nothing that grows with the number of links."""
        return {"profile": self._profile(values), "_o": _UNSIGNED, "_u": _UNSIGNED, "_m": _UNSIGNED}

    def _profile(self, values: Mapping[str, Value]) -> dict[str, Any]:
        profile: dict[str, Any] = {}
        for name, kind in self._fields:
            value = values.get(name)
            profile[name] = clean(value) if kind == "text" and type(value) is str else plain(value, kind)
        return profile

    def _render(self, template: str, context: dict[str, Any]) -> str:
        try:
            return self._run(template, **context)
        except FAILURES as error:
            raise RenderError(part=template.rpartition(".")[0], cause=cause_of(error)) from error

    def _line(self, template: str, context: dict[str, Any]) -> str:
        if template in self._static:
            return self._static[template]
        return clean(self._render(template, context)).strip()

    def _subject(self, context: dict[str, Any]) -> str:
        return self._line("subject.txt", context)

    def _from(self, context: dict[str, Any]) -> str:
        return self._static_from or mime.mailbox(
            self._line("from_name.txt", context), mime.header_address(self.compiled.from_address)
        )

    def _to(self, name: str, address: str) -> str:
        try:
            return mime.mailbox(clean(name).strip(), mime.header_address(address, is_wide=True))
        except mime.UnfitAddress as error:
            raise RenderError(part="address", cause=str(error)) from error

    def _date_header(self, moment: datetime) -> str:
        known, written = self._date
        if known is not moment:
            written = format_datetime(moment)
            self._date = (moment, written)
        return written

    def _body(self, text: str | None, html: str | None, encoding: Encoding) -> bytes:
        if encoding == "8bit":
            body = self._assembled(text, html)
            if not mime.has_line_above(LONGEST, body):
                return body
        return self._assembled_encoded(text, html)

    def _assembled(self, text: str | None, html: str | None) -> bytes:
        if text is not None and html is not None:
            before, between, after = self._frame
            body = f"{before}{text}{between}{html}{after}"
        else:
            only = (text if html is None else html) or ""
            body = f"{self._frame[0]}{only}{'' if only.endswith(_LINE_END) else _LINE_END}"
        return body.encode("utf-8", "replace")

    def _wired(self, skeleton: Skeleton, context: dict[str, Any]) -> tuple[bytes, ...]:
        """The body's pieces, as they follow a 354."""
        before, between, after = self._octets_of_frame
        if self._has_text and self._has_html:
            text = skeleton.fill(self._render("text.wire.txt", context))
            html = skeleton.fill(self._render("html.wire.html", context))
            return before, text, between, html, after
        only = skeleton.fill(self._render("text.wire.txt" if self._has_text else "html.wire.html", context))
        return before, only, b"" if only.endswith(b"\r\n") else b"\r\n"

    def _assembled_encoded(self, text: str | None, html: str | None) -> bytes:
        parts = [
            f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
            + mime.base64_body(content.encode("utf-8", "replace"))
            for kind, content in (("plain", text), ("html", html))
            if content is not None
        ]
        if len(parts) == 1:
            return parts[0]
        boundary = self._boundary.encode()
        return (
            b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n\r\n'
            b"--"
            + boundary
            + b"\r\n"
            + (b"\r\n--" + boundary + b"\r\n").join(parts)
            + b"\r\n--"
            + boundary
            + b"--\r\n"
        )


def _wire(template: str) -> str:
    return template.replace("\n", "\r\n")


@dataclass(frozen=True)
class Recipient:
    """An invented recipient, to find out before the send what a real one could bring about."""

    what: str
    name: str
    address: str = "someone@example.com"
    values: Mapping[str, Value] = field(default_factory=dict)


_AWKWARD_TEXTS = {
    "markup": "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "template expression": "{{ profile }}{% for x in y %}{# … #}",
    "300 characters": "Wolfeschlegelsteinhausenbergerdorff " * 8 + "áéíóúçãõ🙂🙂🙂🙂",
    "line breaks": "Ana\r\nBcc: victim@example.com\n\n.\r\n\x00\u2028x",
    "formula": "=HYPERLINK(\"https://example.com\";\"x\")",
    "encoded word": "=?utf-8?q?Ana?= <ana@example.com>, \"x",
    "spaces": "   ",
}  # fmt: skip


def awkward_values(fields: Sequence[Field]) -> Iterator[Recipient]:
    """Recipients whose values have broken mailings elsewhere; preparation renders each of them."""
    yield Recipient("no values", "", values={field.name: None for field in fields})
    for what, text in _AWKWARD_TEXTS.items():
        yield Recipient(what, text, values={field.name: _awkward(field.kind, text) for field in fields})
    extremes: dict[str, Value] = {"number": -(10**15) + 0.5, "date": date(1, 1, 1), "yes_no": "no"}
    yield Recipient("extremes", "x", values={field.name: extremes.get(field.kind, "x") for field in fields})


def _awkward(kind: str, text: str) -> Value:
    values: dict[str, Value] = {"number": 0, "date": date(2024, 2, 29), "yes_no": "yes"}
    return values.get(kind, text)
