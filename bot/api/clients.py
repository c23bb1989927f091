"""Who a request comes from, for limits per client.

Behind a reverse proxy every connection has the proxy's address, so a proxy is trusted to name the
client (`X-Forwarded-For`, applied by the HTTP server) and has no limit of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network


class TrustedProxies:
    """The addresses and networks whose `X-Forwarded-For` is believed."""

    def __init__(self, proxies: Iterable[str]) -> None:
        self._networks = tuple(ip_network(proxy) for proxy in proxies)
        self.client = lru_cache(maxsize=4096)(self._client)

    def _client(self, address: str | None) -> str | None:
        """Return the client that an address counts for; None for a proxy, which has no limit.

        One customer of a provider usually gets a whole IPv6 network of 64 bits: it is one client.
        """
        if not address:
            return None
        try:
            parsed = ip_address(address)
        except ValueError:
            return address  # a proxy may name a client by anything
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        if any(parsed in network for network in self._networks):
            return None
        if isinstance(parsed, IPv6Address):
            return str(ip_network((int(parsed), 64), strict=False))
        return str(parsed)
