"""Keys stay where they are: a venue that repeats one is not repeated."""

from typing import Any, TypeVar

from feeds.venues.venue import Venue
from pipeline.errors import UsageError

__all__ = ["hidden"]

Text = TypeVar("Text", bound=str | bytes)


def hidden(text: Text, venue: Venue) -> Text:
    """A text of a venue without the secrets of its logins.

    >>> from feeds.venues.venue import Request
    >>> class Acme:
    ...     def logins(self):
    ...         return (Request(0, "...", login=True, secrets=("s3cret",)),)
    >>> hidden("no such key: s3cret", Acme())
    'no such key: ***'
    """
    try:
        logins = venue.logins()
    except UsageError:  # a key has gone from the environment
        return text
    clean: Any = text
    for secret in (secret for request in logins for secret in request.secrets):
        clean = clean.replace(secret, "***") if isinstance(clean, str) else clean.replace(secret.encode(), b"***")
    return clean  # type: ignore[no-any-return]
