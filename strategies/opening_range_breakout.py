"""Opening-range breakout: the first minutes set the range, a close beyond it on volume breaks it."""

import numpy as np

from pipeline import alert_when, combine_latest
from pipeline.combine import Combination
from pipeline.flow import Tape
from pipeline.operators import column, moving_average, session_high, session_low
from pipeline.rules import AlertStream
from pipeline.windows import bars
from strategies.in_session import InSession
from strategies.limits import above, lengths, whole

__all__ = ["OpeningRangeBreakout"]


class OpeningRangeBreakout(InSession):
    """A bar closes beyond the range of the session's first `opening`, on more than `multiple` times the mean volume of `window` bars.

    The range is the highest and lowest trade in [open, open + opening). Raised by the rule `above` or `below` at the end
    of a bar of `bar` whose close is beyond it and whose volume > multiple * the mean of the last `window` bars that
    traded, this one included. Cleared by the first bar that closes back inside (within three bars traders call it a
    failed breakout), and by the first bar after the session. Source: daytraderscripts, 20 bars; N of 5, 15 or 30 min.
    """

    opening: str = "15m"
    bar: str = "1m"
    window: int = 20
    multiple: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.beginning("opening")
        lengths(self, "bar")
        whole(self, 1, "window")
        above(self, 0, "multiple")

    def alerts(self, ticks: Tape) -> list[AlertStream]:
        """One rule for each end of the range."""
        hours, opening = self.session(), self.beginning("opening")
        minutes = ticks.pipe(bars(self.bar))
        high = ticks.pipe(session_high(opening), session_high(hours))  # stands for the rest of the session
        low = ticks.pipe(session_low(opening), session_low(hours))
        usual = minutes.pipe(column("size"), moving_average(self.window))
        return [
            self.breakout(combine_latest(on=minutes, edge=high, usual=usual), 1.0, "above"),
            self.breakout(combine_latest(on=minutes, edge=low, usual=usual), -1.0, "below"),
        ]

    def breakout(self, seen: Combination, sign: float, side: str) -> AlertStream:
        """Raised beyond an edge, cleared inside; outside of sessions, where there is no edge, nothing is beyond it."""
        edge = "high" if sign > 0 else "low"
        beyond = seen.apply(lambda s: np.where(np.isnan(s.edge), 0.0, s.price - s.edge))
        return combine_latest(beyond=beyond, **seen.signals, on=seen.tape).pipe(
            alert_when(
                lambda s: (sign * s.beyond > 0) & (s.size > self.multiple * s.usual),
                clear=lambda s: sign * s.beyond <= 0,
                name=side,
                message=f"{{symbol}} closed at {{price:,}}, {{beyond:+,.4g}} from the {edge} of the first {self.opening}, "
                "on {size:,.8g} (usual {usual:,.6g})",
            )
        )
