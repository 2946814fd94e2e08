"""Content that reaches a bound of its size, depth or number."""

from deliveries.content.compile import compile_content
from deliveries.content.source import Source
from deliveries.content.tests.compiling import FIELDS, OPT_OUT

DEEP = "<div>" * 20_000
BOMBS = {
    "nested tags": DEEP,
    "nested tags that are closed": DEEP + "x" + "</div>" * 20_000,
    "tags that look closed": "<div><object></div>" * 9_000,
    "tags that a parser leaves open": "<span><div></span>" * 9_000,
    "nested tags in a template": "<template>" + "<div>" * 900,
    "unclosed tags that are opened again": "<p><font color=red>x</p>" * 9_000,
    "nested tags in a list of choices": "<select>" + "<div>" * 900,
    "tags that are opened again in each paragraph": (
        "<p>" + "".join(f"<b a={n}>" for n in range(900)) + "</p>" + "<p>x</p>" * 5_000
    ),
    "many tags": "<br>" * 30_000,
    "many attributes": "<p " + "a=1 " * 5_000 + ">",
    "many links": "".join(f"<a href='https://example.com/{n}'>x</a>" for n in range(5_000)),
    "style sheets that say much about many tags": (
        "<style>p{" + "".join(f"a{n}:1;" for n in range(9_000)) + "}</style>" + "<p>x</p>" * 9_000
    ),
    "nested conditions": "{% if 1 %}" * 3_000 + "x" + "{% endif %}" * 3_000,
    "branches": "{% if 0 %}" + "{% elif 0 %}x" * 5_000 + "{% endif %}",
    "operators": "{{ " + " and ".join(["profile.city"] * 5_000) + " }}",
    "filters": "{{ profile.city" + "|upper" * 700 + " }}",
    "negations": "{{ " + "not " * 1_000 + "1 }}",
    "many merge tags": "{{ profile.city }}" * 20_000,
    "a long merge tag": "{{ '" + "x" * 100_000 + "' }}",
    "a long page": "x" * (2 * 1024 * 1024),
}
AS_DEEP_AS_MAY_BE = (
    "<style>div{color:red}</style>" + "<div>" * 250 + "{% if 1 %}" * 32 + "x" + "{% endif %}" * 32
)


def compiled_of(body):
    """What a body is compiled to, or None, and what was found in it."""
    html = f"<html><body>{body}{OPT_OUT}</body></html>"
    return compile_content(
        Source(subject="s", from_name="n", from_address="a@example.com", html=html), fields=FIELDS
    )
