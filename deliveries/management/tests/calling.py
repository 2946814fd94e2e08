"""Commands called with `--json`, and content for them."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

CONTENT = {
    "subject": "Hello {{ profile.first_name }}",
    "from_name": "Serra Alta",
    "from_address": "news@serra-alta.example",
    "html": '<p>Hello <a href="https://serra-alta.example/">shop</a></p><p><a href="{{ unsubscribe_url }}">Bye</a></p>',
    "text": "Hello https://serra-alta.example/ {{ unsubscribe_url }}",
}


def run(*arguments: Any) -> dict[str, Any]:
    """What the command answers with --json."""
    out = StringIO()
    call_command(*map(str, arguments), "--json", stdout=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def refused(*arguments: Any) -> tuple[int, str]:
    """The exit code of a command that refuses, and the code of its answer."""
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command(*map(str, arguments), "--json", stdout=out)
    return error.value.returncode, json.loads(out.getvalue())["error"]
