"""The port to whoever keeps the connections to a venue."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from feeds.live.arrivals import Arrivals
from feeds.live.receive_clock import ReceiveClock
from feeds.venues.venue import Stream, Venue
from pipeline.errors import UsageError

__all__ = ["Closable", "Connect", "Connections", "broken_in"]


class Connections(Protocol):
    """The connections to one venue, kept by a supervisor."""

    async def run(self) -> None:
        """Until closed; raises UsageError where the venue refuses access."""

    def streams_of(self, name: str) -> Sequence[Stream]:
        """What a connection carries."""

    def close(self) -> None:
        """End every connection; `run` returns."""


@runtime_checkable
class Closable(Protocol):
    """A venue that has something open."""

    def close(self) -> None:
        """Close it."""


Connect = Callable[[Venue, Sequence[Stream], Arrivals, ReceiveClock], Connections]


def broken_in(keeping: Sequence["asyncio.Task[None]"]) -> list[BaseException]:
    """Faults of our own, or of the disk, which end everything; that a venue refuses access ends its own connections."""
    errors = [each.exception() for each in keeping if each.done()]
    return [error for error in errors if error is not None and not isinstance(error, UsageError)]
