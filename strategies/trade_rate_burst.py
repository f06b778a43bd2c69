"""Trade-rate burst: many more trades than a moment ago."""

import numpy as np

from pipeline import Strategy, alert_when, combine_latest
from pipeline.flow import Tape
from pipeline.operators import last, price_change, tick_count, volume_baseline
from pipeline.rules import AlertStream
from strategies.limits import above, lengths, require

__all__ = ["TradeRateBurst"]


class TradeRateBurst(Strategy):
    """At least `multiple` times as many trades within `over` as is normal, normal being the `baseline` before; over below `calm` times.

    normal = trades per `over` in (t - over - baseline, t - over], but at least `least`, so that three trades after a
    silence are no burst. Raised where trades >= multiple * normal, cleared where trades < calm * normal; nothing before
    a symbol's first trade is over + baseline old. Judged at the symbol's own rows. Source: Trade Ideas' unusual number
    of prints, 5 times in 3 minutes, with the recent past in place of the same time of other days.
    """

    over: str = "3m"
    baseline: str = "30m"
    multiple: float = 5.0
    calm: float = 2.0
    least: float = 10.0

    def __post_init__(self) -> None:
        lengths(self, "over", "baseline")
        above(self, 1, "multiple")
        require(self, "calm", 0 < self.calm <= self.multiple, f"a number above 0, at most multiple = {self.multiple:g}")
        above(self, 0, "least")

    def alerts(self, ticks: Tape) -> AlertStream:
        """Raised when the burst begins, cleared when it is over or has become normal."""
        price = ticks.pipe(last())
        usual = price.apply(np.ones_like).pipe(volume_baseline(self.over, self.baseline))
        normal = usual.apply(lambda trades: np.maximum(trades, self.least))
        trades, change = ticks.pipe(tick_count(self.over)), ticks.pipe(price_change(self.over))
        return combine_latest(trades=trades, normal=normal, at=price, change=change).pipe(
            alert_when(
                lambda s: s.trades >= self.multiple * s.normal,
                clear=lambda s: s.trades < self.calm * s.normal,
                message=f"{{symbol}} {{trades:,.0f}} trades in {self.over} (normal {{normal:,.0f}}), at {{at:,}} ({{change:+.2%}})",
            )
        )
