"""VWAP deviation: a price far from what the session has paid."""

from pipeline import alert_when, combine_latest
from pipeline.durations import SECOND, nanoseconds
from pipeline.flow import Tape
from pipeline.operators import last, vwap, vwap_std
from pipeline.rules import AlertStream
from strategies.in_session import InSession
from strategies.limits import above, length, require

__all__ = ["VwapDeviation"]


class VwapDeviation(InSession):
    """A trade at least `far` standard deviations from the session's VWAP, from `warm_up` after the open; over within `near`.

    VWAP = sum(size * price) / sum(size) since the open, band = sqrt(sum(size * (price - VWAP) ** 2) / sum(size)). Raised
    when |price - VWAP| >= far * band and band > 0 have held for `hold` (no odd print raises it), cleared where |price -
    VWAP| < near * band, and by the first trade of the next session. Source: VWAP bands (quantinger), 2 deviations, 3 for extremes.
    """

    far: float = 2.0
    near: float = 1.0
    warm_up: str = "15m"
    hold: str = "5s"

    def __post_init__(self) -> None:
        super().__post_init__()
        above(self, 0, "far")
        require(self, "near", 0 <= self.near <= self.far, f"a number of deviations from 0 to far = {self.far:g}")
        length(self, "warm_up")
        length(self, "hold")

    def alerts(self, ticks: Tape) -> AlertStream:
        """Raised far from VWAP, cleared near it."""
        hours, warm_up = self.session(), nanoseconds(self.warm_up) / SECOND
        average, band = ticks.pipe(vwap(hours)), ticks.pipe(vwap_std(hours))
        off = ticks.pipe(last()) - average
        return combine_latest(vwap=average, band=band, score=off / band, off=off / average, open=self.since_open(ticks)).pipe(
            alert_when(
                lambda s: (s.open >= warm_up) & (s.band > 0) & (abs(s.price - s.vwap) >= self.far * s.band),
                clear=lambda s: (s.band == 0) | (abs(s.price - s.vwap) < self.near * s.band),
                hold=self.hold,
                message="{symbol} {price:,} is {off:+.2%} from VWAP {vwap:,.6g} ({score:+.1f} deviations)",
            )
        )
