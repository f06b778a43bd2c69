"""What went wrong at a subscriber or a source: an event of its own, on the topic `broker.faults`."""

from dataclasses import dataclass

from pipeline.functions import place_of

__all__ = ["FAULTS", "BrokerFault"]

FAULTS = "broker.faults"


@dataclass(frozen=True, slots=True)
class BrokerFault:
    """A subscriber that raised, or was stuck, or a source that failed: its name, the topic of the event, and the error.

    >>> print(BrokerFault("chart", "health.SPY", ValueError("no colour")))
    chart raised ValueError at an event of health.SPY: no colour
    """

    subscriber: str
    topic: str
    error: BaseException

    def __str__(self) -> str:
        where = f" at an event of {self.topic}" if self.topic else ""
        return f"{self.subscriber} raised {type(self.error).__name__}{where}: {self.error}{place_of(self.error)}"
