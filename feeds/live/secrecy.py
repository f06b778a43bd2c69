"""Keys stay where they are: a venue that repeats one is not repeated."""

from collections.abc import Sequence
from typing import Any, TypeVar

from feeds.venues.venue import Venue
from pipeline.errors import UsageError

__all__ = ["hidden", "secrets_of"]

Text = TypeVar("Text", bound=str | bytes)


def secrets_of(venue: Venue) -> tuple[str, ...]:
    """The secrets of a venue's logins, also as JSON may spell them."""
    try:
        found = [secret for request in venue.logins() for secret in request.secrets]
    except UsageError:  # a key has gone from the environment
        return ()
    return tuple(dict.fromkeys(spelt for secret in found for spelt in (secret, secret.replace("/", "\\/"))))


def hidden(text: Text, secrets: Sequence[str]) -> Text:
    """A text of a venue without secrets.

    >>> hidden("no such key: s3cret", ["s3cret"]), hidden(b"s3cret?", ["s3cret"])
    ('no such key: ***', b'***?')
    """
    clean: Any = text
    for secret in secrets:
        clean = clean.replace(secret, "***") if isinstance(clean, str) else clean.replace(secret.encode(), b"***")
    return clean  # type: ignore[no-any-return]
