"""What a request may ask a venue for."""

from collections.abc import Sequence

from feeds.venues.venue import Channel, Stream
from pipeline.errors import UsageError

__all__ = ["only_channel"]


def only_channel(streams: Sequence[Stream]) -> Channel:
    """The channel that all streams are of; raises UsageError where there is more than one.

    >>> only_channel([Stream("quotes", "BTC/USD"), Stream("quotes", "ETH/USD")])
    'quotes'
    """
    first, *others = dict.fromkeys(stream.channel for stream in streams)
    if others:
        raise UsageError(f"one request cannot ask for {first} and {others[0]} here; ask for each by its own (`one_channel` of `Limits`)")
    return first
