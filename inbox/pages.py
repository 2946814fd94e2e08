"""The inbox of the development mail server in a browser, and as JSON for programs."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from inbox.store import PAGE, Reader, parsed

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .75rem; } h1 small { font-weight: normal; opacity: .7; }
form { display: flex; gap: .5rem; margin: 0 0 1rem; } input { flex: 1; min-width: 0; }
input, button { font: inherit; padding: .35rem .6rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .5rem; border-bottom: 1px solid #8884; overflow-wrap: anywhere; }
td.when, td.size { white-space: nowrap; overflow-wrap: normal; } tr:hover { background: #8881; }
nav { display: flex; gap: 1rem; margin: .75rem 0; flex-wrap: wrap; }
nav a[aria-current] { font-weight: bold; }
iframe { width: 100%; height: 75vh; border: 1px solid #8886; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #8886; padding: .75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { td.size, th.size, td.when, th.when { display: none; } }
"""
PARTS = ("html", "text", "headers", "raw")


def serve_pages(file: Path, *, port: int) -> ThreadingHTTPServer:
    """Serve the inbox on this machine's own interface, in threads of their own, until `shutdown()`."""
    handler = type("Handler", (Pages,), {"file": file})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True).start()
    return server


class Pages(BaseHTTPRequestHandler):
    """One request, answered from the file."""

    file: ClassVar[Path]
    server_version = "Sinete"

    def do_GET(self) -> None:
        # A page elsewhere that points its own name at this machine must not read the mail.
        if self.headers.get("Host", "").rsplit(":", 1)[0] not in ("127.0.0.1", "localhost", "[::1]"):
            self.answer(403, "text/plain", b"Use http://127.0.0.1")
            return
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        reader = Reader(self.file)
        try:
            self.route([part for part in url.path.split("/") if part], query, reader)
        except ValueError:
            self.answer(400, "text/plain", b"That is no number")
        finally:
            reader.close()

    def route(self, path: list[str], query: dict[str, str], reader: Reader) -> None:
        match path:
            case []:
                self.page("Inbox", _list(reader, query))
            case ["api", "count"]:
                self.json(reader.count(**_filters(query)))
            case ["api", "messages"]:
                self.json(_listing(reader, query))
            case ["api", "messages", number]:
                self.with_raw(reader, number, lambda raw: self.json(_as_json(int(number), raw)))
            case ["messages", number]:
                part = query.get("part", "html")
                self.with_raw(reader, number, lambda raw: self.page("Message", _message(number, raw, part)))
            case ["messages", number, "html"]:
                self.with_raw(reader, number, self.html_part)
            case ["messages", number, "raw"]:
                self.with_raw(reader, number, lambda raw: self.answer(200, "text/plain; charset=utf-8", raw))
            case _:
                self.answer(404, "text/plain", b"There is no such page")

    def with_raw(self, reader: Reader, number: str, answer: Callable[[bytes], None]) -> None:
        raw = reader.raw(int(number))
        if raw is None:
            self.answer(404, "text/plain", b"There is no such message")
        else:
            answer(raw)

    def html_part(self, raw: bytes) -> None:
        # In a box of its own: its scripts don't run, its links open outside.
        policy = "sandbox allow-popups allow-popups-to-escape-sandbox; script-src 'none'"
        body = '<base target="_blank">' + _body(raw, "html")
        self.answer(200, "text/html; charset=utf-8", body.encode(), {"Content-Security-Policy": policy})

    def page(self, title: str, body: str) -> None:
        html = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>'
            f'{escape(title)}</title><meta name="viewport" content="width=device-width">'
            f"<style>{STYLE}</style><body>{body}</body></html>"
        )
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'"
        self.answer(200, "text/html; charset=utf-8", html.encode(), {"Content-Security-Policy": policy})

    def json(self, value: object) -> None:
        self.answer(200, "application/json", json.dumps(value).encode())

    def answer(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """The terminal is for what matters."""


def _filters(query: dict[str, str]) -> dict[str, Any]:
    return {
        "to": query.get("to", ""),
        "id_prefix": query.get("id_prefix", ""),
        "since_id": int(query.get("since_id", 0)),
    }


def _listing(reader: Reader, query: dict[str, str]) -> dict[str, Any]:
    before = int(query["before"]) if query.get("before") else None
    limit = min(int(query.get("limit", PAGE)), 10_000)
    found = reader.messages(**_filters(query), before=before, limit=limit)
    for message in found:
        message["subject"] = _decoded(message["subject"])
    return {"messages": found, "next": found[-1]["id"] if len(found) == limit else None}


def _list(reader: Reader, query: dict[str, str]) -> str:
    counts = reader.count(**_filters(query))
    listing = _listing(reader, query)
    rows = "".join(
        f'<tr><td class="when">{_when(m["received_at"])}</td><td>{escape(m["recipient"])}</td>'
        f'<td><a href="/messages/{m["id"]}">{escape(m["subject"]) or "(no subject)"}</a></td>'
        f'<td class="size">{m["size"]:,} B</td></tr>'
        for m in listing["messages"]
    )
    older = ""
    if listing["next"]:
        older = f'<nav><a href="/?{escape(urlencode({**query, "before": listing["next"]}))}">Older</a></nav>'
    return (
        f"<h1>Inbox <small>{counts['messages']:,} messages to {counts['recipients']:,} addresses, "
        f"{counts['duplicates']:,} duplicates, {counts['refused']:,} refused</small></h1>"
        f'<form><input type="search" name="to" aria-label="Recipient" placeholder="Recipient"'
        f' value="{escape(query.get("to", ""))}"><button>Search</button></form>'
        '<table><thead><tr><th class="when">Received (UTC)<th>To<th>Subject<th class="size">Size</thead>'
        f"<tbody>{rows or '<tr><td colspan=4>Nothing here yet.'}</tbody></table>{older}"
    )


def _message(number: str, raw: bytes, part: str) -> str:
    part = part if part in PARTS else "html"
    message = parsed(raw)
    links = "".join(
        f'<a href="?part={name}"{" aria-current=page" if name == part else ""}>{label}</a>'
        for name, label in zip(PARTS, ("HTML", "Text", "Headers", "Raw"), strict=True)
    )
    head = "".join(
        f"<dt>{name}</dt><dd>{escape(str(message.get(name, '')))}</dd>" for name in ("From", "To", "Date")
    )
    if part == "html":
        shown = (
            f'<iframe title="HTML" src="/messages/{int(number)}/html"'
            ' sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>'
        )
    else:
        shown = f"<pre>{escape(_body(raw, part))}</pre>"
    subject = escape(str(message.get("Subject", ""))) or "(no subject)"
    return f'<nav><a href="/">Inbox</a></nav><h1>{subject}</h1><dl>{head}</dl><nav>{links}</nav>{shown}'


def _body(raw: bytes, part: str) -> str:
    if part == "raw":
        return raw.decode("utf-8", "replace")
    if part == "headers":
        return raw.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace")
    found = parsed(raw).get_body(("html",) if part == "html" else ("plain",))
    return str(found.get_content()).replace("\r\n", "\n") if found else "(none)"  # CRLF is for the wire


def _as_json(number: int, raw: bytes) -> dict[str, Any]:
    message = parsed(raw)
    return {
        "id": number,
        "headers": [[name, str(value)] for name, value in message.items()],
        "html": _body(raw, "html"),
        "text": _body(raw, "text"),
    }


def _decoded(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, ValueError, LookupError):
        return text


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %H:%M:%S")
