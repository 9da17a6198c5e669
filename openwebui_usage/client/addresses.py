"""Which address asks, behind which proxies, and which network it is in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(address: str, v4: int = 32, v6: int = 64) -> str:
    """The network that an address is in; prefixes of `v4` and `v6` bits."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, v4 if ip.version == 4 else v6), strict=False))


def parse_networks(text: str) -> list[Network]:
    """`10.0.0.0/8, 127.0.0.1` or `*`. Raises ValueError that names the entry."""
    networks: list[Network] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        if entry == "*":
            networks += [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
            continue
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            raise ValueError(f"{entry!r} is no address or network, such as 127.0.0.1 or 10.0.0.0/8") from None
    return networks


def client_address(
    peer: str | None, forwarded: Iterable[str], trusted: Sequence[Network], *, rewritten: bool = False
) -> str:
    """Who asks: the connection's other end, or, where that is a trusted proxy, the last in the chain of
    `X-Forwarded-For` that is none. All before that was written by whoever asks.

    `rewritten`: the server in front put some address of that chain in the place of `peer`. Open WebUI's takes the
    first, which anybody may write; the last comes from its proxy, if there is one.
    """
    address = peer or "unknown"
    if not rewritten and not _is_in(address, trusted):
        return address
    chain = [part.strip() for value in forwarded for part in value.split(",")]
    for part in reversed(chain):
        hop = _plain_address(part)
        if hop is None:
            break
        address = hop
        if not _is_in(hop, trusted):
            break
    return address


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)


def _plain_address(text: str) -> str | None:
    """Some proxies write a port, or brackets, beside the address."""
    found = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", text)
    try:
        return str(ipaddress.ip_address((found[1] or found[2]) if found else text))
    except ValueError:
        return None
