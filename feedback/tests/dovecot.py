"""Debian's Dovecot before a folder of mail (Maildir): a private instance on loopback ports, with TLS and a password."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from campaign.stack.dovecot import HOW_TO, find
from deliveries.tests.certificates import authority, certified

PASSWORD = "a p@ss word"
SETTINGS = """
base_dir = {at}/run
state_dir = {at}/run
log_path = {at}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{at}/server.crt
ssl_key = <{at}/server.key
mail_location = maildir:{mail}
first_valid_uid = 1
first_valid_gid = 1
auth_mechanisms = plain
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {at}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={at}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True)
class Dovecot:
    folder: Path
    port: int
    tls_port: int

    @property
    def ca_file(self) -> str:
        return str(self.folder / "authority.pem")


@contextmanager
def serving(mail: Path, *, owner: str) -> Iterator[Dovecot]:
    """A mailbox of the user `bounces` whose mail stands in a folder of `owner`.

    The test is skipped where there is no Dovecot, or no right to start one; the check of the house has it.
    """
    program = find()
    if program is None:
        (pytest.fail if os.environ.get("SINETE_NO_SKIPS") else pytest.skip)(HOW_TO)
    if os.geteuid() != 0:
        pytest.skip("dovecot is started by root only")
    folder = Path(tempfile.mkdtemp(prefix="dovecot-", dir="/tmp"))
    try:
        server = _prepared(folder, mail, owner)
        process = subprocess.Popen([program, "-F", "-c", str(folder / "dovecot.conf")])
        try:
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(folder: Path, mail: Path, owner: str) -> Dovecot:
    folder.chmod(0o755)
    who = pwd.getpwnam(owner)
    (folder / "home").mkdir()
    os.chown(folder / "home", who.pw_uid, who.pw_gid)
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        server = Dovecot(folder, one.getsockname()[1], other.getsockname()[1])
    slots = {"at": folder, "mail": mail, "uid": who.pw_uid, "gid": who.pw_gid}
    (folder / "dovecot.conf").write_text(SETTINGS.format(**slots, port=server.port, tls_port=server.tls_port))
    (folder / "users").write_text(f"bounces:{{PLAIN}}{PASSWORD}\n")
    (folder / "users").chmod(0o644)
    certified("127.0.0.1", by=authority()).files(folder)
    (folder / "authority.pem").write_bytes(authority().pem)
    return server


def _wait_for(server: Dovecot, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0 and probe.recv(4) == b"* OK":
                return
        assert process.poll() is None, _log(server)
        assert time.monotonic() < end, _log(server)
        time.sleep(0.05)


def _log(server: Dovecot) -> str:
    log = server.folder / "log"
    return log.read_text(errors="replace")[-4000:] if log.exists() else "it said nothing"
