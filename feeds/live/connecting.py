"""How a feed gets its connections: the one place that names the supervisor."""

from collections.abc import Sequence

from feeds.live.arrivals import Arrivals
from feeds.live.connections import Connect, Connections
from feeds.live.hours import hours
from feeds.live.patience import Patience
from feeds.live.receive_clock import ReceiveClock
from feeds.live.supervisor import Supervisor, stagger
from feeds.venues.venue import Stream, Venue

__all__ = ["connecting"]


def connecting(stale_after: float, open_hours: str = "") -> Connect:
    """What makes the connections to a venue; those of one feed are opened one after the other. Without hours it has its own."""
    spread = stagger()

    def connect(venue: Venue, streams: Sequence[Stream], arrivals: Arrivals, clock: ReceiveClock) -> Connections:
        alone = venue.limits.connections
        patience = Patience(stale_after=stale_after, market_open=hours(open_hours or venue.limits.hours))
        return Supervisor(
            venue, streams, arrivals, received=clock.now, patience=patience, spread=spread, overlap=alone is None or alone > 1
        )

    return connect
