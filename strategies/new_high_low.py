"""New high, new low: a trade beyond everything the session has seen."""

from pipeline import alert_when, combine_latest
from pipeline.durations import SECOND, nanoseconds
from pipeline.flow import Tape
from pipeline.operators import price_change, session_high, session_low
from pipeline.rules import AlertStream
from strategies.in_session import InSession
from strategies.limits import length, require

__all__ = ["NewHighLow"]


class NewHighLow(InSession):
    """A trade above the session's high, or below its low, from `warm_up` after the open; over when the price is `retreat` away from it.

    Raised by the rule `high` where a trade is above every earlier one since the open, cleared where price < high * (1 -
    retreat), and by the first trade of the next session; `low` likewise. While it is active further highs are the same
    alert, so that a trend is one alert. At most one raise in `cooldown` for each symbol and rule. Source: Trade Ideas'
    filtered new high: at most one a minute, none within 60 s of the open.
    """

    warm_up: str = "5m"
    retreat: float = 0.002
    cooldown: str = "1m"

    def __post_init__(self) -> None:
        super().__post_init__()
        length(self, "warm_up")
        length(self, "cooldown")
        require(self, "retreat", 0 <= self.retreat < 1, "a fraction from 0, below 1, such as 0.002")

    def alerts(self, ticks: Tape) -> list[AlertStream]:
        """One rule for highs, one for lows."""
        hours, warm_up = self.session(), nanoseconds(self.warm_up) / SECOND
        high, low = ticks.pipe(session_high(hours)), ticks.pipe(session_low(hours))
        rise, fall = high.pipe(price_change(1)), low.pipe(price_change(1))  # not 0 where it moved, and at a session's first trade
        seen = combine_latest(high=high, low=low, rise=rise, fall=fall, open=self.since_open(ticks))
        return [
            seen.pipe(
                alert_when(
                    lambda s: (s.open >= warm_up) & (s.rise > 0) & (s.high > s.low),
                    clear=lambda s: (s.high == s.low) | (s.price < s.high * (1 - self.retreat)),
                    cooldown=self.cooldown,
                    name="high",
                    message="{symbol} new session high {high:,}: now {price:,} (low {low:,})",
                )
            ),
            seen.pipe(
                alert_when(
                    lambda s: (s.open >= warm_up) & (s.fall < 0) & (s.high > s.low),
                    clear=lambda s: (s.high == s.low) | (s.price > s.low * (1 + self.retreat)),
                    cooldown=self.cooldown,
                    name="low",
                    message="{symbol} new session low {low:,}: now {price:,} (high {high:,})",
                )
            ),
        ]
