"""From templates of text to templates of HTML."""

from html import escape

from deliveries.content import lines


def escaped_template(template: str) -> str:
    """Return a template of text as a template of HTML: the text is escaped here, values when they are filled in."""
    escaped, at = [], 0
    for tag in lines.TAG.finditer(template):
        escaped += [escape(template[at : tag.start()]), tag.group()]
        at = tag.end()
    return "".join(escaped) + escape(template[at:])
