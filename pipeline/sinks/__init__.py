"""Sinks: where alerts go. The graph never calls one; each has a worker of its own."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pipeline.alerts import Alert

__all__ = ["Sink"]


@runtime_checkable
class Sink(Protocol):
    """Anything that takes alerts.

    `write` promises nothing; `flush` returning means durable. Each may raise whatever it likes: a write is tried again
    with the same alerts, so a sink that may have kept them must know an alert by its id. All calls come from one thread.
    """

    def write(self, alerts: Sequence[Alert]) -> None:
        """Take alerts, in order."""

    def flush(self) -> None:
        """Make sure of everything taken."""

    def close(self) -> None:
        """Let go of files and connections; called once, also after a fault."""
