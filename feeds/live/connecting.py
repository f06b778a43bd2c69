"""How a feed gets its connections: the one place that names the supervisor."""

from collections.abc import Sequence

from feeds.live.arrivals import Arrivals
from feeds.live.feed import Connect, Connections
from feeds.live.patience import Patience
from feeds.live.receive_clock import ReceiveClock
from feeds.live.supervisor import Supervisor, stagger
from feeds.venues.venue import Stream, Venue

__all__ = ["connecting"]


def connecting(stale_after: float) -> Connect:
    """What makes the connections to a venue; those of one feed are opened one after the other."""
    patience, spread = Patience(stale_after=stale_after), stagger()

    def connect(venue: Venue, streams: Sequence[Stream], arrivals: Arrivals, clock: ReceiveClock) -> Connections:
        alone = venue.limits.connections
        return Supervisor(
            venue, streams, arrivals, received=clock.now, patience=patience, stagger=spread, overlap=alone is None or alone > 1
        )

    return connect
