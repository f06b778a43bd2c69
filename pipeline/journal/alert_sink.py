"""What a sink is to an outbox, and how patient an outbox is with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.alerts import Alert

__all__ = ["AlertSink", "Patience"]


class AlertSink(Protocol):
    """What a follower asks of a sink (`pipeline.sinks.Sink`).

    One that keeps what it is given has `resume(position) -> bool`, which goes on with what it held at a `position()`, or says that
    this is not there any more; its `position()` is None where it keeps nothing after all. One that has `place_of(journal)` and
    `write_at(alerts, journal, place)` keeps its place with the alerts. One of which `anew` is true is written anew by each run.
    Such sinks, and those which say that they are `idempotent`, get the whole log, all others begin at its end.
    """

    def write(self, alerts: Sequence[Alert]) -> None:
        """Take alerts."""

    def flush(self) -> None:
        """Make sure of them."""

    def close(self) -> None:
        """Let go."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a sink that fails is tried again: pauses that double, with jitter, up to the longest.

    After `trips` failures in a row the circuit is open, as breakers call it: that is told, once, and alerts wait on the disk. The try after
    each pause is the half-open one; one that goes well closes it, which is told too.

    At the end of a run a sink that takes alerts has all the time it needs; one that has taken none for `at_end` seconds is left, and
    its alerts wait for the next run.
    """

    first: float = 0.05
    longest: float = 30.0
    trips: int = 5
    at_end: float = 10.0
