"""Volume spike: one large trade away from the recent average."""

from pipeline import Strategy, alert_when, combine_latest
from pipeline.flow import Tape
from pipeline.operators import column, moving_average
from pipeline.rules import AlertStream
from strategies.limits import fraction, lengths, require, whole

__all__ = ["VolumeSpike"]


class VolumeSpike(Strategy):
    """A trade more than `move` away from the mean of the last `average` prices, of more than `multiple` times the mean size over `over`."""

    move: float = 0.01
    average: int = 10
    multiple: float = 2.0
    over: str = "5m"

    def __post_init__(self) -> None:
        fraction(self, "move")
        whole(self, 1, "average")
        require(self, "multiple", self.multiple >= 0, "a number from 0")
        lengths(self, "over")

    def alerts(self, ticks: Tape) -> AlertStream:
        """One alert a trade; nothing is cleared."""
        return combine_latest(
            average=ticks.pipe(moving_average(self.average)),
            usual=ticks.pipe(column("size"), moving_average(self.over)),
        ).pipe(
            alert_when(
                lambda s: (abs(s.price / s.average - 1) > self.move) & (s.size > self.multiple * s.usual),
                every=True,
                message="{symbol} {size:,.0f} at {price:,.2f}, average {average:,.2f}",
            )
        )
