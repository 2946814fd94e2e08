"""Debian's postfix as a relay of a test: a private instance on a loopback port, which wants TLS and a password.

It delivers whatever it takes to one folder (Maildir), whatever the domain; nothing leaves the machine.
"""

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

from deliveries.tests.certificates import authority, certified

PASSWORD = "a p@ss:word"
PROGRAMS = ("/usr/sbin/postfix", "/usr/sbin/saslpasswd2")
MAIN = """
compatibility_level = 3.6
config_directory = {at}
queue_directory = {at}/queue
data_directory = {at}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
maillog_file = {at}/log/mail.log
maillog_file_prefixes = {at}
myhostname = relay.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = static:all
virtual_mailbox_base = {at}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_alias_maps =
transport_maps = texthash:{at}/transport
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {at}/server.crt
smtpd_tls_key_file = {at}/server.key
smtpd_sasl_auth_enable = yes
smtpd_tls_auth_only = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {at}/sasl
smtpd_sasl_local_domain = relay.example
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
strict_rfc821_envelopes = yes
smtpd_peername_lookup = no
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN
sasldb_path: {at}/sasl/passwords
"""


@dataclass(frozen=True)
class Postfix:
    folder: Path
    port: int

    @property
    def ca_file(self) -> str:
        return str(self.folder / "authority.pem")

    @property
    def log(self) -> str:
        return (self.folder / "log" / "mail.log").read_text(errors="replace")

    @property
    def inbox(self) -> Path:
        """The folder (Maildir) into which everything is delivered that leads nowhere else."""
        return self.folder / "mail" / "inbox"

    def leads(self, domain: str, *, port: int) -> None:
        """Mail for the domain is handed on, from now on, to the server at a port of this machine."""
        (self.folder / "transport").write_text(f"{domain} smtp:[127.0.0.1]:{port}\n")
        _run("/usr/sbin/postfix", "-c", str(self.folder), "reload")

    def delivered(self, number: int, *, seconds: float = 60) -> list[bytes]:
        """What lies in the mailbox, once it is so many messages; each is taken out."""
        inbox, end = self.inbox / "new", time.monotonic() + seconds
        while len(files := sorted(inbox.glob("*"))) < number:
            assert time.monotonic() < end, f"{len(files)} of {number} were delivered\n{self.log[-4000:]}"
            time.sleep(0.05)
        octets = [file.read_bytes().replace(b"\n", b"\r\n") for file in files]
        for file in files:
            file.unlink()
        return octets


@contextmanager
def postfix_running() -> Iterator[Postfix]:
    """A relay of its own; the test is skipped where there is no postfix, or no right to start one."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        pytest.skip(
            f"not installed: {', '.join(missing)} (apt-get install postfix sasl2-bin libsasl2-modules)"
        )
    if os.geteuid() != 0:
        pytest.skip("postfix is started by root only")
    folder = Path(tempfile.mkdtemp(prefix="postfix-", dir="/tmp"))
    try:
        relay = _prepared(folder)
        _run("/usr/sbin/postfix", "-c", str(folder), "start")
        try:
            _wait_for(relay)
            yield relay
        finally:
            _run("/usr/sbin/postfix", "-c", str(folder), "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(folder: Path) -> Postfix:
    folder.chmod(0o755)
    owner = pwd.getpwnam("postfix")
    for name in ("queue", "data", "log", "mail", "sasl"):
        (folder / name).mkdir(mode=0o755)
    for name in ("data", "mail"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    slots = {"at": folder, "port": port, "uid": owner.pw_uid, "gid": owner.pw_gid}
    (folder / "main.cf").write_text(MAIN.format(**slots))
    (folder / "master.cf").write_text(MASTER.format(**slots))
    (folder / "transport").touch()
    (folder / "sasl" / "smtpd.conf").write_text(SASL.format(**slots))
    certified("127.0.0.1", by=authority()).files(folder)
    (folder / "authority.pem").write_bytes(authority().pem)
    passwords = folder / "sasl" / "passwords"
    _run(
        "/usr/sbin/saslpasswd2",
        "-p",
        "-c",
        "-f",
        str(passwords),
        "-u",
        "relay.example",
        "news",
        said=PASSWORD,
    )
    os.chown(passwords, owner.pw_uid, owner.pw_gid)
    return Postfix(folder, port)


def _run(*command: str, said: str = "") -> None:
    done = subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _wait_for(relay: Postfix) -> None:
    end = time.monotonic() + 30
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", relay.port)) == 0 and probe.recv(3) == b"220":
                return
        assert time.monotonic() < end, relay.log
        time.sleep(0.05)
