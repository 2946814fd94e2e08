"""Attributes that hold an address, on whatever element and in whatever namespace, and which addresses may stand there.

What opens one is HTML, SVG, MathML or VML, a mail program of today or of twenty years ago: so there is one list of
names and one list of schemes for all of them, and whatever is on neither is refused.
"""

import re
from functools import lru_cache

from deliveries.content import references
from deliveries.content.merge_tags.segments import MASK

# WHATWG HTML's, those that it declared obsolete, SVG's, MathML's and VML's; a prefix such as xlink: doesn't count.
_NAMES = frozenset(
    "action archive attributionsrc background base cite classid codebase data datasrc dynsrc formaction href icon "
    "imagesrcset longdesc lowsrc manifest ping poster profile src srcset usemap".split()
)
_LISTS = frozenset({"archive", "attributionsrc", "imagesrcset", "ping", "srcset"})
_PICTURES = frozenset({"background", "imagesrcset", "lowsrc", "poster", "src", "srcset"})
_PICTURE_TAGS = frozenset({"image", "feimage"})  # of SVG, whose address is an href
_ANIMATING = frozenset({"animate", "animatecolor", "animatemotion", "animatetransform", "discard", "set"})
SCHEMES = frozenset("cid ftp http https mailto mid sms tel urn webcal whatsapp".split())

# What readers drop wherever it stands: controls, spaces of each kind, marks that nobody sees.
_DROPPED = re.compile(
    "[\x00-\x20\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BEGINS_OPEN = re.compile(rf"[^:/?#]*{MASK}")
_DATA_OF_PICTURES = re.compile(r"data:image/[a-z0-9.+-]+[;,]", re.I)
_SCRIPT_IN_CSS = re.compile(
    r"""url\(\s*(?:["']\s*)?(?:java|vb|live)script\s*:|(?<![\w-])expression\s*\(|-moz-binding\s*:""", re.I
)
_CSS_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})[ \t\n]?|\\(.)|/\*.*?\*/", re.S)
_ESCAPE_ALONE = re.compile(r"\\([0-9a-fA-F]{1,6})[ \t\n]?|\\(.)", re.S)


def holds_address(attribute: str) -> bool:
    """Whether attributes of this name hold an address somewhere."""
    return attribute.rpartition(":")[2] in _NAMES


def holds_one_address(attribute: str) -> bool:
    """Whether attributes of this name hold one address, and no list of them."""
    name = attribute.rpartition(":")[2]
    return name in _NAMES and name not in _LISTS


@lru_cache(maxsize=1_024)
def concerns(attribute: str) -> bool:
    """Whether attributes of this name are looked at here at all."""
    return attribute in ("style", "attributename") or holds_address(attribute)


def is_animated(tag: str, attribute: str, value: str) -> bool:
    """Whether a tag changes an address, or what an event does, of another one after it was read."""
    if tag.rpartition(":")[2] not in _ANIMATING or attribute != "attributename":
        return False
    name = _DROPPED.sub("", references.in_attribute(value)).lower().rpartition(":")[2]
    return name in _NAMES or name.startswith("on") or MASK in name


def refused_scheme(tag: str, attribute: str, value: str) -> str:
    """The scheme by which the attribute's value must not leave; empty where it may. Merge tags are painted over."""
    name = attribute.rpartition(":")[2]
    plain = references.in_attribute(value)
    for one in re.split(r"[\s,]+", plain) if name in _LISTS else [plain]:
        address = _DROPPED.sub("", one)
        scheme = _SCHEME.match(address)
        if scheme is None or scheme.group(1).lower() in SCHEMES:
            continue
        is_picture = name in _PICTURES or tag.rpartition(":")[2] in _PICTURE_TAGS
        if not (is_picture and _DATA_OF_PICTURES.match(address)):
            return scheme.group(1).lower()
    return ""


def begins_open(value: str) -> bool:
    """Whether a merge tag stands where the scheme is still to come, so that its value could bring any."""
    return bool(_BEGINS_OPEN.match(_DROPPED.sub("", references.in_attribute(value))))


def runs_in_css(css: str) -> bool:
    """Whether a style asks for a script, in whichever way one of the programs for mail would run it."""
    # Behind the last end of a comment none is looked for: each that is never closed would be sought to the end.
    end = css.rfind("*/") + 2 if "*/" in css else 0
    plain = _CSS_ESCAPE.sub(_plain, css[:end]) + _ESCAPE_ALONE.sub(_plain, css[end:])
    return bool(_SCRIPT_IN_CSS.search(plain))


def _plain(escape: re.Match[str]) -> str:
    if code := escape.group(1):
        return chr(int(code, 16)) if 0 < int(code, 16) < 0xD800 else "\ufffd"
    return escape.group(2) or ""
