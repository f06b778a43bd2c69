"""Which alerts were raised on a trade that the venue takes back later."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.alerts import Alert
from pipeline.ticks import Ticks

__all__ = ["Corrected", "Corrections"]

REMEMBERED = 10_000
Texts = Mapping[tuple[str, int, int], tuple[str, ...]]
"""Ids of trades that are text, by symbol, arrival and event time (ns)."""


class Corrected(NamedTuple):
    """A venue corrected or cancelled a trade; `alerts` are the ids of those that were raised or cleared on it."""

    symbol: str
    trade_id: int | str
    what: str
    alerts: tuple[str, ...] = ()

    def __str__(self) -> str:
        on_it = f"; alerts on it: {', '.join(self.alerts)}" if self.alerts else ""
        return f"trade {self.trade_id} of {self.symbol} was {self.what}{on_it}"


class Corrections:
    """Remembers the newest 10,000 trades that alerts were raised on.

    >>> known = Corrections()
    >>> known.of("A", 7)
    ()
    """

    def __init__(self) -> None:
        self._alerts: dict[tuple[str, int | str], tuple[str, ...]] = {}

    def remember(self, alerts: Iterable[Alert], batch: Ticks, texts: Texts) -> None:
        """Note the trade of each alert that was raised on a row of this batch (not those of deadlines and of bars)."""
        if "trade_id" not in batch.columns:
            return
        first = int(batch.seq[0]) if len(batch) else 0
        for alert in alerts:
            row = alert.order.seq - first
            if alert.order.phase == 2 and 0 <= row < len(batch):
                for trade_id in ids_of(batch, row, alert.symbol, texts):
                    key = alert.symbol, trade_id
                    self._alerts[key] = (*self._alerts.pop(key, ()), alert.id)
                    if len(self._alerts) > REMEMBERED:
                        del self._alerts[next(iter(self._alerts))]

    def of(self, symbol: str, trade_id: int | str) -> tuple[str, ...]:
        """The ids of the alerts on a trade."""
        return self._alerts.get((symbol, trade_id), ())


def ids_of(batch: Ticks, row: int, symbol: str, texts: Texts) -> tuple[int | str, ...]:
    """The id of a row's trade; where it is text, and several trades of a message have one time, all of theirs."""
    number = int(batch.columns["trade_id"][row])
    if number >= 0 or not texts:
        return (number,) if number >= 0 else ()
    events = batch.columns.get("event_time", batch.time)
    return texts.get((symbol, int(batch.columns["received"][row]), int(events[row])), ())
