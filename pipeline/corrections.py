"""Which alerts were raised on a trade that the venue takes back later."""

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.alerts import Alert
from pipeline.ticks import Ticks

__all__ = ["Corrected", "Corrections"]

REMEMBERED = 10_000


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
    """Remembers the trades of the newest 10,000 alerts.

    >>> from pipeline.checks import tape_of
    >>> known = Corrections()
    >>> known.of("A", 7)
    ()
    """

    def __init__(self) -> None:
        self._alerts: dict[tuple[str, int], tuple[str, ...]] = {}

    def remember(self, alerts: Iterable[Alert], batch: Ticks) -> None:
        """Note the trade of each alert that was raised on a row of this batch (not those of deadlines and of bars)."""
        numbers, first = batch.columns.get("trade_id"), int(batch.seq[0]) if len(batch) else 0
        if numbers is None:
            return
        for alert in alerts:
            row = alert.order.seq - first
            if alert.order.phase == 2 and 0 <= row < len(numbers) and numbers[row] >= 0:
                key = alert.symbol, int(numbers[row])
                self._alerts[key] = (*self._alerts.pop(key, ()), alert.id)
                if len(self._alerts) > REMEMBERED:
                    del self._alerts[next(iter(self._alerts))]

    def of(self, symbol: str, trade_id: int | str) -> tuple[str, ...]:
        """The ids of the alerts on a trade."""
        return self._alerts.get((symbol, int(trade_id)), ()) if isinstance(trade_id, int) else ()
