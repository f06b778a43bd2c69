"""A sink that keeps alerts in a list."""

from collections.abc import Sequence

from pipeline.alerts import Alert

__all__ = ["MemorySink"]


class MemorySink:
    """Alerts in memory, for tests and notebooks; it grows with them.

    >>> sink = MemorySink()
    >>> sink.write([Alert("SPY", 0, "hello")])
    >>> [alert.message for alert in sink.alerts]
    ['hello']
    """

    def __init__(self, target: str = "") -> None:
        self.alerts: list[Alert] = []

    def write(self, alerts: Sequence[Alert]) -> None:
        """Keep them."""
        self.alerts.extend(alerts)

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do: the alerts stay."""
