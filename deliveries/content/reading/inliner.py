"""Style sheets inlined by css-inline: here, or in a process of its own where their selectors may take long.

Which tags a selector means is mostly seen at the tag itself. One that looks at all siblings, or through a long chain of
ancestors, may take hours for a page of a few kilobytes, and nothing can end the thread that is at it.
"""

import re
import subprocess
import sys

import css_inline
from django.utils.translation import gettext_noop as n_

from deliveries.content.merge_tags.problem import Problem
from deliveries.content.reading.bounds import CODE

MOST_SECONDS = 5  # of processor time
MOST_SECONDS_OF_WAITING = 30
MOST_OCTETS = 1 << 30  # of memory
MOST_PAIRS = 2_000_000  # of rules and tags
MOST_HEAPED = (
    1_000_000_000  # of tags and pairs of rules: what many rules give to one tag costs as their square
)
MOST_STEPS = 6  # from one tag to another, in one selector

SLOW = n_(
    "The style sheets take longer than %(most)s seconds to apply; use simpler selectors, without ~ and :nth-child, or "
    "fewer tags."
)

_LOOKS_FAR = re.compile(
    r"~(?!=)|:(?:nth|last|only|first-of|has|not|is|where)\b|:(?:nth|last|only|first)-", re.I
)
_STEP = re.compile(r"[\s>+]+(?=[^\s>+{,])")
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_link_tags=False)
_UNFIT = 3
_CHILD = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({MOST_SECONDS}, {MOST_SECONDS} + 1))
resource.setrlimit(resource.RLIMIT_AS, ({MOST_OCTETS}, {MOST_OCTETS}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import css_inline
inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_link_tags=False)
try:
    inlined = inliner.inline(sys.stdin.buffer.read().decode())
except css_inline.InlineError:
    sys.exit({_UNFIT})
sys.stdout.buffer.write(inlined.encode())
"""


def inlined(html: str, *, sheets: str, tags: int) -> str | None:
    """Return the page with a style attribute at each tag; None where it can't be read.

    `sheets` is the text of its style sheets, `tags` the number of its tags. Raise Problem where it takes too long.
    """
    return _here(html) if is_quick(sheets, tags) else _in_a_child(html)


def is_quick(sheets: str, tags: int) -> bool:
    """Whether each selector is decided near its tag, and there are not too many of them."""
    rules = sheets.count("{") + sheets.count(",")
    if rules * tags > MOST_PAIRS or rules**2 * tags > MOST_HEAPED or _LOOKS_FAR.search(sheets):
        return False
    return all(
        len(_STEP.findall(selector.strip())) <= MOST_STEPS
        for rule in sheets.split("}")
        for selector in rule.rpartition("{")[0].rpartition("{")[2].split(",")
    )


def _here(html: str) -> str | None:
    try:
        return _inliner.inline(html)
    except css_inline.InlineError:
        return None


def _in_a_child(html: str) -> str | None:
    command = [sys.executable, "-I", "-c", _CHILD]
    try:
        ended = subprocess.run(
            command, input=html.encode(), capture_output=True, timeout=MOST_SECONDS_OF_WAITING, check=False
        )
    except subprocess.TimeoutExpired:
        raise Problem(CODE, SLOW, most=MOST_SECONDS) from None
    if ended.returncode == _UNFIT:
        return None
    if ended.returncode:
        raise Problem(CODE, SLOW, most=MOST_SECONDS)
    return ended.stdout.decode()
