"""Errors from outside services.

IntegrationError
├── AuthFailed          the service rejected our credentials, or they lack a permission
├── RateLimited         too many requests; carries `retry_after_s`
├── Unavailable         no response, a 5xx or a broken connection: worth retrying
├── NotFound            the thing does not exist there, or no longer does
├── Refused             a setting of the service forbids it: repeating the request does not help
├── NoSpace             not enough disk for the download; carries `needed_bytes`, `free_bytes`
└── UnexpectedResponse  a response that the service does not document
"""

from __future__ import annotations


class IntegrationError(Exception):
    """Any failure of an outside service. Takes positional arguments only, so that it pickles."""


class AuthFailed(IntegrationError):
    """The service rejected our credentials; the message says which and what to set."""


class RateLimited(IntegrationError):
    """The service asked us to wait before the next request."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message, retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return str(self.args[0])


class Unavailable(IntegrationError):
    """The service did not respond, responded with a 5xx, or the connection broke."""


class NotFound(IntegrationError):
    """The service does not have what was asked for."""


class Refused(IntegrationError):
    """The service understood the request, and a setting there does not allow it."""


class NoSpace(IntegrationError):
    """There is not enough free disk space for a download."""

    def __init__(self, message: str, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(message, needed_bytes, free_bytes)
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes

    def __str__(self) -> str:
        return str(self.args[0])


class UnexpectedResponse(IntegrationError):
    """The service sent a response that it does not document."""
