"""Commands as a terminal shows them."""

from io import StringIO

from django.core.management import call_command


def asked(command: str, *arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()
