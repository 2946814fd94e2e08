"""Values of profiles that have broken mailings elsewhere, content that shows them, and how to read a part back."""

import re
from email.message import EmailMessage

from django.conf import settings as configuration

from deliveries.tests.factories import HTML

CONTENT = {
    "subject": "{{ profile.first_name|default('you') }}, news — from {{ profile.last_name }}",
    "from_name": "{{ profile.last_name }} of Serra Alta",
    "reply_to": "answers@bücher.example",
    "html": HTML.replace("Hello ", "Hello <b title='{{ profile.last_name }}'>{{ profile.last_name }}</b> ")
    + "<pre>\n.\n..two\n</pre>",
    "text": ".{{ profile.first_name }}\n{{ profile.last_name }}\n.\n\nSee https://www.example.com/offers\n{{ unsubscribe_url }}",
}
NASTY = [
    "", " ", ".", "..", "\r\n.\r\n", "\n.\nQUIT\r\n", "Ana\r\nBcc: victim@example.com", "Ana\nBcc: x@example.com\n\nbody",
    "=?utf-8?q?Ana?=", "=?utf-8?b?", "a  b   c", "\tTab", "\"quoted\" \\ back", "Ana <x@example.com>, Bob", "(comment)",
    "Wolfeschlegelsteinhausenbergerdorff" * 40, "ü" * 500, "🙂" * 300, "x" * 3_000, "word " * 400, "\u2028\u2029\x85\x0b\x0c",
    "\ud800", "\x00\x01\x7f", "‮abc", "é" * 44 + "x", "e\u0301" * 50, "-- ", "--=_boundary--", "{{ x }}{% y %}",
]  # fmt: skip


def at_rest(text: str) -> str:
    """A received part with its own links as the preview has them: without signature, and without the pixel."""
    url = re.escape(configuration.PUBLIC_URL)
    text = re.sub(rf'<img src="{url}/o/[^>]*>', "", text.replace("\r\n", "\n"))
    return re.sub(rf"({url}/[cmou]/)[A-Za-z0-9_-]{{36}}", r"\1preview", text)


def part(message: EmailMessage, kind: str) -> str:
    """The text of a received message's part (`plain` or `html`), as the preview has it."""
    found = message.get_body((kind,))
    assert found is not None
    return at_rest(found.get_content()).removesuffix("\n")
