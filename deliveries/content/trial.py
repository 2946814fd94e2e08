"""Compiled content, rendered for a try before anybody is prepared."""

from typing import Any

from django.utils.translation import gettext_noop as n_

from deliveries.content.compiled import Compiled
from deliveries.content.findings import Findings
from deliveries.content.merge_tags.engine import FAILURES, cause_of, environment

CLIPPED_AT = 102 * 1024  # octets of HTML that Gmail shows before it cuts


def check_rendered(compiled: Compiled, findings: Findings) -> None:
    """Render each part with every field filled in and with none.

    An error is added for a part that can't be rendered, and a warning where the HTML is larger than CLIPPED_AT.
    """
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
        _cannot_render(findings, error, "html.html")
        return
    for values in (_samples(compiled, is_filled=True), _samples(compiled, is_filled=False)):
        for name in templates:
            try:
                rendered = run.render_template(name, **values)
            except FAILURES as error:
                _cannot_render(findings, error, name)
                continue
            if name == "html.html":
                sizes.append(len(rendered.encode("utf-8")))
    if max(sizes) > CLIPPED_AT:
        findings.warning(
            "over_102_kb",
            n_("The HTML has %(size)s KB; Gmail cuts it after 102 KB, and the unsubscribe link with it."),
            where="html",
            size=max(sizes) // 1024 + 1,
        )


def _cannot_render(findings: Findings, error: Exception, name: str) -> None:
    findings.error(
        "template_syntax",
        n_("This can't be computed: %(cause)s."),
        where=name.split(".")[0],
        cause=cause_of(error),
    )


def _samples(compiled: Compiled, *, is_filled: bool) -> dict[str, Any]:
    filled = {"number": 7, "date": "2026-04-30", "yes_no": True}
    profile = {name: filled.get(kind, "Sample") if is_filled else "" for name, kind in compiled.fields}
    slots = {f"_c{link.index}": "x" * 36 for link in compiled.links}
    return {"profile": profile, "_base": "https://mail.example.com"} | {
        "_o": "x" * 36, "_u": "x" * 36, "_m": "x" * 36, **slots
    }  # fmt: skip
