"""Text that stands in a template as it is."""


def literal(text: str) -> str:
    """Return a template that renders to just this text."""
    if "{" not in text:
        return text
    for opening in ("{{", "{%", "{#"):
        text = text.replace(opening, f"\x00{opening}\x01")
    if text.endswith("{"):  # the next thing might begin with a brace
        text = text[:-1] + "\x00{\x01"
    return text.replace("\x00", "{{ '").replace("\x01", "' }}")
