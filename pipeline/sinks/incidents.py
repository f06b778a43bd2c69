"""Alerts as incidents: each raised alert begins one, or belongs to one that is open, and people do the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.alerts import Alert
from pipeline.sinks.files import destination_of, named_file

if TYPE_CHECKING:
    from pipeline.broker import Broker

__all__ = ["IncidentSink"]


class IncidentSink:
    """Incidents in a SQLite file; each write is one transaction, on the disk when it returns, and an alert counts once for ever.

    What happens to them it tells on a `broker`: this one, or that of the run. Raises UsageError where the URL names no file,
    IncidentsError where the file cannot be used.
    """

    idempotent = True

    def __init__(self, path: str | Path, *, storm: int = 20, broker: "Broker | None" = None) -> None:
        from pipeline.incidents import IncidentDesk, Incidents  # the library is for those who keep incidents

        name = named_file(path, "incidents")
        self.destination = destination_of(name)
        self.incidents = Incidents(name, broker=broker)
        self._desk = IncidentDesk(self.incidents, storm)

    def tell_on(self, broker: "Broker") -> None:
        """The broker of the run, for want of one of its own."""
        self.incidents.broker = self.incidents.broker or broker

    def write(self, alerts: Sequence[Alert]) -> None:
        """Take those that are not known yet, all of them or none."""
        self._desk.take(alerts)

    def flush(self) -> None:
        """Nothing to do: a write is on the disk when it returns."""

    def close(self) -> None:
        """Close the database."""
        self.incidents.close()
