"""Where the status is served, and under which names it may be asked for."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from flowroi.errors import InvalidParameterError

LOOPBACK = "127.0.0.1"
# Names under which a browser on this machine asks for it; others would be strange pages that had their name point here.
_OWN_NAMES = ("localhost", LOOPBACK, "[::1]")
_ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]/\s]+|\[[0-9A-Fa-f:.%]+\]):)?(?P<port>[0-9]{1,5})", re.ASCII)
_NAME = re.compile(r"(?:[^:\[\]/\s]+|\[[0-9A-Fa-f:.%]+\])(?::[0-9]{1,5})?", re.ASCII)
_LAST_PORT = 65535
# Browsers leave it out.
_HTTP_PORT = 80


@dataclass(frozen=True, slots=True)
class Address:
    """A host, as it is written in a URL, and a port; port 0 is any free one.

    Examples
    --------
    >>> Address.parse("9123"), str(Address.parse("[::1]:80"))
    (Address(host='127.0.0.1', port=9123), '[::1]:80')
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str | int) -> Address:
        """Read `[HOST:]PORT`; without a host it is 127.0.0.1.

        Raises
        ------
        InvalidParameterError
            If it is no such address.
        """
        found = None if isinstance(text, bool) else _ADDRESS.fullmatch(str(text))
        if found is None or int(found["port"]) > _LAST_PORT:
            raise InvalidParameterError(
                f"status is {text!r}; expected a port, 0 to {_LAST_PORT}, or HOST:PORT, such as 9123 or [::1]:9123"
            )
        return cls(found["host"] or LOOPBACK, int(found["port"]))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def resolved(self) -> tuple[socket.AddressFamily, tuple[str, int]]:
        """Return family and socket address.

        Raises
        ------
        OSError
            If the host is not known.
        """
        host = self.host.strip("[]")
        family, _, _, _, bound = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)[0]
        return family, (str(bound[0]), int(bound[1]))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an IP address."""
    return ip_address(host.partition("%")[0]).is_loopback


def check_names(names: Iterable[str]) -> None:
    """Refuse what is no list of names that a server may be asked for by, with or without a port.

    Raises
    ------
    InvalidParameterError
        If one of them is none.
    """
    for name in names:
        if isinstance(names, str) or not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise InvalidParameterError(
                f"status_host is {names!r}; expected a list of names such as scope.example.org, or NAME:PORT"
            )


def allowed_hosts(address: Address, more: Iterable[str]) -> frozenset[str]:
    """Return what a request's Host may be: the machine's own names with the port, and those that were named.

    Parameters
    ----------
    address : Address
        With the port that is served.
    more : iterable of str
        Names; those without a port count with and without the port.

    Examples
    --------
    >>> sorted(allowed_hosts(Address("127.0.0.1", 9123), ["Scope"]))
    ['127.0.0.1:9123', '[::1]:9123', 'localhost:9123', 'scope', 'scope:9123']
    """
    hosts = {f"{host}:{address.port}" for host in (address.host, *_OWN_NAMES)}
    if address.port == _HTTP_PORT:
        hosts.update((address.host, *_OWN_NAMES))
    for name in more:
        hosts.add(name)
        if not re.search(r":[0-9]+\Z", name):
            hosts.add(f"{name}:{address.port}")
    return frozenset(host.lower() for host in hosts)
