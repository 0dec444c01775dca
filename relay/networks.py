"""Where strangers come from: their address, and the networks that one person can use all addresses of. Pure."""

import ipaddress

NETWORK_BITS = {4: (32, 24), 6: (64, 56, 48)}
"""By version of IP, the narrowest first. A home or a server gets 64 to 48 bits of IPv6; a small company 24 of IPv4."""


def networks_of(address: str) -> tuple[str, ...]:
    """Return the networks of an address or of a network like `2001:db8::/64`, the narrowest first.

    What is no address is a network of its own.
    """
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        return (address,)
    bits = [most for most in NETWORK_BITS[network.version] if most <= network.prefixlen] or [network.prefixlen]
    return tuple(str(network.supernet(new_prefix=each)) for each in bits)
