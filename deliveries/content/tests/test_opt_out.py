"""A link to unsubscribe that nobody sees is none."""

import pytest

from deliveries.content.tests.compiling import errors

MISSING = ("no_unsubscribe_link", "html", None)
LINK = '<a href="{{ unsubscribe_url }}">Out</a>'
UNSEEN = {
    "hidden": f'<div style="display:none">{LINK}</div>',
    "hidden by a style sheet": f"<style>.h p{{display:none}}</style><div class=h><p>{LINK}</p></div>",
    "hidden although important elsewhere": f'<style>.h{{display:none !important}}</style><p class=h style="display:block">{LINK}</p>',
    "hidden attribute": f"<p hidden>{LINK}</p>",
    "invisible": f'<p style="visibility:hidden">{LINK}</p>',
    "clear": f'<p style="opacity:0">{LINK}</p>',
    "empty": '<a href="{{ unsubscribe_url }}"></a>',
    "blank": '<a href="{{ unsubscribe_url }}"> &nbsp;&zwnj;\u200b</a>',
    "said to some": '<a href="{{ unsubscribe_url }}">{% if profile.city %}Out{% endif %}</a>',
    "no letters' size": '<a href="{{ unsubscribe_url }}" style="font-size:0">Out</a>',
    "a pixel's size": f'<div style="font-size:1px;line-height:1px">{LINK}</div>',
    "no height": f'<div style="max-height:0;overflow:hidden">{LINK}</div>',
    "a picture of a pixel": '<a href="{{ unsubscribe_url }}"><img src="https://example.com/x.gif" width=1 height=1 alt=Out></a>',
    "a picture of nothing": '<a href="{{ unsubscribe_url }}"><img src="" alt=Out></a>',
    "white on white": '<a href="{{ unsubscribe_url }}" style="color:#fff">Out</a>',
    "its ground's colour": '<td bgcolor="#102030"><a href="{{ unsubscribe_url }}" style="color:rgb(16,32,48)">Out</a>',
    "transparent": '<a href="{{ unsubscribe_url }}" style="color:transparent">Out</a>',
    "beside the window": f'<div style="position:absolute;left:-9999px">{LINK}</div>',
    "a head's": f"<head><title>{LINK}</title></head>",
    "a tag that hides is left open": f'<div style="display:none">x<p>{LINK}</p>',
}  # fmt: skip
SEEN = {
    "plain": LINK,
    "written": "<p>{{ unsubscribe_url }}</p>",
    "a picture": '<a href="{{ unsubscribe_url }}"><img src="https://example.com/x.gif" alt=Out></a>',
    "a map": '<img src="https://example.com/x.gif" usemap="#m"><map name=m><area href="{{ unsubscribe_url }}" alt=Out></map>',
    "hidden on some screens": f"<style>@media print{{p{{display:none}}}}</style><p>{LINK}</p>",
    "a style sheet for paper": f'<style media="print">p{{display:none}}</style><p>{LINK}</p>',
    "white on blue": '<td bgcolor="#0000ff"><a href="{{ unsubscribe_url }}" style="color:#fff">Out</a>',
    "white on a picture": '<td background="https://example.com/x.png"><a href="{{ unsubscribe_url }}" style="color:#fff">Out</a>',
    "of a size of its own": f'<div style="font-size:0"><span style="font-size:13px">{LINK}</span></div>',
    "visible again": f'<div style="visibility:hidden"><p style="visibility:visible">{LINK}</p></div>',
    "after what is hidden and not closed": f'<p style="display:none">x<p>{LINK}</p>',
    "after a cell that is not closed": f'<table><tr><td style="display:none">x<td>{LINK}</table>',
    "no head's end": f"<html><head><title>t</title><body><p>{LINK}</p></body></html>",
}  # fmt: skip


def errors_of(body):
    return errors(html=f"<!doctype html><html><body><p>Hello</p><table>{body}</table></body></html>" if body.startswith("<td") else f"<!doctype html><p>Hello</p>{body}", text="")  # fmt: skip


@pytest.mark.parametrize("body", UNSEEN.values(), ids=UNSEEN.keys())
def test_a_link_that_nobody_sees_does_not_count(body):
    assert MISSING in errors_of(body)


@pytest.mark.parametrize("body", SEEN.values(), ids=SEEN.keys())
def test_a_link_that_everybody_sees_counts(body):
    assert errors_of(body) == []
