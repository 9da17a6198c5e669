"""The address that a request comes from, behind trusted proxies, and the network that it belongs to.

Uvicorn's own proxy headers do not fit: they trust no IPv4 proxy that connects over IPv6 (`::ffff:10.0.0.1`), take a
header that is not an address for one, and do not help inside Open WebUI, whose server has already replaced the peer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

TRUSTED_PROXIES = "OPENWEBUI_USAGE_CLIENT_TRUSTED_PROXIES"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(address: str, v4: int = 32, v6: int = 64) -> str:
    """The network of an address, with a prefix of `v4` or `v6` bits."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, v4 if ip.version == 4 else v6), strict=False))


def parse_networks(text: str) -> list[Network]:
    """Parse `10.0.0.0/8, 127.0.0.1` or `*`. Raises a ValueError that names the wrong entry."""
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
    """The address of the client: `peer`, or if that is a trusted proxy, the last address in `X-Forwarded-For` that is
    not one. Anything before it was written by the client itself.

    `rewritten`: the server has replaced `peer` with an address of that chain. Open WebUI's takes the first one, which
    a client may choose freely. The last one comes from its proxy, if there is one.
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
    """An address without the port and the brackets that some proxies add. None if `text` is not an address."""
    found = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", text)
    try:
        return str(ipaddress.ip_address((found[1] or found[2]) if found else text))
    except ValueError:
        return None
