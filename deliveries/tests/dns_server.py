"""A DNS server on this machine that knows the TXT and MX records that a test gives it."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class Zone:
    """The TXT records by name, and the MX records by domain as `10 mx.example`.

    A name without any is there and has no such record, one that is not named does not exist. `asked` lists the names as they were asked for. A server that is `silent` answers nothing.
    """

    def __init__(
        self, records: Mapping[str, list[str]], exchanges: Mapping[str, list[str]] | None = None
    ) -> None:
        self.records = dict(records)
        self.exchanges = dict(exchanges or {})
        self.asked: list[str] = []
        self.silent = False
        self.place = ""

    def answer(self, octets: bytes) -> bytes | None:
        query = dns.message.from_wire(octets)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        if self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        if name not in {*self.records, *self.exchanges}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif said := self._said(name, kind):
            response.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", kind, said))
        return response.to_wire()

    def _said(self, name: str, kind: str) -> list[str]:
        if kind == "MX":
            return self.exchanges.get(name, [])
        return [_quoted(text) for text in self.records.get(name, [])] if kind == "TXT" else []


def _quoted(text: str) -> str:
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


@contextmanager
def serving(
    records: Mapping[str, list[str]], exchanges: Mapping[str, list[str]] | None = None
) -> Iterator[Zone]:
    """The server answers while inside; `place` of the zone is its address and port."""
    zone = Zone(records, exchanges)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            octets, socket = self.request
            if (answer := zone.answer(octets)) is not None:
                socket.sendto(answer, self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        zone.place = f"127.0.0.1#{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield zone
        finally:
            server.shutdown()
            thread.join()
