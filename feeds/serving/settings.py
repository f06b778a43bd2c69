"""How a tape is served."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from feeds.serving.clock import Clock, RealClock
from pipeline.errors import BadRow
from pipeline.ingest import Late

__all__ = ["Serving"]


@dataclass(frozen=True)
class Serving:
    """How a tape is served.

    `speed`: how many times as fast as it was; at infinity the tape waits for those who read, and while nobody has
    subscribed. `port`: 0 is any free one. `loop`: begin again at the end. `at_once`: wait for nobody. `drop_after`: cut every
    connection after so many rows, and refuse new ones for `refuse_seconds`. `patience`: seconds that the tape, and its end,
    wait for a client that does not read. `most_waiting`: frames that may wait for one client. `late`, `lateness_ns`,
    `on_drop`, `on_bad` are those of a run. `tell` hears what the user should know.
    """

    speed: float = 1.0
    port: int = 0
    loop: bool = False
    at_once: bool = False
    drop_after: int | None = None
    refuse_seconds: float = 3.0
    patience: float = 10.0
    most_waiting: int = 10_000
    late: Late = "fail"
    lateness_ns: int = 0
    on_drop: Callable[[dict[str, Any]], None] = lambda row: None
    on_bad: Callable[[BadRow], None] | None = None
    tell: Callable[[str], None] = lambda text: None
    clock: Clock = field(default_factory=RealClock)
