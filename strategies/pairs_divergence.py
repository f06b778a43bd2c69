"""Pairs divergence: two symbols that go together have come apart."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline import Strategy, alert_when, combine_latest
from pipeline.durations import SECOND, nanoseconds
from pipeline.flow import Signal, Tape
from pipeline.operators import age_of, last, mid, moving_average, of, rolling_beta, rolling_corr, rolling_std
from pipeline.probe import Rows
from pipeline.rules import AlertStream
from pipeline.symbols import is_symbol
from pipeline.windows import clock
from strategies.limits import above, lengths, require, whole

__all__ = ["PairsDivergence"]


class PairsDivergence(Strategy):
    """ln(first) - hedge * ln(second) is at least `far` standard deviations from its mean while the two correlate; over within `near`.

    A sample at each multiple of `every`: the first leg's last trade, not older than `max_age`, with the second's last
    price at that trade, then not older than `max_age` either; no sample if the first has not traded since the last.
    Over the last `window` samples: z = ((a - mean a) - hedge * (b - mean b)) / its sample deviation, where a and b are
    logarithms and hedge a number or "rolling", the slope of a on b. Raised where |z| >= far and the correlation of a
    and b >= `correlation`, cleared where |z| <= near. Trades, or mids on a tape of quotes. Source: quantinsti, pair trading.
    """

    scope = "market"
    first: str
    second: str
    every: str = "1m"
    max_age: str = "10s"
    window: int = 60
    hedge: float | Literal["rolling"] = "rolling"
    far: float = 2.0
    near: float = 0.5
    correlation: float = 0.7

    def __post_init__(self) -> None:
        require(self, "first", is_symbol(self.first), "a symbol")
        require(self, "second", is_symbol(self.second) and self.second != self.first, f"a symbol other than first = {self.first!r}")
        lengths(self, "every", "max_age")
        whole(self, 3, "window")
        above(self, 0, "far")
        require(self, "near", 0 <= self.near <= self.far, f"a number of deviations from 0 to far = {self.far:g}")
        require(self, "correlation", -1 <= self.correlation <= 1, "a number from -1 (no filter) to 1")

    def alerts(self, ticks: Tape) -> AlertStream:
        """Raised apart, cleared together; the alerts are the first symbol's."""
        a, b = self.legs(ticks)
        away, together = a - a.pipe(moving_average(self.window)), b - b.pipe(moving_average(self.window))
        corr = a.pipe(rolling_corr(b, self.window))
        if isinstance(self.hedge, float):
            gap, width, told = away - together * self.hedge, (a - b * self.hedge).pipe(rolling_std(self.window)), f"{self.hedge:g}"
        else:
            hedge = a.pipe(rolling_beta(b, self.window))
            gap, width, told = away - together * hedge, a.pipe(rolling_std(self.window)) * (1 - corr * corr) ** 0.5, "rolling"
        said = f"{{symbol}} {{gap:+.2%}} against {self.second} ({{z:+.1f}} deviations, correlation {{corr:.2f}}, hedge {told})"
        return combine_latest(z=gap / width, gap=gap, corr=corr).pipe(
            alert_when(lambda s: (abs(s.z) >= self.far) & (s.corr >= self.correlation), clear=lambda s: abs(s.z) <= self.near, message=said)
        )

    def legs(self, ticks: Tape) -> tuple[Signal, Signal]:
        """The logarithms of both, known at the rows of the first where neither is too old."""
        price = ticks.pipe(last() if "price" in ticks.columns else mid())
        moments, most = price.pipe(clock(self.every, active=self.max_age)), nanoseconds(self.max_age) / SECOND
        other, apart = price.pipe(of(self.second), last()), price.pipe(age_of(self.second), last())  # as of the row's own last trade
        seen = combine_latest(on=moments, other=other, apart=apart)

        def usable(s: Rows) -> NDArray[np.bool_]:
            return (s.symbol == self.first) & (s.apart <= most) & (s.price > 0) & (s.other > 0)

        a = seen.apply(lambda s: np.log(np.where(usable(s), s.price, np.nan)))
        return a, seen.apply(lambda s: np.log(np.where(usable(s), s.other, np.nan)))
