"""What a mail must not hold: what acts, sends, leads away by itself, or is fetched by whoever opens it.

Tags are judged one by one, so that a finding names its line; then once more as a browser reads the whole page,
for what is written so that it looks like a comment or a style sheet and is none.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import pairwise

from selectolax.lexbor import LexborHTMLParser, LexborNode

from deliveries.content import references
from deliveries.content.html_part import address_attributes

ACTIVE = frozenset(
    {
        "iframe",
        "object",
        "embed",
        "applet",
        "base",
        "frame",
        "frameset",
        "portal",
        "form",
        "isindex",
        "fencedframe",
    }
)
ACTING = frozenset({"formaction", "ping", "srcdoc"})  # attributes; those that begin with “on” too
# What <meta http-equiv> may say; anything else steers the program that shows the mail.
_SAID = frozenset({
    "content-type", "content-language", "x-ua-compatible", "cleartype", "imagetoolbar", "msthemecompatible",
    "default-style", "x-dns-prefetch-control", "cache-control", "pragma", "expires",
})  # fmt: skip
_ACTIVE_TAG = re.compile(rf"<(?:script|{'|'.join(sorted(ACTIVE))})\b", re.I)
_ANIMATED = "attributename"
_HARMLESS = ("https://", "http://")
_SCRIPTS_OF_DATA = frozenset({"application/ld+json", "application/json"})

# An at-keyword, whose letters may be written as escapes: @\69mport is @import.
_KEYWORD = re.compile(r"@((?:\\[0-9a-fA-F]{1,6}[ \t\n]?|\\?[a-zA-Z-]){6,42})")
_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})[ \t\n]?|\\(.)")
# To its semicolon; one inside of quotes or brackets doesn't count.
_REST = re.compile(r"""(?:"[^"\n]{0,2000}"|'[^'\n]{0,2000}'|\([^)]{0,2000}\)|[^;"'(}])*+;?""")


def is_said(http_equiv: str) -> bool:
    """Whether a mail may say this by <meta http-equiv>."""
    return references.in_attribute(http_equiv).strip().lower() in _SAID


def is_acting(attribute: str) -> bool:
    """Whether an attribute of this name runs or sends something."""
    return attribute in ACTING or attribute.startswith("on")


def imports(css: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where style sheets from elsewhere are asked for by @import, each to its end."""
    at = start
    while match := _KEYWORD.search(css, at, end):
        at = match.end()
        if _plain(match.group(1)).lower().startswith("import"):
            at = max(at, _REST.match(css, at, end).end())  # type: ignore[union-attr]  # it matches nothing, too
            yield match.start(), at


def _plain(keyword: str) -> str:
    return _ESCAPE.sub(lambda one: _character(one.group(1)) if one.group(1) else one.group(2), keyword)


def _character(code: str) -> str:
    return chr(int(code, 16)) if 0 < int(code, 16) < 0xD800 else "\ufffd"


def acting_as_read(html: str) -> list[str]:
    """What acts on this page as a browser reads it, by the names of tags and attributes; each once."""
    page = LexborHTMLParser(html)
    return _acting(page.css("*")) if _may_act(page) else []


def _may_act(page: LexborHTMLParser) -> bool:
    """Whether anything of the page can act at all; where nothing can, nobody walks through all of its tags."""
    written = page.html or ""
    if _ACTIVE_TAG.search(written) or _acting(page.css("meta, style")):
        return True
    return any(
        name == _ANIMATED or is_acting(name) or any(_led_astray("", name, unescape(value)))
        for name, value in _doubtful(written)
        if value
    )


def _doubtful(written: str) -> set[tuple[str, str]]:
    """Names and values, as they are written, of the attributes that are looked at and aren't plainly harmless."""
    looked_at: dict[str, bool] = {}
    found: set[tuple[str, str]] = set()
    # A page that a parser has written out anew has a quotation mark behind an equals sign only where a value begins.
    for before, behind in pairwise(written.split('="')):
        name = before.rpartition(" ")[2].lower()
        if name not in looked_at:
            looked_at[name] = is_acting(name) or address_attributes.concerns(name)
        if looked_at[name] and not (
            behind.startswith(_HARMLESS) and address_attributes.holds_one_address(name)
        ):
            found.add((name, behind.partition('"')[0]))
    return found


def _acting(nodes: Iterable[LexborNode]) -> list[str]:
    found: dict[str, None] = {}
    for node in nodes:
        tag = (node.tag or "").lower()
        attributes = {name.lower(): value or "" for name, value in node.attributes.items()}
        if tag in ACTIVE or (
            tag == "script" and attributes.get("type", "").strip().lower() not in _SCRIPTS_OF_DATA
        ):
            found[f"<{tag}>"] = None
        if tag == "meta" and "http-equiv" in attributes and not is_said(attributes["http-equiv"]):
            found[f"http-equiv={attributes['http-equiv'][:40]}"] = None
        if tag == "style" and any(imports(css := node.text(), 0, len(css))):
            found["@import"] = None
        if tag == "style" and address_attributes.runs_in_css(node.text()):
            found["<style>"] = None
        for name, value in attributes.items():
            if not value:
                continue
            if is_acting(name):
                found[name] = None
            elif address_attributes.concerns(name):
                found |= dict.fromkeys(_led_astray(tag, name, value))
    return list(found)


def _led_astray(tag: str, name: str, value: str) -> Iterator[str]:
    if address_attributes.holds_address(name):
        if scheme := address_attributes.refused_scheme(tag, name, value):
            yield f"{name}={scheme}:"
    elif address_attributes.is_animated(tag, name, value):
        yield f"attributeName={value[:40]}"
    elif name == "style" and address_attributes.runs_in_css(value):
        yield name
