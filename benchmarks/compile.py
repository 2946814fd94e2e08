"""How long content takes to be compiled, and how that grows with the page: `make bench-compile`, `ARGS="--json"`.

Each kind of page is compiled at SMALL and at LARGE octets, and the best of TRIES counts: processor time of this process
and of those that it starts, so that reading style sheets apart is counted too.
"""

import argparse
import json
import os
import resource
import sys
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")
django.setup()

from deliveries.content.compile import compile_content  # noqa: E402  # settings come first
from deliveries.content.source import Field, Source  # noqa: E402  Django is set up before

SMALL, LARGE = 25_000, 400_000
MOST_GROWTH = 19.0  # 16 would be in line with the size
MOST_SECONDS = 1.0  # for a page of LARGE octets
TRIES = 3
FIELDS = [Field("first_name"), Field("city"), Field("points", "number")]
SHEET = (
    ".row td{padding:8px;color:#333} .name{font-weight:bold} a{color:#06c} a:hover{color:red} .row:nth-child(%s){}"
    "@media (max-width:600px){.row td{padding:2px}} @media (prefers-color-scheme:dark){.row td{color:#eee}}"
)
WORDS = "Our shop has new chairs this month, come and see them on Saturday from ten to six. "


def _shop(number: int) -> str:
    return (
        f'<tr class="row"><td><a href="https://shop.example.com/item/{number % 1500}?a=1&region=2"><img width="80" '
        f'src="https://i.example.com/{number}.png" alt="Item {number}"></a></td><td class="name" style="width:200px">'
        f"Item {number}</td><td>{WORDS}</td></tr>\n"
    )


def _letter(number: int) -> str:
    return (
        f"<p>{{% if profile.points > {number} %}}Dear {{{{ profile.first_name|default('reader') }}}}, {{% endif %}}"
        f"{WORDS * 3}</p>\n"
    )


def _price(number: int) -> str:
    return (
        f'<tr><td><a href="https://shop.example.com/item/{number}">Item {number}</a></td>'
        f"<td><b>{number}</b>,00</td></tr>\n"
    )


KINDS: dict[str, tuple[str, Callable[[int], str]]] = {
    "shop": (SHEET.replace(" .row:nth-child(%s){}", ""), _shop),
    "shop, its style sheets read apart": (SHEET.replace("%s){}", "2n){margin:0}"), _shop),
    "price list, a link in each row": (SHEET.replace(" .row:nth-child(%s){}", ""), _price),
    "letter": (SHEET.replace(" .row:nth-child(%s){}", ""), _letter),
}


def page_of(kind: str, octets: int) -> str:
    """Return a page of this kind that is about so large."""
    sheet, row = KINDS[kind]
    rows, size, number = [], 0, 0
    while size < octets - 400:
        rows.append(row(number))
        size, number = size + len(rows[-1]), number + 1
    head = f"<!doctype html><html><head><title>News</title><style>{sheet}</style></head><body>"
    body = f"<table>{''.join(rows)}</table>" if rows[0].startswith("<tr") else "".join(rows)
    return f'{head}{body}<p><a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></p></body></html>'


def seconds_for(html: str) -> float:
    """Return the processor time that compiling takes, of this process and its children; the best of TRIES."""
    source = Source(subject="News", from_name="Shop", from_address="news@example.com", html=html)
    taken = []
    for _try in range(TRIES):
        begun = _spent()
        compiled, findings = compile_content(source, fields=FIELDS)
        taken.append(_spent() - begun)
        if compiled is None:
            sys.exit("\n".join(map(str, findings)))
    return min(taken)


def _spent() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def measured() -> list[dict[str, object]]:
    """Return one row for each kind of page."""
    rows: list[dict[str, object]] = []
    for kind in KINDS:
        small, large = (seconds_for(page_of(kind, octets)) for octets in (SMALL, LARGE))
        growth = large / small
        is_well = growth <= MOST_GROWTH and large < MOST_SECONDS
        rows.append(
            {
                "page": kind,
                "seconds_25_kb": round(small, 3),
                "seconds_400_kb": round(large, 3),
                "growth": round(growth, 1),
                "is_well": is_well,
            }
        )
    return rows


def main(argv: list[str]) -> int:
    """Print the figures; return 1 where a page takes too long or grows too fast."""
    parser = argparse.ArgumentParser(prog="make bench-compile", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    arguments = parser.parse_args(argv)
    rows = measured()
    is_well = all(row["is_well"] for row in rows)
    if arguments.json:
        print(
            json.dumps(
                {"pages": rows, "most_growth": MOST_GROWTH, "most_seconds": MOST_SECONDS, "is_well": is_well}
            )
        )
    else:
        for row in rows:
            print(
                f"{row['page']:36} 25 KB {row['seconds_25_kb']:.3f} s   400 KB {row['seconds_400_kb']:.3f} s   "
                f"{row['growth']} times" + ("" if row["is_well"] else "   TOO LONG")
            )
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
