"""Z-score move: a close outside of its Bollinger bands."""

from pipeline import Strategy, alert_when, combine_latest
from pipeline.flow import Tape
from pipeline.operators import moving_average, zscore
from pipeline.rules import AlertStream
from pipeline.windows import bars
from strategies.limits import above, lengths, require, whole

__all__ = ["ZscoreMove"]


class ZscoreMove(Strategy):
    """A bar closes at least `far` standard deviations from the mean of the last `window` closes, on `volume` or more; over within `near`.

    z = (close - mean) / deviation of the last `window` closes of `bar`, this one included; the deviation is the
    population's, as in Bollinger's bands, so that |z| is at most sqrt(window - 1). Raised where |z| >= far and the bar's
    volume (base units) is at least `volume`, cleared where |z| <= near; nothing before `window` bars, or while they are
    all equal. Source: Bollinger, 20 bars and 2 deviations (QuestDB); Pathway adds the volume of the bar.
    """

    bar: str = "1m"
    window: int = 20
    far: float = 3.0
    near: float = 1.0
    volume: float = 0.0

    def __post_init__(self) -> None:
        lengths(self, "bar")
        whole(self, 2, "window")
        above(self, 0, "far")
        most = (self.window - 1) ** 0.5
        require(self, "far", self.far <= most, f"at most sqrt(window - 1) = {most:.4g}, which no score exceeds")
        require(self, "near", 0 <= self.near <= self.far, f"a number of deviations from 0 to far = {self.far:g}")
        require(self, "volume", self.volume >= 0, "a volume from 0")

    def alerts(self, ticks: Tape) -> AlertStream:
        """Raised on a far close, cleared by a near one."""
        closes = ticks.pipe(bars(self.bar))
        average = closes.pipe(moving_average(self.window))
        return combine_latest(z=closes.pipe(zscore(self.window, ddof=0)), average=average).pipe(
            alert_when(
                lambda s: (abs(s.z) >= self.far) & (s.size >= self.volume),
                clear=lambda s: abs(s.z) <= self.near,
                message=f"{{symbol}} closed at {{price:,}}, {{z:+.1f}} deviations from {{average:,.6g}} ({self.window} bars of {self.bar})",
            )
        )
