"""What axe-core finds on a page as it stands in a browser, by the rules of WCAG 2.2 AA; and what is wider than it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from axe_playwright_python.sync_playwright import Axe

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = json.dumps({"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]})
# The layout changes with the width, the colours with the theme: two looks see all of either.
LOOKS: Sequence[tuple[int, Any]] = ((1366, "light"), (390, "dark"))
# The desk's package asks for the theme as a page begins, so it is told by the class that it would have set. A colour
# goes over to another from one frame to the next, however short that is: a slow machine would be seen in between.
SETTLED = """async dark => {
    document.documentElement.classList.toggle("dark", dark);
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    await new Promise(setTimeout);
}"""


def violations(axe: Axe, page: Any, where: str) -> list[str]:
    """What axe-core finds on the page as it stands, each with where and on what."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    found = page.evaluate(
        f"axe.run({OPTIONS}).then(all => all.violations.map(each => [each.id, each.nodes.map(node => node.target)]))"
    )
    return [f"{where}: {rule} {targets[:3]}" for rule, targets in found]


def looks(page: Any, wanted: Sequence[tuple[int, Any]] = LOOKS) -> Iterator[str]:
    """Turn the page as it stands to each look, and yield the look's name: its answer is asked for and read but once."""
    for width, theme in wanted:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # no colour between two
        page.evaluate(SETTLED, theme == "dark")
        yield f"{width} {theme}"


def in_each_look(axe: Axe, page: Any, where: str, *, wanted: Sequence[tuple[int, Any]] = LOOKS) -> list[str]:
    """What axe-core finds, and what scrolls sideways, on one page that is loaded, in each look that is wanted."""
    found = []
    for look in looks(page, wanted):
        found += violations(axe, page, f"{where} {look}") + too_wide(page, f"{where} {look}")
    return found


WIDER = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const sticksOut = each => each.checkVisibility() && each.getBoundingClientRect().right > width + 1;
    const wide = [...document.querySelectorAll("body *")].filter(sticksOut);
    const innermost = wide.filter(each => ![...each.children].some(sticksOut));
    return [document.documentElement.scrollWidth, ...innermost.slice(0, 3).map(each => each.outerHTML.slice(0, 80))];
}"""


def too_wide(page: Any, where: str) -> list[str]:
    """What makes the page scroll sideways; nothing where it fits."""
    found = page.evaluate(WIDER)
    return [f"{where}: {found}"] if found else []
