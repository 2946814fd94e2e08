"""Sound content around any body, compiled, and what is found in it."""

from dataclasses import replace

from deliveries.content.compile import compile_content
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding
from deliveries.content.parameters import NONE
from deliveries.content.source import Field, Source

FIELDS = [
    Field("first_name"),
    Field("city"),
    Field("segment"),
    Field("points", "number"),
    Field("language"),
    Field("birth_date", "date"),
    Field("is_member", "yes_no"),
]
OPT_OUT = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
SOURCE = Source(
    subject="News",
    from_name="Example",
    from_address="news@example.com",
    html=f"<body><p>Hello</p>{OPT_OUT}</body>",
    text="Hello {{ unsubscribe_url }}\n",
)


def compiled(body="", *, fields=FIELDS, assets=None, tracking=True, parameters=NONE, **changes) -> Compiled:
    """The content of a body that must compile."""
    content, findings = compile_content(
        with_body(body, changes), fields=fields, assets=assets, tracking=tracking, parameters=parameters
    )
    assert content, findings
    return content


def findings(body="", *, level=None, fields=FIELDS, parameters=NONE, **changes) -> list[Finding]:
    """What is found in a body, of one level or of all."""
    _content, found = compile_content(with_body(body, changes), fields=fields, parameters=parameters)
    return [finding for finding in found if level in (None, finding.level)]


def errors(body="", **changes) -> list[tuple[str, str, int | None]]:
    """Code, part and line of each error in a body."""
    return [(f.code, f.where, f.line) for f in findings(body, level="error", **changes)]


def warnings(body="", **changes) -> list[tuple[str, str, int | None]]:
    """Code, part and line of each warning about a body."""
    return [(f.code, f.where, f.line) for f in findings(body, level="warning", **changes)]


def with_body(body, changes):
    """Sound content with this body, changed as said."""
    html = f"<body>\n{body}\n{OPT_OUT}</body>" if body else SOURCE.html
    return replace(SOURCE, **({"html": html} | changes))
