"""What axe-core finds on a page as it stands in a browser, by the rules of WCAG 2.2 AA; and what is wider than it."""

from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe

# The layout changes with the width, the colours with the theme: two looks see all of either.
LOOKS = [(1366, "light"), (390, "dark")]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(axe: Axe, page: Any, where: str) -> list[str]:
    """What axe-core finds on the page as it stands, each with where and on what."""
    answer = axe.run(
        page, options={"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    )
    return [
        f"{where}: {each['id']} {[node['target'] for node in each['nodes']][:3]}"
        for each in answer.response["violations"]
    ]


def looks(page: Any) -> Iterator[str]:
    """Turn the page as it stands to each look, and yield the look's name: its answer is asked for and read but once."""
    for width, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.evaluate(SETTLED)
        yield f"{width} {theme}"


# What scripts do right after loading or turning has been done, and drawn.
SETTLED = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
WIDER = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const wide = [...document.querySelectorAll("body *")].filter(each => each.getBoundingClientRect().right > width + 1);
    return [document.documentElement.scrollWidth, ...wide.slice(0, 3).map(each => each.outerHTML.slice(0, 80))];
}"""


def too_wide(page: Any, where: str) -> list[str]:
    """What makes the page scroll sideways; nothing where it fits."""
    found = page.evaluate(WIDER)
    return [f"{where}: {found}"] if found else []
