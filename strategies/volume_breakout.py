"""Volume breakout: a price that moves on volume."""

from pipeline import Strategy, alert_when, combine_latest
from pipeline.flow import Tape
from pipeline.operators import moving_average, price_change, volume, volume_baseline
from pipeline.rules import AlertStream
from strategies.limits import fraction, length, lengths, require, whole

__all__ = ["VolumeBreakout"]


class VolumeBreakout(Strategy):
    """Price moves more than `move` within `over`, away from its average, while volume is `multiple` times its `baseline` average."""

    move: float = 0.01
    over: str = "1m"
    average: int = 10
    multiple: float = 2.0
    baseline: str = "5m"

    def alerts(self, ticks: Tape) -> AlertStream:
        """Raised on the breakout, cleared when half of the move is gone."""
        return combine_latest(
            change=ticks.pipe(price_change(self.over)),
            average=ticks.pipe(moving_average(self.average)),
            volume=ticks.pipe(volume(self.over)),
            usual=ticks.pipe(volume_baseline(self.over, self.baseline)),
        ).pipe(
            alert_when(
                lambda s: (abs(s.change) > self.move) & ((s.price - s.average) * s.change > 0) & (s.volume > self.multiple * s.usual),
                clear=lambda s: abs(s.change) < self.move / 2,
                message="{symbol} {change:+.2%} on {volume:,.0f} (usual {usual:,.0f})",
            )
        )

    def __post_init__(self) -> None:
        fraction(self, "move")
        whole(self, 1, "average")
        require(self, "multiple", self.multiple >= 0, "a number from 0")
        lengths(self, "over", "baseline")
        over = length(self, "over")
        require(self, "baseline", length(self, "baseline") >= over, f"a length of time of at least over = {self.over}")
