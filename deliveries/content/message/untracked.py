"""Compiled content for whoever is not measured: links lead straight where they lead, no picture tells of an open.

What is sealed holds both forms: the page with its picture, and of each link its slot and its own address. So which of
them leaves is decided for each recipient without compiling anything anew.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from deliveries.content import lines
from deliveries.content.compiled import Compiled
from deliveries.content.html_part.escaping import escaped_template
from deliveries.content.html_part.page import PIXEL
from deliveries.content.merge_tags.own_addresses import BASE

_CLICK = re.compile(re.escape(f"{BASE}/c/{{{{ _c") + r"(\d+)" + re.escape(" }}"))


# As it was written, wherever its line was broken since: between two attributes, or before its end.
_PIXEL = re.compile(re.escape(PIXEL).replace(r"\ ", r"[ \n]").removesuffix(">") + r"\n?>")


def untracked(compiled: Compiled, *, opens: bool, clicks: bool) -> Compiled:
    """Return the content as it leaves to whoever lets `opens` or `clicks` be measured, or neither."""
    html, text = compiled.html, compiled.text
    if not opens:
        html = _PIXEL.sub("", html)
    if not clicks:
        html = lines.fold_html(_straight(html, compiled, escaped_template))
        text = lines.fold_text(_straight(text, compiled, str))
    return replace(compiled, html=html, text=text, tracking=compiled.tracking and opens)


def _straight(template: str, compiled: Compiled, written: Callable[[str], str]) -> str:
    """The template with each link's own address in place of its slot."""
    return _CLICK.sub(lambda slot: written(compiled.links[int(slot.group(1))].template), template)
