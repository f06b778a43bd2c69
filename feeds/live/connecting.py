"""How a feed gets its connections: the one place that names the supervisor."""

from collections.abc import Sequence

from feeds.live.arrivals import Arrivals
from feeds.live.feed import Connect, Connections
from feeds.live.receive_clock import ReceiveClock
from feeds.venues.venue import Stream, Venue

__all__ = ["connecting"]


def connecting(url: str | None, stale_after: float) -> Connect:
    """What makes the connections to a venue, or to `url` in its place."""

    def connect(venue: Venue, streams: Sequence[Stream], arrivals: Arrivals, clock: ReceiveClock) -> Connections:
        raise NotImplementedError

    return connect
