"""Networks by which hits are known, read from a file of ours and one that an operator refreshes."""

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from campaign.lib.networks import BITS
from feedback.agents import AgentKind
from feedback.readers.rules import BadReaderRules, state

FILE = Path(__file__).parent / "rules" / "networks.txt"
LARGEST_FILE = 64 * 1024 * 1024  # bytes
MOST_LINES = 1_000_000
_KINDS = {str(kind): kind for kind in (AgentKind.MACHINE, AgentKind.UNSURE)}
_SEPARATOR = re.compile(r"[\s,;]+")

# Class by the network's first address, by how long its prefix is, by version.
_Table = dict[int, dict[int, dict[int, AgentKind]]]


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks that are known."""

    table: _Table
    number: int

    @lru_cache(maxsize=16_384)  # noqa: B019  there are as many of these as files were read
    def kind_of(self, network: str) -> AgentKind:
        """What a kept network says by itself; the smallest that is known and holds it decides."""
        try:
            asked = ipaddress.ip_network(network)
        except ValueError:
            return AgentKind.HUMAN
        whole, first = asked.max_prefixlen, int(asked.network_address)
        for length, known in self.table.get(asked.version, {}).items():  # the longest first
            if length <= asked.prefixlen and (kind := known.get(first >> (whole - length))):
                return kind
        return AgentKind.HUMAN


def in_force() -> Networks:
    """Return the networks of both files as they are now. Raises BadReaderRules."""
    own = settings.READER_NETWORKS
    return _read(own, state(own) if own else None)


@lru_cache(maxsize=2)
def _read(own: str, _changed: tuple[int, int] | None) -> Networks:
    return read_files(own)


def read_files(own: str = "") -> Networks:
    """Return the networks of our file and of an operator's, which decides where both speak. Raises BadReaderRules."""
    found: dict[int, dict[int, dict[int, AgentKind]]] = {4: defaultdict(dict), 6: defaultdict(dict)}
    number = 0
    for path in [FILE, *([Path(own)] if own else [])]:
        for network, kind in _lines(path):
            length = network.prefixlen
            found[network.version][length][
                int(network.network_address) >> (network.max_prefixlen - length)
            ] = kind
            number += 1
    return Networks(
        {version: dict(sorted(by_length.items(), reverse=True)) for version, by_length in found.items()},
        number,
    )


def _lines(path: Path) -> Iterator[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, AgentKind]]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadReaderRules(f"{path}: more than {LARGEST_FILE} bytes.")
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if number > MOST_LINES:
                    raise BadReaderRules(f"{path}: more than {MOST_LINES} lines.")
                if told := line.partition("#")[0].strip():
                    yield _line(f"{path}, line {number}", told)
    except OSError as error:
        raise BadReaderRules(f"{path}: {error}") from error


def _line(where: str, told: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, AgentKind]:
    name, kind, *_more = [*_SEPARATOR.split(told, maxsplit=2), ""]
    if kind not in _KINDS:
        raise BadReaderRules(f"{where}: after the network stands “machine” or “unsure”.")
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError as error:
        raise BadReaderRules(f"{where}: {error}") from error
    most = BITS[network.version]
    if network.prefixlen <= most:
        return network, _KINDS[kind]
    if kind == AgentKind.MACHINE:
        raise BadReaderRules(
            f"{where}: of an address the /{most} is kept: a smaller network can't be a machine's."
        )
    return network.supernet(new_prefix=most), _KINDS[kind]
