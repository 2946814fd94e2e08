"""What a message looks like, rendered by the code that sends; its own links carry no signature and count nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _t
from selectolax.lexbor import LexborHTMLParser

from audiences import sight
from audiences.fields.fields import fields as profile_fields
from audiences.models import Profile
from deliveries.content.compile import compile_content
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding
from deliveries.content.links import Link
from deliveries.content.message.render import Renderer, RenderError
from deliveries.content.source import Source
from deliveries.lifecycle import link_parameters
from deliveries.models import Content, Delivery, Message
from deliveries.rendering import compile_source, content_fields, renderer, served_renderer, source_of

# What stands in for a missing part, so that a draft shows before it is complete.
_SENDER = "sender@example.com"
# Visible, so that it counts as a link to unsubscribe; it is removed before the page is shown.
_OPT_OUT = '<a href="{{ unsubscribe_url }}" data-stand-in>-</a>'
_STAND_IN = re.compile(r"<a [^<>]*data-stand-in[^<>]*+>-</a>")


@dataclass(frozen=True)
class ShownLink:
    """One link of a message: what it is called, and the address that opens, with its parameters.

    `substitute` opens in its place where that can't be told; empty: there is none.
    """

    label: str
    url: str
    substitute: str = ""


@dataclass(frozen=True)
class Preview:
    """One message as its recipient would see it; empty where it can't be rendered, and the findings say why."""

    subject: str = ""
    preheader: str = ""
    html: str = ""
    text: str = ""
    from_name: str = ""
    from_address: str = ""
    findings: list[Finding] = field(default_factory=list)
    links: list[ShownLink] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.is_error]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.is_warning]

    @property
    def information(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.is_information]

    @property
    def shows(self) -> bool:
        return bool(self.html or self.text)


def preview(
    *,
    delivery: Delivery,
    content: Content | None = None,
    profile: Profile | None = None,
    message: Message | None = None,
    values: Mapping[str, Any] | None = None,
) -> Preview:
    """Return the message for a prepared recipient, as sealed, or a version of the content for a profile or values.

    The profile is one of `sight.with_addresses`: of any other its address and phone number stand there masked.
    """
    if message is not None:
        return _sealed(delivery, message)
    content = content or delivery.content
    if content is None:
        return Preview()
    fields = profile_fields()
    if values is None and profile is not None:
        values = {f.name: sight.value_of(f.name, f.value_of(profile), profile) for f in fields}
    source, parameters = source_of(content), link_parameters.of(delivery)
    compiled, findings = compile_source(delivery, source, parameters=parameters)
    if compiled is None:
        compiled, _same = compile_source(delivery, _mended(source), parameters=parameters)
    findings += link_parameters.findings(delivery, parameters)
    if compiled is None:
        return Preview(from_address=content.from_address, findings=findings)
    shown = _rendered(renderer(delivery, compiled), values or {}, findings)
    return shown if source.subject.strip() else replace(shown, subject="")


def of_source(source: Source, *, pictures: Mapping[str, str]) -> Preview:
    """Return what is written for no delivery yet, with every field empty; `pictures` are addresses by their paths."""
    fields = content_fields()
    compiled, findings = compile_content(source, fields=fields, assets=pictures, tracking=False)
    if compiled is None:
        compiled, _same = compile_content(_mended(source), fields=fields, assets=pictures, tracking=False)
    if compiled is None:
        return Preview(findings=findings)
    return _rendered(served_renderer(compiled, delivery_key=0), {}, findings)


def _sealed(delivery: Delivery, message: Message) -> Preview:
    """Render from the compiled content and the stored values of the row, as the send does."""
    stored = delivery.latest_preparation().findings
    if not delivery.seal:  # the row belongs to an earlier preparation, whose content is gone
        return Preview(findings=[Finding.from_dict(finding) for finding in stored])
    compiled = Compiled.from_json(delivery.latest_preparation().compiled)
    return _rendered(
        renderer(delivery, compiled), message.values, [Finding.from_dict(finding) for finding in stored]
    )


def _rendered(made: Renderer, values: Mapping[str, Any], findings: list[Finding]) -> Preview:
    compiled = made.compiled
    try:
        return Preview(
            subject=made.subject(values=values),
            preheader=made.preheader(values=values),
            from_name=made.from_name(values=values),
            from_address=compiled.from_address,
            html=at_rest(made.html(seq=None, values=values)) if compiled.html else "",
            text=made.text(seq=None, values=values) if compiled.text else "",
            findings=findings,
            links=_links(made, values),
        )
    except RenderError as error:
        problem = Finding("error", "not_rendered", "%(problem)s", slots={"problem": str(error)})
        return Preview(from_address=compiled.from_address, findings=[*findings, problem])


def _links(made: Renderer, values: Mapping[str, Any]) -> list[ShownLink]:
    """The links to pages of others, as they open; of an untracked message those that its page shows."""
    if made.compiled.tracking:
        tracked = [link for link in made.compiled.links if link.kind == "tracked"]
        return [
            ShownLink(link.label, _opened(made, link, values), made.substitute_url(link.index))
            for link in tracked
        ]
    page = LexborHTMLParser(made.html(seq=None, values=values) if made.compiled.html else "")
    found = {
        (" ".join(node.text().split()), node.attributes.get("href") or ""): None
        for node in page.css("a[href], area[href]")
    }
    return [
        ShownLink(label or url, url)
        for label, url in found
        if url.startswith(("http:", "https:")) and not url.startswith(f"{settings.PUBLIC_URL}/")
    ]


def _opened(made: Renderer, link: Link, values: Mapping[str, Any]) -> str:
    """Where a link leads for these values; as it was written where that can't be computed."""
    try:
        return made.link_url(link.index, values)
    except RenderError:
        return link.url


def at_rest(html: str) -> str:
    """Return the page without the pixel, as nobody's open is counted here, and without stand-ins for our own links."""
    return _STAND_IN.sub("", re.sub(rf'<img src="{re.escape(settings.PUBLIC_URL)}/o/[^<>]*+>', "", html))


def _mended(source: Source) -> Source:
    """Return the source with stand-ins for missing parts, so that only faults in the content keep it from showing."""
    return replace(
        source,
        subject=source.subject or _t("(no subject)"),
        from_address=_SENDER,
        reply_to="",
        html=_with_opt_out(source.html) if source.html.strip() else "",
        text=f"{source.text}\n{{{{ unsubscribe_url }}}}" if source.text.strip() else "",
    )


def _with_opt_out(html: str) -> str:
    at = html.lower().rfind("</body")
    return f"{html}{_OPT_OUT}" if at < 0 else f"{html[:at]}{_OPT_OUT}{html[at:]}"
