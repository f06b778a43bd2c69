"""A feed: where rows come from, and a recorded tape as one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from reactivex import Observable

from pipeline.ingest import RawRows
from pipeline.ticks import Ticks

__all__ = ["ConnectionStatus", "Feed", "LiveFeed", "SymbolsStatus", "facts_of", "further_of", "reading_further", "recorded"]

F = TypeVar("F")


@runtime_checkable
class Feed(Protocol):
    """Anything with rows to give.

    `rows` raises InputError where the input is bad, after it has given the rows before that place. A feed to which every
    column is a cost may also have `further`, the names of columns it would read, and `also(names)`, the feed that does; and
    `facts()`, what there is to say of it in the report, as names and values.
    """

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the tape it makes, `seq, time, symbol, kind` among them, known before the first row."""

    def rows(self) -> Iterator[RawRows]:
        """The rows from the beginning, each time it is called."""


class ConnectionStatus(NamedTuple):
    """A connection now: its status, why and since how many seconds; frames and reconnects so far; how old the newest row was (ns)."""

    connection: str
    status: str
    reason: str
    seconds: float
    frames: int
    lag_ns: int | None
    reconnects: int


class SymbolsStatus(NamedTuple):
    """The symbols that are in one status now: how many, the first of their names, and the reason of the first."""

    status: str
    number: int
    names: str
    reason: str


@runtime_checkable
class LiveFeed(Protocol):
    """A feed that goes on until it is closed, on the event loop that owns the graph. `further` and `also` as for a `Feed`."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the tape it makes, known before the first row."""

    @property
    def changes(self) -> Observable[Any]:
        """How well it is: an item whenever that changes; its text is for people."""

    async def listen(self, deliver: Callable[[RawRows], None]) -> None:
        """Deliver rows as they come, until `close`; what waits then is delivered first.

        Raises UsageError or InputError where there is nothing left to listen to; whatever `deliver` raises goes through.
        """

    def on_corrected(self, tell: Callable[[str, int | str, str], None]) -> None:
        """Call `tell(symbol, trade_id, what)` where a trade is corrected or cancelled; beside that its symbol gets a GAP row."""

    def text_ids(self) -> Mapping[tuple[str, int, int], tuple[str, ...]]:
        """The ids of the rows delivered last that are no numbers, for which the tape has no room: by symbol, `received` and event time."""

    def on_refused(self, tell: Callable[[dict[str, Any]], None]) -> None:
        """Call `tell` with every message that could not be read: connection, reason, and its beginning."""

    def close(self) -> None:
        """Ask `listen` to come to its end."""

    def status(self) -> Sequence[ConnectionStatus]:
        """Every connection as it is now."""

    def symbols(self) -> Sequence[SymbolsStatus]:
        """The symbols as they are now, by status."""

    def facts(self) -> list[tuple[str, str]]:
        """What there is to say of it, as name and value, for the report."""


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


def reading_further(feed: F, names: AbstractSet[str]) -> F:
    """The feed that also gives those columns, of those it has beyond its own."""
    wanted = names & further_of(feed)
    return feed.also(wanted) if wanted else feed  # type: ignore[attr-defined]


def further_of(feed: object) -> frozenset[str]:
    """The columns that a feed reads only where somebody asks for them."""
    found: frozenset[str] = getattr(feed, "further", frozenset())
    return found


def facts_of(feed: object) -> list[tuple[str, str]]:
    """What a feed says of itself for the report, if it does."""
    found: list[tuple[str, str]] = feed.facts() if hasattr(feed, "facts") else []
    return found
