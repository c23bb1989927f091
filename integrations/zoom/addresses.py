"""Which addresses recordings may be fetched from.

A webhook's body decides where Rapport sends requests to, so the hosts are held to a list: without
it a forged or mistaken address could reach services inside the network.
"""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from integrations.errors import UnexpectedResponse


class AllowedAddresses:
    """Hosts, with their subdomains, over https; and `host:port` pairs over plain http."""

    def __init__(self, hosts: Iterable[str], insecure_hosts: Iterable[str] = ()) -> None:
        self._hosts = tuple(host.lower().strip().strip(".") for host in hosts if host.strip(" ."))
        self._insecure = frozenset(host.lower().strip() for host in insecure_hosts)

    def checked(self, url: str, what: str) -> httpx.URL:
        """Give the address when it is allowed.

        Raises:
            UnexpectedResponse: it is not. The message names the host alone: addresses are secrets.
        """
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as exc:
            raise UnexpectedResponse(f"The address of the {what} cannot be read.") from exc
        host = address.host.lower().rstrip(".")
        if address.userinfo:
            raise UnexpectedResponse(f"The address of the {what} holds a user name.")
        if address.scheme == "http" and f"{host}:{address.port or 80}" in self._insecure:
            return address
        if address.scheme != "https":
            raise UnexpectedResponse(
                f"The {what} is not offered over https but by {host or 'nobody'}. For a stand-in, "
                "name its host:port in RAPPORT_ZOOM__INSECURE_HOSTS."
            )
        if not any(host == name or host.endswith(f".{name}") for name in self._hosts):
            raise UnexpectedResponse(
                f"The {what} is offered by {host}, which is not in RAPPORT_ZOOM__DOWNLOAD_HOSTS."
            )
        return address


def is_same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Say whether two addresses are the same server: scheme, host and port."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)
