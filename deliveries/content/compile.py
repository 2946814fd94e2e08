"""Source to Compiled: all the work that is the same for every recipient, done once and checked.

The author's HTML keeps every octet but those that must change: style attributes, addresses of links and
pictures, a preheader, a pixel, and line breaks where a line is too long for mail.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from urllib.parse import unquote

from django.utils.translation import gettext_noop as _
from email_validator import EmailNotValidError, validate_email

from deliveries.content import bounds, grammar, inert, lines, links, markup, plaintext, styles
from deliveries.content.findings import Finding, Findings
from deliveries.content.grammar import Problem
from deliveries.content.links import Address, Link, LinkBook, read_address
from deliveries.content.markup import Attribute, Token, unescaped
from deliveries.content.personalisation import BASE, FAILURES, Scope, cause_of, environment, literal
from deliveries.content.pictures import PLACES as _PICTURES
from deliveries.content.source import Field, Source

FORMAT = 1
CLIPPED_AT = 102 * 1024  # octets of HTML that Gmail shows before it cuts
PIXEL = f'<img src="{BASE}/o/{{{{ _o }}}}.gif" width="1" height="1" alt="" style="display:block;border:0">'
_MASK = "\ufdd0"
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_PREHEADER_STYLE = (
    "display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;font-size:1px;line-height:1px;"
    "color:transparent;mso-hide:all"
)
_PREHEADER_FILLER = "&#847;&zwnj;&nbsp;" * 40  # keeps the body's first words out of the inbox's preview
_LINKS = frozenset({"a", "area", "v:rect", "v:roundrect", "v:shape", "v:oval"})
_CSS_URL = re.compile(r"url\((?P<path>[^()]{1,2000})\)", re.I)
_TEXT_URL = re.compile(r"https?://[^\s<>\"'\u00ab\u00bb]+", re.I)


@dataclass(frozen=True)
class Compiled:
    """Content with nothing left to do but to fill slots. All but addresses are templates."""

    subject: str
    preheader: str
    from_name: str
    from_address: str
    reply_to: str
    html: str
    text: str
    links: tuple[Link, ...]
    fields: tuple[tuple[str, str], ...]
    tracking: bool = True
    format: int = FORMAT

    @property
    def used_fields(self) -> tuple[str, ...]:
        """Names of the profile fields whose values a message needs, in order."""
        return tuple(name for name, _kind in self.fields)

    def to_json(self) -> dict[str, Any]:
        """Plain data; equal content gives equal data."""
        return vars(self) | {
            "links": [link.to_dict() for link in self.links],
            "fields": [list(field) for field in self.fields],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Compiled":
        if stored.get("format") != FORMAT:
            raise ValueError(f"content compiled in format {stored.get('format')}, this is format {FORMAT}")
        return cls(
            **dict(stored)
            | {
                "links": tuple(Link(**link) for link in stored["links"]),
                "fields": tuple((name, kind) for name, kind in stored["fields"]),
            }
        )


def compile_content(
    source: Source, *, fields: Sequence[Field], assets: Mapping[str, str] | None = None, tracking: bool = True
) -> tuple[Compiled | None, list[Finding]]:
    """The compiled content, or none where a finding is an error, and everything the author should know.

    `assets` gives the absolute address of each uploaded picture by its relative path.
    """
    compilation = _Compilation(_tidied(source), fields, assets or {}, tracking)
    compiled = compilation.run()
    return (None if compilation.findings.has_errors else compiled), list(compilation.findings)


def _tidied(source: Source) -> Source:
    """With line ends of one kind and without characters that have no place in text."""
    return replace(
        source,
        **{name: _UNFIT.sub("", re.sub(r"\r\n?", "\n", value)) for name, value in vars(source).items()},
    )


class _Compilation:
    def __init__(
        self, source: Source, fields: Sequence[Field], assets: Mapping[str, str], tracking: bool
    ) -> None:
        self.source, self.fields, self.tracking = source, fields, tracking
        self.assets = {_asset_key(path): url for path, url in assets.items()}
        self.findings = Findings()
        self.used: set[str] = set()
        self.book = LinkBook()

    def run(self) -> Compiled | None:
        source = self.source
        for part, problem in bounds.sizes(source):
            self.findings.error(problem.code, problem.text, where=part, line=None, **problem.slots)
        if self.findings.has_errors:
            return None
        self._check_presence()
        self._check_senders()
        subject = self._one_line("subject", source.subject)
        from_name = self._one_line("from_name", source.from_name)
        preheader = self._scope("preheader", _single_line(source.preheader))
        html, derived, html_opt_out = self._html(preheader) if source.html.strip() else ("", "", False)
        if self.findings.has_errors and any(finding.code == bounds.CODE for finding in self.findings):
            return None
        text, text_opt_out = self._text() if source.text.strip() else (derived, html_opt_out)
        self._check_opt_out(html_opt_out, text_opt_out)
        if self.findings.has_errors:
            return None
        compiled = Compiled(
            subject=subject,
            preheader=preheader.template(),
            from_name=from_name,
            from_address=source.from_address.strip(),
            reply_to=source.reply_to.strip(),
            html=lines.fold_html(html),
            text=lines.fold_text(text),
            links=tuple(self.book.links),
            fields=tuple(
                (f.name, f.kind) for f in sorted(self.fields, key=lambda f: f.name) if f.name in self.used
            ),
            tracking=self.tracking,
        )
        self._check_rendered(compiled)
        return compiled

    # parts

    def _scope(self, part: str, source: str) -> Scope:
        return Scope(part, source, fields=self.fields, used=self.used, findings=self.findings)

    def _one_line(self, part: str, source: str) -> str:
        """A header: its line breaks are spaces."""
        scope = self._scope(part, _single_line(source))
        return scope.preamble + scope.template()

    def _html(self, preheader: Scope) -> tuple[str, str, bool]:
        scope = self._scope("html", self.source.html)
        opening = _escaped_template(preheader.preamble + preheader.template())
        try:
            page = _Page(scope, self)
            html = scope.preamble + page.compiled(opening)
        except Problem as problem:  # a bound was reached: nothing more is made of it
            scope.report(problem)
            return "", "", True
        derived = "" if self.source.text.strip() else scope.preamble + page.derived_text()
        if derived:
            self.findings.warning(
                "no_text_part", _("There is no text part; one was made from the HTML."), where="text"
            )
        return html, derived, page.has_opt_out()

    def _text(self) -> tuple[str, bool]:
        scope = self._scope("text", self.source.text)
        masked = grammar.mask(self.source.text, scope.segments, _MASK)
        pieces: list[str] = []
        at = 0
        for match in _TEXT_URL.finditer(masked):
            end = match.start() + len(_without_punctuation(match.group()))
            if slot := self._text_link(scope, match.start(), end):
                pieces += [scope.template(at, match.start()), slot]
                at = end
        pieces.append(scope.template(at))
        text = scope.preamble + "".join(pieces)
        return (text if text.endswith("\n") else text + "\n"), _is_certain(scope, "unsubscribe_url")

    def _text_link(self, scope: Scope, start: int, end: int) -> str:
        address = self.address(scope, start, end, is_html=False)
        if not address or address.kind != "tracked":
            return ""
        if not self.tracking:
            return address.template
        try:
            return links.slot(self.book.for_text(address))
        except Problem as problem:
            scope.report(problem)
            return ""

    def address(self, scope: Scope, start: int, end: int, *, is_html: bool) -> Address | None:
        try:
            return read_address(scope, start, end, is_html=is_html)
        except Problem as problem:
            problem.line = scope.line_at(start)
            scope.report(problem)
            return None

    # checks

    def _check_presence(self) -> None:
        if not self.source.subject.strip():
            self.findings.error("empty_subject", _("There is no subject."), where="subject")
        if not self.source.html.strip() and not self.source.text.strip():
            self.findings.error(
                "empty_content", _("There is no content: neither HTML nor text."), where="html"
            )
        elif self.source.html.strip() and not _shows_anything(self.source.html):
            self.findings.error("empty_content", _("The HTML shows nothing."), where="html")

    def _check_senders(self) -> None:
        self._check_address("from_address", self.source.from_address)
        if self.source.reply_to.strip():
            self._check_address("reply_to", self.source.reply_to)
        for part in ("from_name", "from_address", "reply_to"):
            if "\n" in getattr(self.source, part).strip():
                self.findings.error("invalid_sender", _("The sender can't hold a line break."), where=part)

    def _check_address(self, part: str, address: str) -> None:
        if not address.strip():
            self.findings.error("invalid_sender", _("There is no sender address."), where=part)
            return
        try:
            validate_email(
                address.strip(), check_deliverability=False, allow_smtputf8=False, test_environment=True
            )
        except EmailNotValidError as error:
            self.findings.error(
                "invalid_sender",
                _("“%(address)s” is not a valid address: %(cause)s"),
                where=part,
                address=address.strip()[:200],
                cause=str(error),
            )

    def _check_opt_out(self, in_html: bool, in_text: bool) -> None:
        if not in_html and not in_text:
            if "unsubscribe_url" in self.source.html + self.source.text:
                text = _(
                    "Not every recipient sees the unsubscribe link: it stands in a condition or a comment."
                )
            else:
                text = _("There is no unsubscribe link: link to {{ unsubscribe_url }}.")
            self.findings.error(
                "no_unsubscribe_link", text, where="html" if self.source.html.strip() else "text"
            )
        elif self.source.html.strip() and self.source.text.strip() and not (in_html and in_text):
            part = "text" if in_html else "html"
            self.findings.warning(
                "no_unsubscribe_link", _("The unsubscribe link is missing from this part."), where=part
            )

    def _check_rendered(self, compiled: Compiled) -> None:
        """Both with everything filled in and with nothing: each part renders, and is not too large."""
        templates = {
            "subject.txt": compiled.subject,
            "from_name.txt": compiled.from_name,
            "text.txt": compiled.text,
            "html.html": compiled.html,
        }
        sizes = [0]
        try:
            run = environment(templates)
        except FAILURES as error:
            self._cannot_render(error, "html.html")
            return
        for values in (_samples(compiled, is_filled=True), _samples(compiled, is_filled=False)):
            for name in templates:
                try:
                    rendered = run.render_template(name, **values)
                except FAILURES as error:
                    self._cannot_render(error, name)
                    continue
                if name == "html.html":
                    sizes.append(len(rendered.encode("utf-8")))
        if max(sizes) > CLIPPED_AT:
            self.findings.warning(
                "over_102_kb",
                _("The HTML has %(size)s KB; Gmail cuts it after 102 KB, and the unsubscribe link with it."),
                where="html",
                size=max(sizes) // 1024 + 1,
            )

    def _cannot_render(self, error: Exception, name: str) -> None:
        self.findings.error(
            "template_syntax",
            _("This can't be computed: %(cause)s."),
            where=name.split(".")[0],
            cause=cause_of(error),
        )


class _Page:
    """The HTML of one compilation: tokens, what replaces what, and the text made from it."""

    def __init__(self, scope: Scope, compilation: _Compilation) -> None:
        self.scope, self.compilation = scope, compilation
        self.findings, self.book = compilation.findings, compilation.book
        self.masked = grammar.mask(scope.source, scope.segments, _MASK)
        self.tokens = list(markup.tokens(self.masked))
        bounds.of_markup(self.masked, self.tokens)
        bounds.of_tree(self.masked)
        bounds.of_style_sheets(self.masked, self.tokens)
        self.edits: list[tuple[int, int, str]] = []
        self.text_links: dict[int, str] = {}
        self.styles = styles.inline_styles(self.masked, self.tokens, mask=_MASK)
        self.labels = self._labels()

    def compiled(self, preheader: str) -> str:
        for token in self.tokens:
            if token.kind == "start":
                self._check(token)
                if token.name == "link":
                    continue  # taken out
                if token.name in _LINKS:
                    self._link(token)
                for name in _PICTURES.get(token.name, ()):
                    self._picture(token, name)
                self._style(token)
                self._srcset(token)
            elif token.kind == "raw" and token.name == "style":
                self._style_sheet(token.start, token.end)
        self._check_as_read()
        if preheader:
            hidden = f'<div style="{_PREHEADER_STYLE}">{preheader}{_PREHEADER_FILLER}</div>'
            at = self._after_body_tag()
            self.edits.append((at, at, hidden))
        if self.compilation.tracking:
            at = self._before_body_end()
            self.edits.append((at, at, PIXEL))
        return self._assembled()

    def derived_text(self) -> str:
        own = {
            token.start: self._source(style)
            for token in self.tokens
            if token.kind == "start" and (style := token.attribute("style"))
        }
        return plaintext.derive(
            self.scope, self.tokens, links=self.text_links, styles=own | dict(self.styles)
        )

    def has_opt_out(self) -> bool:
        """A link to opt out stands where every recipient sees it."""
        depths = self.scope.depths()
        for token in self.tokens:
            if token.in_condition:
                continue
            href = token.attribute("href") if token.kind == "start" and token.name in ("a", "area") else None
            spans = [(href.value_start, href.value_end)] if href else []
            spans += [(token.start, token.end)] if token.kind == "text" else []
            for start, end in spans:
                for segment, _text in self.scope.between(start, end):
                    if _reads(segment, "unsubscribe_url") and not depths[segment.start]:
                        return True
        return False

    # checks

    def _check(self, token: Token) -> None:
        line = self.scope.line_at(token.start)
        if token.name in inert.ACTIVE or (token.name == "script" and not self._is_data(token)):
            self._refuse("unsafe_markup", _("<%(tag)s> has no place in an email."), line, tag=token.name)
        for attribute in token.attributes:
            if inert.is_acting(attribute.name) and attribute.has_value:
                self._acting(attribute.name, line)
        said = token.attribute("http-equiv") if token.name == "meta" else None
        if said and not inert.is_said(self._source(said)):
            self._acting(f"http-equiv={self._source(said)[:40]}", line)
        if token.name == "link":
            self._fetched(token.start, token.end, "<link>")
        self._check_places(token)

    def _acting(self, name: str, line: int | None) -> None:
        self._refuse("unsafe_markup", _("%(name)s has no place in an email."), line, name=name)

    def _fetched(self, start: int, end: int, what: str) -> None:
        """Taken out: a style sheet from elsewhere could change what was approved, after it was."""
        self.edits.append((start, end, ""))
        self.findings.warning(
            "external_style",
            _(
                "%(what)s was taken out: what it fetches may change after approval. Write the styles into the content."
            ),
            where="html",
            line=self.scope.line_at(start),
            what=what,
        )

    def _check_as_read(self) -> None:
        """What a browser finds though it doesn't stand there as a tag of its own, if nothing was refused so far."""
        if any(finding.code == "unsafe_markup" for finding in self.findings):
            return
        left, at = [], 0
        for start, end, replacement in sorted(self.edits, key=lambda edit: edit[:2]):
            if not replacement:
                left.append(self.masked[at:start])
                at = end
        for name in inert.acting_as_read("".join([*left, self.masked[at:]])):
            self._acting(name, None)

    def _is_data(self, token: Token) -> bool:
        kind = token.attribute("type")
        return kind is not None and self._source(kind).strip().lower() in (
            "application/ld+json",
            "application/json",
        )

    def _check_places(self, token: Token) -> None:
        """A value may stand in text and in quoted attributes; elsewhere in a tag it could become markup."""
        quoted = [(a.value_start, a.value_end) for a in token.attributes if a.has_value and a.quote]
        for segment, _text in self.scope.between(token.start, token.end):
            inside = any(first <= segment.start and segment.end <= last for first, last in quoted)
            if segment.kind == "output" and not inside:
                self._refuse(
                    "unsafe_place",
                    _("A value can stand in a tag only as an attribute in quotes."),
                    segment.line,
                )

    def _refuse(self, code: str, text: str, line: int | None, **slots: Any) -> None:
        self.findings.error(code, text, where="html", line=line, **slots)

    # links

    def _link(self, token: Token) -> None:
        href = token.attribute("href")
        if not href:
            return
        address = self.compilation.address(self.scope, href.value_start, href.value_end, is_html=True)
        if not address:
            return
        if address.kind == "relative":
            address = self._absolute(token, address)
        if address.kind in ("tracked", "opt_out", "mirror"):
            self._slot(token, href, address)
        elif address.kind == "other":
            self.text_links[token.start] = self.scope.template(href.value_start, href.value_end)
            if address.plain.lower().startswith("mailto:"):
                self.text_links[token.start] = literal(unquote(address.plain[7:].split("?")[0]))

    def _absolute(self, token: Token, address: Address) -> Address:
        if url := self.compilation.assets.get(_asset_key(address.plain)):
            return Address("tracked", literal(url), url, url)
        self.findings.warning(
            "relative_link",
            _("“%(url)s” leads nowhere in an email: write the whole address."),
            where="html",
            line=self.scope.line_at(token.start),
            url=address.plain[:200],
        )
        return address

    def _slot(self, token: Token, href: Attribute, address: Address) -> None:
        if address.kind == "tracked" and not self.compilation.tracking:
            self.text_links[token.start] = address.template
            self._replace(href, _escaped_template(address.template))
            return
        link = self.book.add(address, label=self._label(token, address))
        self.text_links[token.start] = links.slot(link)
        self._replace(href, links.slot(link))

    def _label(self, token: Token, address: Address) -> str:
        label = self.labels.get(token.start, "")
        for name in ("aria-label", "title", "alt"):
            if not label and (attribute := token.attribute(name)):
                label = unescaped(self._source(attribute)).strip()
        if label:
            return label
        if address.kind == "tracked" and not token.in_condition:
            self.findings.warning(
                "unlabelled_link",
                _("The link to %(url)s has neither text nor a picture with an alternative text."),
                where="html",
                line=self.scope.line_at(token.start),
                url=address.url[:200],
            )
        return address.url if address.kind == "tracked" else ""

    def _labels(self) -> dict[int, str]:
        """The text of each link, or the alternative texts of its pictures."""
        labels: dict[int, str] = {}
        opened: Token | None = None
        words: list[str] = []
        for token in self.tokens:
            if token.in_condition != (opened.in_condition if opened else token.in_condition):
                continue
            if token.kind == "start" and token.name in _LINKS and token.name != "area":
                opened, words = token, []
            elif token.kind == "end" and opened and token.name == opened.name:
                labels[opened.start] = re.sub(r"\s+", " ", unescaped("".join(words))).strip()
                opened = None
            elif opened and token.kind == "text":
                words.append(self._outputs_and_words(token.start, token.end))
            elif opened and token.kind == "start" and token.name == "img" and (alt := token.attribute("alt")):
                words.append(f" {self._source(alt)} ")
        return labels

    def _outputs_and_words(self, start: int, end: int) -> str:
        return "".join(
            self.scope.source[segment.start : segment.end] if segment.kind == "output" else text
            for segment, text in self.scope.between(start, end)
            if segment.kind in ("text", "raw", "output")
        )

    # pictures and styles

    def _picture(self, token: Token, name: str) -> None:
        attribute = token.attribute(name)
        if not attribute:
            return
        path = self._source(attribute).strip()
        if path.lower().startswith(("data:image/", "cid:")) or not path:
            return
        address = self.compilation.address(
            self.scope, attribute.value_start, attribute.value_end, is_html=True
        )
        if address and address.kind == "relative":
            if url := self._asset(address.plain, token.start):
                self._replace(attribute, literal(escape(url)))
        elif address and address.kind == "tracked" and _MASK in self._masked(attribute):
            self._replace(attribute, _escaped_template(address.template))

    def _srcset(self, token: Token) -> None:
        srcset = token.attribute("srcset")
        if not srcset or _MASK in self._masked(srcset):
            return
        candidates = [candidate.strip().split(None, 1) for candidate in self._source(srcset).split(",")]
        absolute = [
            [self.compilation.assets.get(_asset_key(candidate[0]), candidate[0]), *candidate[1:]]
            for candidate in candidates
            if candidate
        ]
        self._replace(srcset, literal(", ".join(" ".join(candidate) for candidate in absolute)))

    def _asset(self, path: str, at: int) -> str:
        url = self.compilation.assets.get(_asset_key(path), "")
        if not url:
            self.findings.warning(
                "missing_picture",
                _("The picture “%(path)s” was not uploaded."),
                where="html",
                line=self.scope.line_at(at),
                path=path[:200],
            )
        return url

    def _style(self, token: Token) -> None:
        own = token.attribute("style")
        style = self.styles.get(token.start) if not token.in_condition else None
        if style is not None:
            filled = self._refilled(styles.attribute(self._css_urls(style)), own)
            if filled is not None and own:
                self._replace(own, filled)
            elif filled is not None:
                after_name = token.start + 1 + len(token.name)
                self.edits.append((after_name, after_name, f' style="{filled}"'))
        elif own and "url(" in self._source(own).lower() and _MASK not in self._masked(own):
            changed = self._css_urls(unescaped(self._source(own)))
            self._replace(own, literal(styles.attribute(changed)))

    def _refilled(self, style: str, own: Attribute | None) -> str | None:
        """The style as a template, its merge tags put back where the mask kept their places."""
        if _MASK not in style:
            return literal(style)
        runs = re.findall(f"{_MASK}+", self._masked(own)) if own else []
        if own is None or re.findall(f"{_MASK}+", style) != runs:
            return None
        at = own.value_start
        filled = []
        for piece in re.split(f"({_MASK}+)", style):
            if piece.startswith(_MASK):
                start = self.masked.index(piece, at)
                at = start + len(piece)
                filled.append(self.scope.template(start, at))
            else:
                filled.append(literal(piece))
        return "".join(filled)

    def _css_urls(self, css: str) -> str:
        def absolute(match: re.Match[str]) -> str:
            url = self.compilation.assets.get(_asset_key(_unquoted(match.group("path"))))
            return f"url('{url}')" if url else match.group()

        return _CSS_URL.sub(absolute, css)

    def _style_sheet(self, start: int, end: int) -> None:
        at = start
        for first, last in inert.imports(self.masked, start, end):
            self._fetched(first, last, "@import")
            self._sheet_urls(at, first)
            at = last
        self._sheet_urls(at, end)

    def _sheet_urls(self, start: int, end: int) -> None:
        for match in _CSS_URL.finditer(self.masked, start, end):
            if url := self.compilation.assets.get(_asset_key(_unquoted(match.group("path")))):
                self.edits.append((match.start(), match.end(), literal(f"url('{url}')")))

    # assembly

    def _source(self, attribute: Attribute) -> str:
        return self.scope.source[attribute.value_start : attribute.value_end]

    def _masked(self, attribute: Attribute) -> str:
        return self.masked[attribute.value_start : attribute.value_end]

    def _replace(self, attribute: Attribute, value: str) -> None:
        outer = 1 if attribute.quote else 0
        self.edits.append((attribute.value_start - outer, attribute.value_end + outer, f'"{value}"'))

    def _after_body_tag(self) -> int:
        for name in ("body", "html"):
            for token in self.tokens:
                if token.kind == "start" and token.name == name and not token.in_condition:
                    return token.end
        return 0

    def _before_body_end(self) -> int:
        for name in ("body", "html"):
            for token in reversed(self.tokens):
                if token.kind == "end" and token.name == name and not token.in_condition:
                    return token.start
        return len(self.scope.source)

    def _assembled(self) -> str:
        pieces: list[str] = []
        at = 0
        for start, end, replacement in sorted(self.edits, key=lambda edit: edit[:2]):
            pieces += [self.scope.template(at, start), replacement]
            at = end
        pieces.append(self.scope.template(at))
        return "".join(pieces)


