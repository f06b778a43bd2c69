"""Keys stay where they are: a venue that repeats one is not repeated."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

from feeds.venues.venue import Notice, Refusal, Said, Unknown, Venue
from pipeline.errors import UsageError

__all__ = ["hidden", "secrets_of", "without_secrets"]

Text = TypeVar("Text", bound=str | bytes)
SHORTEST = 8
"""Letters of a secret: what is shorter stands in many words, and guards nothing."""


def secrets_of(venue: Venue) -> tuple[str, ...]:
    """The secrets of a venue's logins and of its configuration, also as JSON may spell them."""
    found: list[str] = list(getattr(venue, "secrets", ()))
    with suppress(UsageError):  # a key that has gone from the environment, where it was a moment ago
        found += [secret for request in venue.logins() for secret in request.secrets]
    spelt = (way for secret in found for way in (secret, secret.replace("/", "\\/")))
    return tuple(dict.fromkeys(each for each in spelt if len(each) >= SHORTEST))


def hidden(text: Text, secrets: Sequence[str]) -> Text:
    """A text of a venue without secrets.

    >>> hidden("no such key: s3cret00", ["s3cret00"]), hidden(b"s3cret00?", ["s3cret00"])
    ('no such key: ***', b'***?')
    """
    clean: Any = text
    for secret in secrets:
        clean = clean.replace(secret, "***") if isinstance(clean, str) else clean.replace(secret.encode(), b"***")
    return clean  # type: ignore[no-any-return]


def without_secrets(item: Said, secrets: Sequence[str]) -> Said:
    """What a venue says, if it says it in words, without secrets."""
    if isinstance(item, Refusal):
        return item._replace(reason=hidden(item.reason, secrets))
    if isinstance(item, Unknown):
        return Unknown(hidden(item.kind, secrets))
    return item._replace(text=hidden(item.text, secrets)) if isinstance(item, Notice) else item
