"""Health is data: how every connection and every symbol is, why, and since when.

LIVE     market data arrives
QUIET    the connection is well, this symbol has nothing to say
STALE    nothing has come for so long that the connection itself is doubted
GAPPED   something was lost; windows that span it are not whole
DOWN     no connection: on its way back, or stopped
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from reactivex import Observable

from feeds.live.arrivals import StateChange
from pipeline.feed import SymbolsStatus
from pipeline.outlet import Outlet

__all__ = ["Health", "HealthChange", "Status"]

Status = Literal["LIVE", "QUIET", "STALE", "GAPPED", "DOWN"]
OF_STATE: dict[str, Status] = {"live": "LIVE", "stale": "STALE", "gap": "GAPPED"}
LOG = logging.getLogger("rxtape")
QUIET_AFTER = 5.0
GAPPED_FOR = 60.0


class HealthChange(NamedTuple):
    """A connection (`binance/1`) or a symbol (`BTCUSDT`) came into a status; `since` is by the monotonic clock, in s."""

    subject: str
    status: Status
    reason: str
    since: float

    def __str__(self) -> str:
        return f"{self.subject} is {self.status}" + (f": {self.reason}" if self.reason else "")


class Health:
    """The status of everything, and its changes as an observable.

    A symbol is as its connections are while none of them is live; it is GAPPED for a minute after something was lost. `reconnects` counts
    how often a connection was open again, whatever that took; one that replaces another as planned is none.

    >>> health = Health(["BTCUSDT"])
    >>> said = []
    >>> _ = health.changes.subscribe(lambda change: said.append(str(change)))
    >>> health.changed(StateChange("binance/1", "live", "", 0.0), ["BTCUSDT"])
    >>> health.look(1.0, {"BTCUSDT": 0.5})
    >>> health.look(9.0, {"BTCUSDT": 0.5})
    >>> said
    ['binance/1 is LIVE', 'BTCUSDT is LIVE', 'BTCUSDT is QUIET: no market data for 8.5 s, the connection is well']
    """

    def __init__(self, symbols: Iterable[str], quiet_after: float = QUIET_AFTER, gapped_for: float = GAPPED_FOR) -> None:
        self.connections: dict[str, HealthChange] = {}
        self.symbols = {symbol: HealthChange(symbol, "DOWN", "not connected yet", 0.0) for symbol in symbols}
        self._changes: Outlet[HealthChange] = Outlet(subscriber_failed)
        self.quiet_after, self.gapped_for = quiet_after, gapped_for
        self._of: dict[str, set[str]] = {}
        self._lost: dict[str, tuple[float, str]] = {}
        self._denied: dict[str, str] = {}
        self.reconnects: Counter[str] = Counter()
        self._opened, self._states = set[str](), dict[str, str]()

    @property
    def changes(self) -> Observable[HealthChange]:
        """Every change, as it is noticed."""
        return self._changes

    @property
    def living(self) -> bool:
        """Whether any connection is live: then silence is the market's."""
        return any(each.status == "LIVE" for each in self.connections.values())

    def changed(self, change: StateChange, symbols: Iterable[str]) -> None:
        """A connection for these symbols came into a state."""
        self._of[change.connection] = set(symbols) or self._of.get(change.connection, set())
        before = self.connections.get(change.connection)
        status = OF_STATE.get(change.state, "DOWN")
        if change.state == "subscribing" and self._states.get(change.connection) != "subscribing":
            self.reconnects[change.connection] += change.connection in self._opened
            self._opened.add(change.connection)
        self._states[change.connection] = change.state
        if change.state == "stopped" and not change.reason:
            self.connections.pop(change.connection, None)
            self._of.pop(change.connection, None)
            self._opened.discard(change.connection)
            return
        now = HealthChange(change.connection, status, change.reason or ("" if status == "LIVE" else change.state), change.since)
        if before is None or before[1:3] != now[1:3]:
            self.connections[change.connection] = now
            if change.state != "connecting" or before is None or before.status != "DOWN":
                self._tell(now)

    def lost(self, symbol: str, reason: str, now: float) -> None:
        """Something of a symbol was lost."""
        self._lost[symbol] = now, reason

    def denied(self, symbol: str, reason: str) -> None:
        """Nothing will come of a symbol."""
        self._denied[symbol] = reason

    def look(self, now: float, spoke: dict[str, float]) -> None:
        """Judge every symbol at a time of the monotonic clock; `spoke` is when each was last heard, if it was."""
        for symbol, before in self.symbols.items():
            status, reason = self._of_symbol(symbol, now, spoke.get(symbol))
            changed = status != before.status or (symbol in self._denied and reason != before.reason)
            self.symbols[symbol] = HealthChange(symbol, status, reason, now if changed else before.since)
            if changed:
                self._tell(self.symbols[symbol])

    def _of_symbol(self, symbol: str, now: float, spoke: float | None) -> tuple[Status, str]:
        if symbol in self._denied:
            return "DOWN", self._denied[symbol]
        mine = [each for name, each in self.connections.items() if symbol in self._of[name]]
        live = [each.since for each in mine if each.status == "LIVE"]
        if not live:
            worst = mine[-1] if mine else None
            return (worst.status, worst.reason) if worst else ("DOWN", "no connection")
        lost, why = self._lost.get(symbol, (-self.gapped_for, ""))
        if now - lost < self.gapped_for:
            return "GAPPED", why
        if now - max(live if spoke is None else [*live, spoke]) >= self.quiet_after:
            if spoke is None:
                return "QUIET", "no market data yet, the connection is well; is this how the venue spells it?"
            return "QUIET", f"no market data for {now - spoke:.1f} s, the connection is well"
        return "LIVE", ""

    def by_status(self) -> list[SymbolsStatus]:
        """The symbols, by status."""
        found: dict[Status, list[HealthChange]] = {}
        for each in self.symbols.values():
            found.setdefault(each.status, []).append(each)
        return [
            SymbolsStatus(status, len(changes), some([each.subject for each in changes]), changes[0].reason)
            for status, changes in found.items()
        ]

    def _tell(self, change: HealthChange) -> None:
        self._changes.emit(change)

    def close(self) -> None:
        """No more changes."""
        self._changes.close()


def some(names: Sequence[str]) -> str:
    """Names, of which the first few stand for all.

    >>> some(["A"]), some(list("ABCDEF"))
    ('A', 'A, B, C and 3 more')
    """
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")


def subscriber_failed(error: BaseException) -> None:
    LOG.error("a subscriber to the health of a feed raised %s: %s; it hears no more", type(error).__name__, error)
