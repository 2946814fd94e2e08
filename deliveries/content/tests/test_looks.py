"""What is sent looks as its source does in a browser: each property of each tag, wide and narrow, light and dark."""

from pathlib import Path

import pytest
from django.conf import settings
from selectolax.lexbor import LexborHTMLParser

from deliveries.content.tests.compiling import OPT_OUT, compiled
from deliveries.content.tests.rendering import ANA, renderer

pytestmark = pytest.mark.browser

NEWSLETTERS = Path(settings.BASE_DIR).parent / "shared" / "data" / "newsletters"
REAL = ("colorlib-06-shopping", "leemunroe-simple", "postmark-welcome-inlined")
ALL_PROPERTIES = """() => [document.body, ...document.body.querySelectorAll('*')].map(tag => {
  const style = getComputedStyle(tag);
  return tag.tagName + ' ' + [...style].map(name => name + ':' + style.getPropertyValue(name)).join(';');
})"""
SHEETS = {
    "important rules and smaller screens": ".a{width:600px !important} @media (max-width:480px){.a{width:100% !important}}",
    "smaller screens and dark ones": ".a{width:600px;color:#111} @media (max-width:480px){.a{width:300px}}"
    "@media (prefers-color-scheme:dark){.a{color:#eee}}",
    "rules for parts": "p{margin:4px;margin-left:9px} @media (max-width:480px){p{margin-top:1px}} #i{margin:0 2px}",
    "borders": ".a{border:1px solid red} @media (max-width:480px){.a{border-color:blue}} div{border-top:3px dotted}",
    "a weaker rule behind": ".a{color:red} @media all{p,.b{color:blue}} div p{color:green}",
    "lists of selectors that no browser knows": "p{color:blue} .a, p:unheard-of{color:red} .a, p::unheard-of{color:red}",
    "selectors that look at styles": 'div[style*="margin: 4px"]{color:red} .a{margin:4px} [style]{padding:3px}',
    "layers and supports": "@layer x{.a{color:red}} @supports (display:grid){.a{width:9px}} .a{width:50%;color:blue}",
    "nested rules": "div{color:red; p{color:green} @media (max-width:480px){width:9px}} .a{width:40%;color:black}",
    "fonts": "p{font-size:20px;line-height:2} @media (max-width:480px){p{font:12px serif}}",
    "values that no browser knows": "p{width:200px} .a{width:wide;color:#zz}",
    "important ones of a tag's own": "p{color:red !important} .b{color:blue}",
    "what is not": "p:not(.a){color:red} .b{color:blue} p:first-child{color:green}",
    "quirky names": ".A{color:red} .a{width:40%} @media (max-width:480px){.A{width:10%}}",
}
BODY = '<div class="a">one <p class="a b" id="i" style="color:navy">two<p class="b">three</p></div><p class="A">four'


def looks_of(browser, html):
    """Every property of every tag of the body, on each kind of screen."""
    page = browser.new_page()
    page.set_content(html)
    found = {}
    for width in (600, 320):
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found[width, scheme] = page.evaluate(ALL_PROPERTIES)
    page.close()
    return found


def assert_looks_the_same(browser, source, sent):
    before, after = looks_of(browser, source), looks_of(browser, sent)
    for screen, tags in before.items():
        assert after[screen] == tags, screen


def without_what_is_fetched(html):
    """A page whose pictures and fonts load nowhere, so that no moment of loading shows."""
    tree = LexborHTMLParser(html)
    for node in tree.css("link, img, script"):
        node.decompose()
    return tree.html.replace("@import", "@none")


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS.keys())
def test_style_sheets_act_as_they_did(browser, sheet):
    doctype = "" if ".A{" in sheet else "<!doctype html>"  # without one, names differ in capital letters only
    source = f"{doctype}<html><head><style>{sheet}</style></head><body>{BODY}{OPT_OUT}</body></html>"

    sent = compiled(html=source, tracking=False).html

    assert sent.count("style=") >= source.count("style=")
    assert_looks_the_same(browser, source.replace("{{ unsubscribe_url }}", "x"), sent)


@pytest.mark.parametrize("name", REAL)
def test_a_newsletter_looks_as_its_author_made_it(browser, name):
    path = NEWSLETTERS / f"{name}.html"
    if not path.exists():
        pytest.skip("the newsletters are not beside this checkout")
    source = without_what_is_fetched(path.read_text()).replace("{{", "(").replace("}}", ")")
    source = source.replace("</body>", f"{OPT_OUT}</body>")

    sent = compiled(html=source, tracking=False).html

    assert sent.count("style=") > source.count("style=")
    assert_looks_the_same(browser, source.replace("{{ unsubscribe_url }}", "x"), sent)


@pytest.mark.parametrize("media", ["print", "only screen and (max-width:480px)"])
def test_a_sheet_for_some_screens_acts_on_no_other(media):
    source = f'<!doctype html><style media="{media}">.a{{display:none}}</style>{BODY}{OPT_OUT}'

    assert "display: none" not in compiled(html=source, tracking=False).html


@pytest.mark.parametrize(
    "href",
    [
        "https://shop.example/?a=1&region=south&copy=2",
        "https://shop.example/a/\nb?x=1",
        "https://shop.example/#a|b",
    ],
)
def test_a_link_leads_where_the_browser_would_go(browser, href):
    page = browser.new_page()
    page.set_content(f'<a href="{href}">x</a>')
    meant = page.evaluate("document.querySelector('a').href")
    made = renderer(f'<a href="{href}">x</a>{OPT_OUT}').link_url(0, ANA)

    assert page.evaluate("url => new URL(url).href", made) == meant
    page.close()