def _single_line(source: str) -> str:
    return " ".join(line.strip() for line in source.strip().split("\n") if line.strip())


def _escaped_template(template: str) -> str:
    """A template of text as a template of HTML: values are escaped when filled in, the rest is here."""
    escaped, at = [], 0
    for tag in lines.TAG.finditer(template):
        escaped += [escape(template[at : tag.start()]), tag.group()]
        at = tag.end()
    return "".join(escaped) + escape(template[at:])


def _asset_key(path: str) -> str:
    path = unquote(path.strip()).split("?")[0].split("#")[0].replace("\\", "/")
    return re.sub(r"\A(?:\./)*+/*+", "", path)


def _unquoted(path: str) -> str:
    """What stands between the brackets of a style sheet's url()."""
    path = path.strip()
    return path[1:-1] if path[:1] in ("'", '"') and path[:1] == path[-1:] else path


def _without_punctuation(url: str) -> str:
    url = url.rstrip(".,;:!?*_")
    for opening, closing in ("()", "[]"):
        end, extra = len(url), url.count(closing) - url.count(opening)
        while extra > 0 and end and url[end - 1] == closing:
            end, extra = end - 1, extra - 1
            while end and url[end - 1] in ".,;:!?":
                end -= 1
        url = url[:end]
    return url


def _shows_anything(html: str) -> bool:
    return any(
        (token.kind == "text" and unescaped(html[token.start : token.end]).strip())
        or (token.kind == "start" and token.name == "img")
        for token in markup.tokens(html)
        if not token.in_condition
    )


def _reads(segment: grammar.Segment, name: str) -> bool:
    return segment.kind == "output" and any(
        isinstance(part, grammar.Name) and part.name == name
        for part in grammar.parts_of(segment.expression)  # type: ignore[arg-type]  # a slot always has its expression
    )


def _is_certain(scope: Scope, name: str) -> bool:
    depths = scope.depths()
    return any(_reads(segment, name) and not depths[segment.start] for segment in scope.segments)


def _samples(compiled: Compiled, *, is_filled: bool) -> dict[str, Any]:
    filled = {"number": 7, "date": "2026-04-30", "yes_no": True}
    profile = {name: filled.get(kind, "Sample") if is_filled else "" for name, kind in compiled.fields}
    slots = {f"_c{link.index}": "x" * 36 for link in compiled.links}
    return {"profile": profile, "_base": "https://mail.example.com"} | {
        "_o": "x" * 36, "_u": "x" * 36, "_m": "x" * 36, **slots
    }  # fmt: skip
