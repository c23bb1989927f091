"""What can go wrong with an outside service.

IntegrationError
├── AuthFailed          the service refused our credentials or they lack a permission
├── RateLimited         too many requests; carries `retry_after_s`
├── Unavailable         no answer, a 5xx, or a broken connection: worth another try
├── NotFound            the thing does not exist there (or not any more)
├── NoSpace             the disk cannot hold the download; carries `needed_bytes`, `free_bytes`
└── UnexpectedResponse  an answer that the service's documentation does not allow
"""

from __future__ import annotations


class IntegrationError(Exception):
    """Any failure of an outside service. Positional arguments only, so that pickling keeps them."""


class AuthFailed(IntegrationError):
    """The service refused our credentials; the message says which and what to set."""


class RateLimited(IntegrationError):
    """The service asks us to wait."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message, retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return str(self.args[0])


class Unavailable(IntegrationError):
    """The service did not answer, answered 5xx, or the connection broke."""


class NotFound(IntegrationError):
    """The service does not have what was asked for."""


class NoSpace(IntegrationError):
    """The disk has too little room for a download."""

    def __init__(self, message: str, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(message, needed_bytes, free_bytes)
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes

    def __str__(self) -> str:
        return str(self.args[0])


class UnexpectedResponse(IntegrationError):
    """The answer is not one that the service documents."""
