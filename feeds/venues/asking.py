"""The requests that ask a venue for streams, cut to what it allows in one."""

from collections.abc import Iterator, Sequence
from itertools import count

from feeds.venues.venue import Channel, Request, Stream, Venue
from pipeline.errors import UsageError

__all__ = ["only_channel", "requests_for"]


def requests_for(venue: Venue, streams: Sequence[Stream], first: int = 1) -> list[Request]:
    """The requests for streams, numbered from `first`; channels apart where the venue wants them so.

    >>> from feeds.venues.kraken import kraken
    >>> venue = kraken()
    >>> [len(request.streams) for request in requests_for(venue, venue.streams(["BTC/USD", "ETH/USD"], ["trades", "quotes"]))]
    [2, 2]
    """
    return [venue.subscribe(some, number) for number, some in zip(count(first), portions(venue, streams), strict=False)]


def portions(venue: Venue, streams: Sequence[Stream]) -> Iterator[Sequence[Stream]]:
    size = venue.limits.streams_per_request
    channels = dict.fromkeys(stream.channel for stream in streams) if venue.limits.one_channel else [None]
    for channel in channels:
        alike = [stream for stream in streams if channel in (None, stream.channel)]
        yield from (alike[at : at + size] for at in range(0, len(alike), size))


def only_channel(streams: Sequence[Stream]) -> Channel:
    """The channel that all streams are of; raises UsageError where there is more than one.

    >>> only_channel([Stream("quotes", "BTC/USD"), Stream("quotes", "ETH/USD")])
    'quotes'
    """
    first, *others = dict.fromkeys(stream.channel for stream in streams)
    if others:
        raise UsageError(f"one request cannot ask for {first} and {others[0]} here; ask for each by its own (`requests_for` does)")
    return first
