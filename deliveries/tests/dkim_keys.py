"""Keys for tests, made anew in each run, and two independent verifiers of what they signed."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from deliveries.channels.dkim import Record

VERIFIER = """
use strict; use warnings; use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey;
my ($name, $value) = @ARGV;
{ no warnings 'redefine';
  *Mail::DKIM::DNS::query = sub {
    my ($domain, $type) = @_;
    return if lc $domain ne lc $name;
    require Net::DNS::RR;
    my @strings = $value =~ /(.{1,255})/g;
    return Net::DNS::RR->new(name => $domain, type => 'TXT', txtdata => \\@strings);
  }; }
binmode STDIN;
my $verifier = Mail::DKIM::Verifier->new();
while (<STDIN>) { $verifier->PRINT($_) }
$verifier->CLOSE;
print $verifier->result_detail, "\\n";
"""


@cache
def pem(kind: str) -> bytes:
    """A private key in PEM: `rsa`, `ed25519`, or `rsa` and its bits."""
    if kind == "ed25519":
        key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = ed25519.Ed25519PrivateKey.generate()
    else:
        key = rsa.generate_private_key(65537, int(kind.removeprefix("rsa") or 2048))
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def dkimpy_says(message: bytes, record: Record) -> bool:
    """Whether dkimpy finds the signature true; DNS holds the record alone."""

    def dns(name: bytes, timeout: int = 5) -> bytes | None:
        return record.value.encode() if name.rstrip(b".").decode() == record.name else None

    return bool(dkimpy.verify(message, dnsfunc=dns))


def perl_says(message: bytes, record: Record, folder: Path) -> str:
    """What Debian's Mail::DKIM finds: `pass`, or what is wrong; DNS holds the record alone."""
    require_perl()
    program = folder / "verify.pl"
    program.write_text(VERIFIER)
    run = subprocess.run(
        ["perl", str(program), record.name, record.value], input=message, capture_output=True, check=False
    )
    sys.stderr.write(run.stderr.decode("utf-8", "replace"))
    said = run.stdout.decode().strip()
    if "unsupported algorithm" in said:
        pytest.skip("this version of Debian's Mail::DKIM does not know Ed25519; dkimpy has verified it")
    return said


@cache
def _has_perl() -> bool:
    perl = shutil.which("perl")
    return (
        bool(perl)
        and not subprocess.run(
            [str(perl), "-MMail::DKIM::Verifier", "-e1"], capture_output=True, check=False
        ).returncode
    )


def require_perl() -> None:
    if not _has_perl():
        pytest.skip("Debian's libmail-dkim-perl is not installed: apt-get install libmail-dkim-perl")
