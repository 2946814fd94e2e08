"""A mailbox behind IMAP for tests: as much of RFC 3501 as a fetch asks for, in a thread of its own."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PASSWORD = "open sesame"


class Mailbox(socketserver.ThreadingTCPServer):
    """Mails by their UID, each with its flags. What was asked stands in `asked`."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, mails: dict[int, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails, self.asked = dict(mails), []
        self.flags: dict[int, set[str]] = {uid: set() for uid in mails}

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say("* OK ready")
        for line in self.rfile:
            tag, _, command = line.decode().strip().partition(" ")
            self.server.asked.append(re.sub(r"^LOGIN .*", "LOGIN", command))
            name = "_" + re.match(r"(?:UID )?\w+", command)[0].lower().replace(" ", "_")
            answer = getattr(self, name, self._other)(command)
            self._say(f"{tag} {answer or 'OK done'}")
            if name == "_logout":
                return

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode("latin-1") + b"\r\n")

    def _capability(self, _command: str) -> None:
        self._say("* CAPABILITY IMAP4rev1 UIDPLUS")

    def _login(self, command: str) -> str | None:
        return None if PASSWORD in command else "NO [AUTHENTICATIONFAILED] wrong password"

    def _select(self, _command: str) -> str:
        self._say(f"* {len(self.server.mails)} EXISTS")
        return "OK [READ-WRITE] selected"

    def _uid_search(self, _command: str) -> None:
        waiting = [str(uid) for uid, flags in self.server.flags.items() if not flags]
        self._say(" ".join(["* SEARCH", *waiting]))

    def _uid_fetch(self, command: str) -> None:
        uid = int(command.split()[2])
        raw = self.server.mails[uid]
        if "RFC822.SIZE" in command:
            self._say(f"* 1 FETCH (UID {uid} RFC822.SIZE {len(raw)})")
        else:
            self._say(f"* 1 FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n{raw.decode('latin-1')})")

    def _uid_store(self, command: str) -> None:
        self.server.flags[int(command.split()[2])] |= set(re.findall(r"\\(\w+)", command))

    def _uid_expunge(self, command: str) -> None:
        self.server.mails.pop(int(command.split()[2]))

    def _logout(self, _command: str) -> None:
        self._say("* BYE")

    def _other(self, _command: str) -> None:
        """Done, without an answer."""


@contextmanager
def serving(mails: dict[int, bytes]) -> Iterator[Mailbox]:
    """A mailbox that listens until the block ends."""
    with Mailbox(mails) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
