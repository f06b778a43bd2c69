"""Spread widening: trading has become dear."""

import numpy as np

from pipeline import Strategy, alert_when, combine_latest
from pipeline.flow import Tape
from pipeline.operators import column, rolling_median, spread_bps, tick_count
from pipeline.rules import AlertStream
from strategies.limits import above, length, lengths, require, whole

__all__ = ["SpreadWidening"]


class SpreadWidening(Strategy):
    """The spread stays above `multiple` times its median of the last `over`, for `hold`; over below `calm` times.

    spread = (ask - bid) / mid * 10,000 (basis points); normal = its median over the quotes in (t - over, t], but at
    least `floor` basis points, so that a tick more than nothing is no alert. Met where spread > multiple * normal and
    the window holds `least` quotes; raised when that has lasted `hold`; cleared where spread < calm * normal. A quote
    with a side missing changes nothing. Source: QuestDB's spread in basis points; 3 times for 5 seconds are ours.
    """

    multiple: float = 3.0
    calm: float = 1.5
    over: str = "30m"
    hold: str = "5s"
    floor: float = 0.5
    least: int = 100

    def __post_init__(self) -> None:
        above(self, 1, "multiple")
        require(self, "calm", 0 < self.calm <= self.multiple, f"a number above 0, at most multiple = {self.multiple:g}")
        lengths(self, "over")
        length(self, "hold")
        above(self, 0, "floor")
        whole(self, 1, "least")

    def alerts(self, ticks: Tape) -> AlertStream:
        """Raised when it has been wide for `hold`, cleared when it is narrow again."""
        spread = ticks.pipe(spread_bps())
        normal = spread.pipe(rolling_median(self.over)).apply(lambda median: np.maximum(median, self.floor))
        quotes = spread.pipe(tick_count(self.over))
        sides = {"bid": ticks.pipe(column("bid")), "ask": ticks.pipe(column("ask"))}
        return combine_latest(spread=spread, normal=normal, quotes=quotes, **sides).pipe(
            alert_when(
                lambda s: (s.spread > self.multiple * s.normal) & (s.quotes >= self.least),
                clear=lambda s: s.spread < self.calm * s.normal,
                hold=self.hold,
                message="{symbol} spread {spread:,.1f} bp, normally {normal:,.1f}: {bid:,} / {ask:,}",
            )
        )
