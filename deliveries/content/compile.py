"""Source to Compiled: all the work that is the same for every recipient, done once and checked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from campaign.lib import memory
from deliveries.content import essentials, lines, opt_out
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding, Findings
from deliveries.content.html_part.assets import Assets
from deliveries.content.html_part.escaping import escaped_template
from deliveries.content.html_part.page import Page
from deliveries.content.links import LinkBook
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.parameters import NONE, Parameters
from deliveries.content.reading import bounds
from deliveries.content.source import Field, Source
from deliveries.content.text_part.written import compile_text
from deliveries.content.trial import check_rendered

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def compile_content(
    source: Source,
    *,
    fields: Sequence[Field],
    assets: Mapping[str, str] | None = None,
    tracking: bool = True,
    parameters: Parameters = NONE,
) -> tuple[Compiled | None, list[Finding]]:
    """Return the compiled content, or none where a finding is an error, and everything the author should know.

    `assets` gives the absolute address of each uploaded picture by its relative path, `parameters` is what links get.
    """
    compilation = _Compilation(_tidied(source), fields, Assets(assets or {}), tracking, parameters)
    with memory.without_old_objects():
        compiled = compilation.run()
    return (None if compilation.findings.has_errors else compiled), list(compilation.findings)


def _tidied(source: Source) -> Source:
    """Return the source with line ends of one kind and without characters that have no place in text."""
    return replace(
        source,
        **{name: _UNFIT.sub("", re.sub(r"\r\n?", "\n", value)) for name, value in vars(source).items()},
    )


class _Compilation:
    def __init__(
        self, source: Source, fields: Sequence[Field], assets: Assets, tracking: bool, parameters: Parameters
    ) -> None:
        self.source, self.fields, self.assets, self.tracking = source, fields, assets, tracking
        self.findings = Findings()
        self.used: set[str] = set()
        self.book = LinkBook(parameters)

    def run(self) -> Compiled | None:
        source = self.source
        for part, problem in bounds.sizes(source):
            self.findings.error(problem.code, problem.text, where=part, line=None, **problem.slots)
        if self.findings.has_errors:
            return None
        essentials.check_presence(source, self.findings)
        essentials.check_senders(source, self.findings)
        essentials.check_directions(source, self.findings)
        subject = self._one_line("subject", source.subject)
        from_name = self._one_line("from_name", source.from_name)
        preheader = self._scope("preheader", _single_line(source.preheader))
        html, derived, html_opt_out = self._html(preheader) if source.html.strip() else ("", "", False)
        if self.findings.has_errors and any(finding.code == bounds.CODE for finding in self.findings):
            return None
        text, text_opt_out = self._text() if source.text.strip() else (derived, html_opt_out)
        opt_out.check(source, self.findings, in_html=html_opt_out, in_text=text_opt_out)
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
        check_rendered(compiled, self.findings)
        return compiled

    def _scope(self, part: str, source: str) -> Scope:
        return Scope(part, source, fields=self.fields, used=self.used, findings=self.findings)

    def _one_line(self, part: str, source: str) -> str:
        """A header: its line breaks are spaces."""
        scope = self._scope(part, _single_line(source))
        return scope.preamble + scope.template()

    def _html(self, preheader: Scope) -> tuple[str, str, bool]:
        """Return the HTML, a text made from it where there is none, and whether the HTML links to unsubscribe."""
        scope = self._scope("html", self.source.html)
        opening = escaped_template(preheader.preamble + preheader.template())
        try:
            page = Page(scope, assets=self.assets, book=self.book, tracking=self.tracking)
            html = page.compile(opening)
        except Problem as problem:  # a bound was reached: the rest is not compiled
            scope.report(problem)
            return "", "", True
        derived = "" if self.source.text.strip() else page.derived_text()
        return html, derived, page.has_opt_out()

    def _text(self) -> tuple[str, bool]:
        """Return the text part, and whether it links to unsubscribe."""
        scope = self._scope("text", self.source.text)
        return compile_text(scope, book=self.book, tracking=self.tracking), opt_out.is_in_text(scope)


def _single_line(source: str) -> str:
    return " ".join(line.strip() for line in source.strip().split("\n") if line.strip())
