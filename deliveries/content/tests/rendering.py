"""A renderer of compiled content, and one recipient."""

from datetime import UTC, date, datetime

from campaign.lib.tokens import Signer
from deliveries.content.compile import compile_content
from deliveries.content.message.render import Renderer
from deliveries.content.parameters import NONE
from deliveries.content.source import Field, Source

FIELDS = [
    Field("first_name"),
    Field("city"),
    Field("segment"),
    Field("points", "number"),
    Field("birth_date", "date"),
    Field("is_member", "yes_no"),
]
BODY = """<html><body>
<p>Hello {{ profile.first_name|default('there') }} from {{ profile.city }}</p>
<p>{% if profile.points > 100 %}many{% else %}few{% endif %} {{ profile.points }} {{ profile.birth_date }}</p>
<a title="{{ profile.first_name }}" href="https://www.example.com/s?a=1&amp;q={{ profile.city }}#x">Search</a>
<a href="https://www.example.com/plain">Plain</a>
<p><a href="{{ mirror_url }}">Browser</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>"""
NOON = datetime(2026, 4, 30, 12, tzinfo=UTC)
ANA = {"first_name": "Ana", "city": "São Paulo", "points": 120, "birth_date": date(1990, 2, 3)}
signer = Signer({1: b"k" * 32}, current=1)
KEY = 2**62 + 12345


def renderer(html=BODY, *, fields=FIELDS, tracking=True, parameters=NONE, **changes) -> Renderer:
    """A renderer of this HTML, which must compile."""
    source = {
        "subject": "{{ profile.first_name }}, news from {{ profile.city }}",
        "from_name": "Açaí & Co",
        "from_address": "news@example.com",
        "html": html,
        **changes,
    }
    compiled, findings = compile_content(
        Source(**source), fields=fields, tracking=tracking, parameters=parameters
    )
    assert compiled, findings
    return Renderer(
        compiled,
        base_url="https://mail.example.com/",
        signer=signer,
        delivery_key=KEY,
        domain="example.com",
        list_id="news.example.com",
        verp_domain="bounces.example.com",
    )
