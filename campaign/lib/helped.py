"""How the `--help` of a command reads: what it does, its options, an example, what its exit codes mean."""

import textwrap
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter
from django.db import models


class HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Django's order of options; sentences are wrapped at the terminal's width, indented lines stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            line if line.startswith(" ") else textwrap.fill(line, width, initial_indent=indent)
            for line in text.splitlines()
        )


class Parser(CommandParser):
    """Django's, which says of `--to=--` that this is no value: Python's would hand over an empty list."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        for word in args or ():
            if word.startswith("--") and word.endswith("=--"):
                self.error(f"argument {word[:-3]}: “--” is no value")
        return super().parse_args(args, namespace)


class HelpedCommand(BaseCommand):
    """A command whose help ends with `example`, a line for each, and with `exit_codes`."""

    example: ClassVar[str] = ""
    exit_codes: ClassVar[str] = "0 done, 1 refused by a rule, 2 wrong usage"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs.setdefault("formatter_class", HelpFormatter)
        examples = "\n".join(f"  {line.strip()}" for line in self.example.splitlines())
        kwargs.setdefault("epilog", f"example:\n{examples}\n\nexit codes:\n  {self.exit_codes}")
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.__class__ = Parser  # Django takes no other class
        return parser


MOST_ROWS = 1_000_000  # of one answer of a command


def row_count(text: str) -> int:
    """Return the number of rows that a person asks for; raise ArgumentTypeError unless it is from 1 to MOST_ROWS."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= number <= MOST_ROWS:
        raise ArgumentTypeError(f"“{text[:50]}” is no whole number from 1 to {MOST_ROWS:,}")
    return number


def seconds(text: str) -> float:
    """Return how long to wait; raise ArgumentTypeError for what is no number of seconds from 0 on."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not found >= 0:  # "nan" is none either, and would never be over
        raise ArgumentTypeError(f"“{text[:50]}” is no number of seconds")
    return found


def of_field(model: type[models.Model], name: str) -> str:
    """Say what a field of the model is, as its form does."""
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return ". ".join(str(text).rstrip(".") for text in (field.verbose_name, field.help_text) if text)
