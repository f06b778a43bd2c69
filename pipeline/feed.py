"""A feed: where rows come from, and a recorded tape as one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pipeline.errors import UnknownName
from pipeline.ingest import RawRows
from pipeline.ticks import Ticks

__all__ = ["Feed", "recorded", "unread_column"]


@runtime_checkable
class Feed(Protocol):
    """Anything with rows to give.

    `rows` raises InputError where the input is bad, after it has given the rows before that place.
    """

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the tape it makes, `seq, time, symbol, kind` among them, known before the first row."""

    def rows(self) -> Iterator[RawRows]:
        """The rows from the beginning, each time it is called."""


@dataclass(frozen=True)
class RecordedTicks:
    """Ticks in memory as a feed."""

    ticks: Ticks
    name: str = "memory"

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the ticks."""
        return frozenset(self.ticks.columns)

    def rows(self) -> Iterator[RawRows]:
        """All rows at once, not copied; the tape numbers them anew."""
        columns = {name: column for name, column in self.ticks.columns.items() if name != "seq"}
        yield RawRows(columns, self.ticks.symbols.snapshot(), self.name)


def recorded(ticks: Ticks) -> Feed:
    """A feed of ticks in memory.

    >>> feed = recorded(Ticks.of(time=[1, 2], symbol=["SPY", "IBM"], price=[167.4, 182.0]))
    >>> [(len(rows), rows.names) for rows in feed.rows()]
    [(2, ('SPY', 'IBM'))]
    """
    return RecordedTicks(ticks)


def unread_column(feed: Feed, error: BaseException) -> str:
    """What to add to an error about a column that the feed's file has and nobody has named; empty where it is about something else."""
    name = error.name if isinstance(error, UnknownName) else ""
    if not name or name not in getattr(feed, "read_as", {}).get("not read", "").split(", "):
        return ""
    return f". The file has it, and reads it when told: --columns {name}={name}, or columns={{{name!r}: {name!r}}}"
