"""Addresses of websockets, as users write them."""

import re
from urllib.parse import urlsplit

from pipeline.errors import UsageError

__all__ = ["checked_address"]


def checked_address(address: str, whose: str) -> str:
    """The address; raises UsageError for what is no websocket's, without what may be a secret in it.

    >>> checked_address("http://host:99999/?token=abc", "mine")
    Traceback (most recent call last):
    pipeline.errors.UsageError: mine: 'http://host:99999/' is no address of a websocket; expected one such as wss://host/path
    """
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0 and not re.search(r"[\s@]", address)
    except ValueError:
        good = False
    if not good:
        found = "an address with a password" if "@" in address else repr(address.partition("?")[0])
        raise UsageError(f"{whose}: {found} is no address of a websocket; expected one such as wss://host/path")
    return address
