"""`make bench-spam`: what SpamAssassin says, without the network, of the demo's mail and of newsletters beside it.

Needs Debian's spamassassin. Each mail is compiled, rendered for one recipient and scored with local rules alone; the
rules that hit are named with what each costs.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")
django.setup()

from campaign.lib.tokens import Signer  # noqa: E402  # Django is set up first
from deliveries.content.compile import compile_content  # noqa: E402  Django is set up before
from deliveries.content.message.render import Renderer  # noqa: E402  Django is set up before
from deliveries.content.source import Field, Source  # noqa: E402  Django is set up before

HOW_TO = "There is no spamassassin here. On Debian or Ubuntu: apt-get install spamassassin"
NEWSLETTERS = Path(settings.BASE_DIR).parent / "shared" / "data" / "newsletters"
DEMO = Path(settings.BASE_DIR) / "deliveries" / "demo" / "newsletter"
FIELDS = [Field(name) for name in ("first_name", "city", "segment", "language")] + [Field("points", "number")]
VALUES = {"first_name": "Ana", "city": "São Paulo", "segment": "vip", "points": 5, "language": "pt"}
OPT_OUT = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body>'
SECONDS = 120  # for one mail
_SCORE = re.compile(r"score=(-?[\d.]+)")
_RULE = re.compile(r"^\s*\*?\s*(-?\d+\.\d)\s+([A-Z][A-Z0-9_]+)", re.M)


def main(argv: list[str]) -> int:
    """Print score and rules of each mail; return 1 where there is no spamassassin."""
    parser = argparse.ArgumentParser(prog="make bench-spam", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    arguments = parser.parse_args(argv)
    if not shutil.which("spamassassin"):
        print(HOW_TO, file=sys.stderr)
        return 1
    mails = [
        row
        for path in [DEMO / "newsletter.html", *sorted(NEWSLETTERS.glob("*.html"))]
        if (row := _scored(path))
    ]
    if arguments.json:
        print(json.dumps({"mails": mails}))
        return 0
    for mail in mails:
        rules = ", ".join(f"{name} {score}" for name, score in mail["rules"].items())
        print(f"{mail['score']:>5}  {mail['mail']:40} {rules}")
    return 0


def _scored(path: Path) -> dict[str, object] | None:
    mail = _mail(path)
    if mail is None:
        print(f"       {path.stem:40} is not compiled: a template of another system", file=sys.stderr)
        return None
    ended = subprocess.run(
        ["spamassassin", "--local", "--test-mode"],
        input=mail,
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    said = ended.stdout.decode("utf-8", "replace")
    score = _SCORE.search(said)
    rules = {name: float(cost) for cost, name in _RULE.findall(said)}
    return {"mail": path.stem, "score": float(score.group(1)) if score else None, "rules": rules}


def _mail(path: Path) -> bytes | None:
    beside = path.with_suffix(".json")
    written = {"subject": "News of the month", "from_name": "Shop", "from_address": "news@example.com"}
    if beside.exists():
        written = json.loads(beside.read_text())
    html = path.read_text()
    if "unsubscribe_url" not in html:
        html = html.replace("</body>", OPT_OUT)
    compiled, _findings = compile_content(Source(html=html, **written), fields=FIELDS)
    if compiled is None:
        return None
    made = Renderer(
        compiled,
        base_url="https://mail.example.com",
        signer=Signer({1: b"k" * 32}, current=1),
        delivery_key=1,
        domain=compiled.from_address.rpartition("@")[2],
    )
    return made.message(seq=1, address="ana@example.org", values=VALUES, date=datetime.now(UTC))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
