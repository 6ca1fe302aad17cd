"""The egress guard (product.md §12.2): which addresses Ropewalk may connect to, whatever the name that led there."""

from __future__ import annotations

import re
import socket
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import unquote

from ropewalk.core.errors import MustFix, Problem, Refused, RetryLater
from ropewalk.core.origins import canonical

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
"""(host name, port) -> its addresses; raises `socket.gaierror`."""

# Our own table and not `is_global`, which changes its mind from one Python to the next.
_REFUSED_V4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network, unspecified
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # the metadata and wire server of a large cloud, in a public range
        "169.254.0.0/16",  # link-local, metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # special purposes, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: leads to whatever IPv4 address is inside
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")

_LOOKS_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\Z")
_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def system_resolver(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


class Guard:
    """`allow` holds networks (`10.1.0.0/16`), addresses and host names that pass although they aren't public."""

    def __init__(self, allow: Iterable[str] = (), resolver: Resolver = system_resolver) -> None:
        self._resolve = resolver
        self._networks: list[Network] = []
        self._names: set[str] = set()
        wrong: list[Problem] = []
        for entry in filter(None, (each.strip() for each in allow)):
            try:
                self._networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                name = canonical(entry)
                if name is None or _LOOKS_NUMERIC.match(name) or "/" in entry or ":" in name:
                    wrong.append(
                        Problem("ROPEWALK_ALLOW_NETWORKS", f"{entry} is no network and no host name")
                    )
                else:
                    self._names.add(name)
        if wrong:
            raise MustFix(
                "invalid_setting",
                "ROPEWALK_ALLOW_NETWORKS takes networks like 10.1.0.0/16 and host names, separated by commas.",
                wrong,
            )

    def check(self, host: str, port: int = 443) -> tuple[Address, ...]:
        """The addresses to connect to, every one of them allowed; raises `Refused` for any other host."""
        name = canonical(host)
        if name is None:
            if _odd(host):
                raise _refused(host)
            raise MustFix("invalid_url", f"{_printable(host)} is not a host name.")
        literal = _literal(name)
        if literal is None and _LOOKS_NUMERIC.match(name):
            raise _refused(host, "an odd spelling of an address")
        addresses = (literal,) if literal else self._look_up(name, port)
        if name not in self._names:
            closed = [str(address) for address in addresses if not self._open(address)]
            if closed:
                raise _refused(host, ", ".join(closed))
        return addresses

    def check_pinned(self, host: str, port: int, hosts: re.Pattern[str]) -> tuple[Address, ...]:
        """As `check`, for a host that has to be one of a vendor's, or be allowed by its name or its network."""
        addresses = self.check(host, port)
        name = canonical(host) or ""
        if name in self._names or hosts.fullmatch(name):
            return addresses
        if all(any(address in network for network in self._networks) for address in addresses):
            return addresses
        raise Refused(
            "host_refused",
            f"{_printable(host)} is not one of the hosts that this source may talk to; whoever operates this "
            "installation can allow it with ROPEWALK_ALLOW_NETWORKS",
        )

    def _look_up(self, name: str, port: int) -> tuple[Address, ...]:
        try:
            found = self._resolve(name, port)
        except socket.gaierror as error:
            if error.errno in _UNKNOWN:
                raise _unknown(name) from None
            raise RetryLater(
                "lookup_failed", f"The address of {name} could not be looked up just now."
            ) from None
        except (OSError, UnicodeError):
            raise RetryLater(
                "lookup_failed", f"The address of {name} could not be looked up just now."
            ) from None
        if not found:
            raise _unknown(name)
        return tuple(dict.fromkeys(ip_address(each.partition("%")[0]) for each in found))

    def _open(self, address: Address) -> bool:
        if public(address):
            return True
        forms: list[Address] = [address]
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            forms.append(address.ipv4_mapped)
        return any(form in network for form in forms for network in self._networks)


def public(address: Address) -> bool:
    """Whether the address belongs to the public internet, in each form that hides an IPv4 address too."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    if address.ipv4_mapped:
        return public(address.ipv4_mapped)
    if address in _NAT64:
        return public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)


def _literal(name: str) -> Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _odd(host: str) -> bool:
    """Whether what is no host name was still meant to be read as an address by somebody's parser."""
    text = unicodedata.normalize("NFKC", unquote(host)).lower().strip(".[] \t\r\n\0")
    return bool(_LOOKS_NUMERIC.match(text)) or ":" in text


def _refused(host: str, detail: str = "") -> Refused:
    return Refused(
        "address_refused",
        f"{_printable(host)} resolves to a private address; whoever operates this installation can allow it with "
        "ROPEWALK_ALLOW_NETWORKS",
        detail=detail,
    )


def _unknown(name: str) -> MustFix:
    return MustFix("unknown_host", f"There is no host {name}; check the URL for a slip of the pen.")


def _printable(host: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in host)[:255]
