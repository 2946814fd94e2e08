"""The other end of a webhook: a real HTTP server on this machine, which keeps what it is told and answers as bidden."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Told:
    """One request that came in."""

    path: str
    headers: dict[str, str]
    body: str


@dataclass
class FarEnd:
    url: str = ""
    told: list[Told] = field(default_factory=list)
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    instead: Answer | None = None  # what it does instead of answering


@contextmanager
def far_end(*, tls: ssl.SSLContext | None = None) -> Iterator[FarEnd]:
    end = FarEnd()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length).decode()
            end.told.append(Told(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if end.instead is not None:
                end.instead(self)
                return
            self.send_response(end.status)
            for name, value in end.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked may have gone away
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    end.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/hook?from=sinete"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield end
    finally:
        server.shutdown()
        server.server_close()
