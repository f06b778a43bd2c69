"""Moving-average cross: the golden cross and the death cross, at the close of bars."""

from typing import Literal

import numpy as np

from pipeline import Strategy, alert_when, combine_latest
from pipeline.flow import Tape
from pipeline.operators import ema, moving_average, rolling_sum
from pipeline.rules import AlertStream
from pipeline.windows import bars
from strategies.limits import lengths, require, whole

__all__ = ["MovingAverageCross"]


class MovingAverageCross(Strategy):
    """The average of the last `fast` closes of `bar` crosses that of the last `slow`, and is more than `margin` beyond it.

    gap = fast / slow - 1 (a fraction) at the end of each bar that traded. A bar takes a side where |gap| > margin; a cross
    is a bar whose side is not that of the bar before it that took one. Each cross is one alert, of the rule `golden` (up)
    or `death` (down), and is not cleared. `kind` is "sma" or "ema" (see `pipeline.operators.ema`); nothing before `slow`
    bars. Source: thinkorswim's golden cross, 50 over 200; at the close, as TradingView's once_per_bar_close.
    """

    bar: str = "1m"
    fast: int = 50
    slow: int = 200
    kind: Literal["sma", "ema"] = "sma"
    margin: float = 0.0005

    def __post_init__(self) -> None:
        lengths(self, "bar")
        whole(self, 1, "fast")
        whole(self, self.fast + 1, "slow")
        require(self, "margin", 0 <= self.margin < 1, "a fraction from 0, below 1, such as 0.0005")

    def alerts(self, ticks: Tape) -> list[AlertStream]:
        """One alert a cross; nothing is cleared."""
        average = moving_average if self.kind == "sma" else ema
        closes = ticks.pipe(bars(self.bar))
        fast, slow = closes.pipe(average(self.fast)), closes.pipe(average(self.slow))
        gap = fast / slow - 1
        side = gap.where(lambda s: abs(s.value) > self.margin).apply(np.sign)
        turn = side * 2 - side.pipe(rolling_sum(2))  # this side less the one before
        seen = combine_latest(turn=turn, fast=fast, slow=slow, gap=gap)
        told = (
            f"cross at {{price:,}}: {self.fast} bars {{fast:,.6g}}, {self.slow} bars {{slow:,.6g}} ({{gap:+.2%}}, {self.bar} {self.kind})"
        )
        return [
            seen.pipe(alert_when(lambda s: s.turn > 0, every=True, name="golden", message=f"{{symbol}} golden {told}")),
            seen.pipe(alert_when(lambda s: s.turn < 0, every=True, name="death", message=f"{{symbol}} death {told}")),
        ]
