"""A venue with something changed: where it is, or that its frames are written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from feeds.addresses import checked_address
from feeds.venues.venue import Channel, Decoder, Limits, Request, Stream, Venue

__all__ = ["Elsewhere", "Wrapped"]


@dataclass
class Wrapped:
    """A venue that does what another does; subclasses change a part."""

    venue: Venue

    @property
    def name(self) -> str:
        """The venue's."""
        return self.venue.name

    @property
    def limits(self) -> Limits:
        """The venue's."""
        return self.venue.limits

    @property
    def consecutive(self) -> bool:
        """The venue's."""
        return self.venue.consecutive

    @property
    def fields(self) -> dict[str, Any] | None:
        """What names the fields of a venue that a configuration describes; None for any other."""
        found: dict[str, Any] | None = getattr(self.venue, "fields", None)
        return found

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the venue must not be heard to repeat, beside its logins."""
        found: tuple[str, ...] = getattr(self.venue, "secrets", ())
        return found

    def url(self, streams: Sequence[Stream]) -> str:
        """The venue's."""
        return self.venue.url(streams)

    def logins(self) -> Sequence[Request]:
        """The venue's."""
        return self.venue.logins()

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """The venue's."""
        return self.venue.subscribe(streams, number)

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """The venue's."""
        return self.venue.streams(symbols, channels)

    def decoder(self) -> Decoder:
        """The venue's."""
        return self.venue.decoder()


@dataclass
class Elsewhere(Wrapped):
    """A venue as it speaks, at another address; path and query stay the venue's own.

    >>> from feeds.venues.binance import binance
    >>> Elsewhere(binance(), "ws://127.0.0.1:8765").url([])
    'ws://127.0.0.1:8765/stream'
    """

    address: str

    def __post_init__(self) -> None:
        checked_address(self.address, "url")

    def url(self, streams: Sequence[Stream]) -> str:
        """There, with the venue's path."""
        scheme, netloc, base, *_ = urlsplit(self.address)
        path, query = urlsplit(self.venue.url(streams))[2:4]
        return urlunsplit((scheme, netloc, base.rstrip("/") + path, query, ""))
