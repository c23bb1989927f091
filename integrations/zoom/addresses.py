"""The addresses that recordings may be downloaded from.

A webhook's body decides where Rapport sends requests, so hosts must be on an allow-list. Without
one, a forged or wrong address could reach services inside the network.
"""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from integrations.errors import UnexpectedResponse

HTTPS_PORT = 443


class AllowedAddresses:
    """Hosts and their subdomains over https on port 443, plus `host:port` pairs over plain http."""

    def __init__(self, hosts: Iterable[str], insecure_hosts: Iterable[str] = ()) -> None:
        self._hosts = tuple(host.lower().strip().strip(".") for host in hosts if host.strip(" ."))
        self._insecure = frozenset(host.lower().strip() for host in insecure_hosts)

    def checked(self, url: str, what: str) -> httpx.URL:
        """Return the parsed address if it is allowed.

        Raises:
            UnexpectedResponse: it is not. The message names only the host: addresses are secrets.
        """
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as exc:
            raise UnexpectedResponse(f"The address of the {what} is not a valid URL.") from exc
        host = address.host.lower().rstrip(".")
        if address.userinfo:
            raise UnexpectedResponse(f"The address of the {what} contains a user name.")
        if address.scheme == "http" and f"{host}:{address.port or 80}" in self._insecure:
            return address
        if address.scheme != "https":
            raise UnexpectedResponse(
                f"The address of the {what} (host: {host or 'none'}) is not https. For a stand-in, "
                "add its host:port to RAPPORT_ZOOM__INSECURE_HOSTS."
            )
        if not any(host == name or host.endswith(f".{name}") for name in self._hosts):
            raise UnexpectedResponse(
                f"The {what} is on {host}, which is not in RAPPORT_ZOOM__DOWNLOAD_HOSTS."
            )
        if address.port not in (None, HTTPS_PORT):
            # An allowed name must not lead to another service, such as SSH on the same machine.
            raise UnexpectedResponse(
                f"The address of the {what} has port {address.port}; recordings come over https "
                f"on port {HTTPS_PORT}."
            )
        return address


def is_same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Return whether two addresses have the same scheme, host and port."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)
