"""Conditions as a whole: each `if` has its `endif`, and there is an end to how deep and how wide they are."""

from collections.abc import Callable, Sequence

from django.utils.translation import gettext_noop as n_

from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.segments import Segment

DEEPEST_CONDITION = 32
MOST_BRANCHES = 100  # elif and else of one condition and of those around it
_DEEP_CONDITION = n_("Conditions are nested more than %(most)s deep.")
_MANY_BRANCHES = n_("A condition and those around it have more than %(most)s branches.")


def check_conditions(segments: Sequence[Segment], *, report: Callable[[Problem], None]) -> None:
    """Report each tag of a condition that stands alone, and each bound that is passed."""
    open_ifs: list[tuple[Segment, bool]] = []
    branches = [0]  # of what stands open, and around it
    for segment in segments:
        if segment.kind == "if":
            open_ifs.append((segment, False))
            branches.append(branches[-1])
            if len(open_ifs) == DEEPEST_CONDITION + 1:
                report(Problem("content_bound", _DEEP_CONDITION, line=segment.line, most=DEEPEST_CONDITION))
        elif segment.kind in ("elif", "else", "endif"):
            if not open_ifs:
                report(_stray(segment))
                continue
            opened, had_else = open_ifs.pop()
            if segment.kind == "endif":
                branches.pop()
                continue
            branches[-1] += 1
            if branches[-1] == MOST_BRANCHES + 1:
                report(Problem("content_bound", _MANY_BRANCHES, line=segment.line, most=MOST_BRANCHES))
            if had_else:
                report(_stray(segment))
            open_ifs.append((opened, had_else or segment.kind == "else"))
    for opened, _had_else in open_ifs:
        report(
            Problem(
                "template_syntax", n_("This {%% if %%} is never closed with {%% endif %%}."), line=opened.line
            )
        )


def _stray(segment: Segment) -> Problem:
    return Problem(
        "template_syntax",
        n_("{%% %(tag)s %%} stands without the {%% if %%} that it belongs to."),
        line=segment.line,
        tag=segment.kind,
    )
