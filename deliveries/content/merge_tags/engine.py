"""Templates, run by minijinja with plain values only."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import minijinja

FUEL = 200_000  # instructions for one part of one message; the largest newsletter seen needs a hundredth
FAILURES = (minijinja.TemplateError, ValueError, TypeError, OverflowError)  # of running a template
# More than an author's condition may have: content that was sealed before there was a bound is still run.
MOST_BRANCHES_RUN = 400
_WRITTEN_NUMBER = re.compile(r"[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_BRANCHES = re.compile(r"\{%[-+]? *+(if|elif|else|endif)\b")


class TooManyBranches(ValueError):
    """The template is not read: the engine would take a stack frame for each branch of its conditions."""


def environment(templates: Mapping[str, str]) -> minijinja.Environment:
    """Return what runs `templates`, by name; a name that ends in .html escapes, and what is undefined is an error.

    Raise TooManyBranches, or a minijinja.TemplateError where a template can't be read.
    """
    made = minijinja.Environment(
        undefined_behavior="strict", fuel=FUEL, debug=False, pycompat=False, keep_trailing_newline=True
    )
    made.add_filter("date", format_date)
    made.add_filter("as_number", as_number)
    for name, template in templates.items():
        if _longest_condition(template) > MOST_BRANCHES_RUN:
            raise TooManyBranches(f"a condition has more than {MOST_BRANCHES_RUN} branches")
        made.add_template(name, template)
    return made


def _longest_condition(template: str) -> int:
    """Return how many branches stand within and after one another at most."""
    depth, open_, most = 0, [0], 0
    for tag in _BRANCHES.findall(template):
        if tag == "if":
            depth += 1
            open_.append(depth)
        elif tag == "endif":
            depth = open_.pop() - 1 if len(open_) > 1 else 0
        else:
            depth += 1
        most = max(most, depth)
    return most


def as_number(value: Any) -> int | float | str:
    """Return a number, or the one that a text consists of; nothing for anything else."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    written = str(value).strip()
    return (float(written) if "." in written else int(written)) if _WRITTEN_NUMBER.fullmatch(written) else ""


def format_date(value: str, form: str = "%Y-%m-%d") -> str:
    """Return an ISO date in the author's form, such as %d/%m/%Y, and nothing for an empty one.

    Raise ValueError where `value` is no ISO date.
    """
    return datetime.fromisoformat(value).strftime(form) if value else ""


def cause_of(error: Exception) -> str:
    """Return what one of FAILURES came from, in the engine's words."""
    return str(getattr(error, "detail", "") or getattr(error, "message", "") or error)
