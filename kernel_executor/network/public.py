"""Which addresses are public: those that everybody on the internet reaches. Pure; knows no names and no sockets."""

import ipaddress

from kernel_executor.network.hosts import Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where a network without IPv4 puts the IPv4 addresses of others (RFC 6052): the last 32 bits are one."""

GLOBAL = ipaddress.IPv6Network("2000::/3")
"""All that is assigned to hosts on the internet; the rest of IPv6 is local, for many, or not in use."""

EMBEDDING = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2002::/16")))
"""Protocols (Teredo and others) and 6to4, whose addresses carry others in them; no server has one today."""

NOT_FOR_HOSTS = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "100.64.0.0/10", "2001:db8::/32", "3fff::/20"))
)
"""Protocols, relays of 6to4, providers' own and documentation: some versions of Python call these global."""


def is_public(address: Address) -> bool:
    """Return whether everybody on the internet reaches an address, as far as it shows."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in GLOBAL or any(address in network for network in EMBEDDING):
            return False
    # `is_global` is true of multicast, too.
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address in network for network in NOT_FOR_HOSTS)
