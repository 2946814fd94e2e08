"""The map of clicks: the message as it was sealed, with the clicks at each of its links."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _t
from selectolax.lexbor import LexborHTMLParser, LexborNode

from accounts.models import User
from audiences import sight
from deliveries.models import Delivery, Message
from deliveries.proofs import numbered
from reporting.reactions.reactions import Link

NONE = -1
LOOKED_AT = 200  # of the first recipients: one of them is shown whom the person may see

_MARK = (
    "display:inline-block;margin:0 3px;padding:1px 7px;border:1px solid #fff;border-radius:10px;background:#4039c4;"
    "color:#fff;font:600 12px/1.5 system-ui,sans-serif;letter-spacing:0;text-align:center;text-decoration:none;"
    "text-indent:0;text-transform:none;white-space:nowrap;vertical-align:middle;box-shadow:0 1px 3px rgba(0,0,0,.35)"
)


def somebody(delivery: Delivery, user: User) -> Any:
    """The first recipient whom the person may see, if there is one among the first."""
    messages = Message.objects.filter(delivery=delivery).exclude(address="").order_by("seq")
    rows: list[Any] = list(sight.marked(messages, user=user, unit=delivery.unit)[:LOOKED_AT])
    return next((row for row in rows if row.is_clear), None)


def drawn(delivery: Delivery, links: Sequence[Link], *, values: Mapping[str, Any]) -> str:
    """The page for these values with a mark at each link; empty where it can't be filled in."""
    written = numbered.page(delivery, values)
    if not written:
        return ""
    page, by_index = LexborHTMLParser(written), {link.index: link for link in links}
    for node in page.css("a[href], area[href]"):
        link = by_index.get(_index(node))
        if link is None:
            _leads_nowhere(node)
        else:
            _marked(node, link)
    return page.html or ""


def shown_on(delivery: Delivery, *, values: Mapping[str, Any]) -> frozenset[int]:
    """The indexes of the links that stand on the page for these values."""
    page = LexborHTMLParser(numbered.page(delivery, values))
    return frozenset(map(_index, page.css("a[href], area[href]"))) - {NONE}


def _index(node: LexborNode) -> int:
    """Which link a node is; `NONE` for one that isn't ours."""
    place, _before, index = (node.attributes.get("href") or "").partition(numbered.PLACE)
    return int(index) if not place and index.isascii() and index.isdecimal() and len(index) < 6 else NONE


def _marked(node: LexborNode, link: Link) -> None:
    said = _said(link)
    node.attrs["title"] = said
    if "target" in node.attributes:
        del node.attrs["target"]
    if node.tag == "area":
        _behind_its_map(node, _mark(link, said))
    else:
        node.insert_child(_mark(link, said))


def _leads_nowhere(node: LexborNode) -> None:
    """A link that isn't tracked has no number, and its address stays out of the frame."""
    del node.attrs["href"]


def _behind_its_map(node: LexborNode, mark: LexborNode) -> None:
    above = node.parent
    while above is not None and above.tag not in ("map", "body"):
        above = above.parent
    if above is not None and above.tag == "map":
        above.insert_after(mark)


def _said(link: Link) -> str:
    slots = {
        "number": link.number,
        "clicks": number_format(link.clicks, 0, force_grouping=True),
        "people": number_format(link.people, 0, force_grouping=True),
    }
    return _t("Link %(number)s: clicks %(clicks)s, people %(people)s") % slots


def _mark(link: Link, said: str) -> LexborNode:
    shown = f"{link.number}: {number_format(link.clicks, 0, force_grouping=True)}"
    made = LexborHTMLParser(f'<span style="{_MARK}" title="{escape(said)}">{escape(shown)}</span>')
    found = made.css_first("span")
    assert found is not None
    return found
