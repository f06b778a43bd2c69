"""The port between connections and the queue: what a connection hands over, and how it is told to wait."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from feeds.venues.venue import Said, Stream, Trades

__all__ = ["Arrivals", "State", "StateChange"]

State = Literal["connecting", "subscribing", "live", "stale", "gap", "backoff", "stopped"]


class StateChange(NamedTuple):
    """A connection came into a state, why, and when by the monotonic clock (s)."""

    connection: str
    state: State
    reason: str
    since: float


class Arrivals(Protocol):
    """Where connections put what they hear. All calls are made on the one event loop that owns the graph."""

    def said(self, connection: str, received: int, items: Sequence[Said]) -> None:
        """What a frame said, in order; `received` is when it arrived, ns UTC. Never blocks."""

    def traded(self, connection: str, received: int, trades: Trades) -> None:
        """Trades that came together; as if each were said on its own."""

    def has_room(self, count: int) -> bool:
        """Whether there is room for so many trades, with no need to wait between them."""

    def paused(self) -> None:
        """All that had arrived on a connection has been said: a good moment to judge it."""

    def lost(self, connection: str, streams: Sequence[Stream], reason: str) -> None:
        """From here on something of these streams may be missing: the connection has ended."""

    def doubted(self, connection: str, streams: Sequence[Stream], reason: str) -> None:
        """These streams are asked for again: if one speaks at once, it had been dropped, and something of it is missing."""

    def denied(self, connection: str, streams: Sequence[Stream], reason: str) -> None:
        """The venue will not have these streams: nothing will come of them."""

    def handed_over(self, old: str, new: str, streams: Sequence[Stream]) -> None:
        """A connection is about to be closed; another has all its streams, and heard them beside it for a while: nothing is lost."""

    def refused(self, connection: str, frame: str | bytes, reason: str) -> None:
        """A frame that could not be read."""

    def changed(self, change: StateChange) -> None:
        """A connection came into another state."""

    @property
    def full(self) -> bool:
        """Whether a connection should stop reading for now, and await `room`."""

    async def room(self) -> None:
        """Until there is room again, or waiting would do more harm than leaving things out."""
