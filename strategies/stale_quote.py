"""Stale quote: one symbol is silent while the rest of the tape is alive."""

import numpy as np

from pipeline import alert_when, combine_latest
from pipeline.durations import SECOND, nanoseconds
from pipeline.flow import Tape
from pipeline.operators import age, inter_arrival, last, live_clock, mid, rolling_quantile, tick_count
from pipeline.rules import AlertStream
from strategies.in_session import InSession
from strategies.limits import above, length, lengths, require, whole

__all__ = ["StaleQuote"]


class StaleQuote(InSession):
    """A symbol's last quote is older than `after`, and than `multiple` times the 99th percentile of its waits, while others are heard.

    Judged once a second in the hours of the session, for symbols quoted within `active`. limit = max(after, multiple *
    q99), q99 being that of the seconds between the symbol's quotes in (t - over, t] at its last quote. Raised where its
    age and the session's are above limit, the window had `least` waits, and a row of another symbol or a HEARTBEAT came
    within `alive`; cleared where age <= limit. On a tape without quotes trades are meant; a quote with a side missing is
    none. Source: quote age against the symbol's own q99, the fixed form being prime.greeks.live's.
    """

    hours: str = "00:00-24:00"
    tz: str = "UTC"
    days: str = "Mon-Sun"
    after: str = "30s"
    multiple: float = 3.0
    over: str = "30m"
    least: int = 20
    alive: str = "5s"
    active: str = "15m"

    def __post_init__(self) -> None:
        super().__post_init__()
        lengths(self, "over")
        above(self, 0, "multiple")
        whole(self, 1, "least")
        require(self, "alive", length(self, "alive") >= SECOND, "1s or more, the period at which it is judged")
        lengths(self, "after", beyond="alive")
        lengths(self, "active", beyond="after")

    def alerts(self, ticks: Tape) -> AlertStream:
        """Raised while the symbol is silent, cleared within a second of its next quote."""
        after = nanoseconds(self.after) / SECOND
        quotes = ticks.pipe(mid() if "bid" in ticks.columns else last())
        seconds = quotes.pipe(live_clock("1s", active=self.active, alive=self.alive))
        waits = quotes.pipe(inter_arrival())
        longest = waits.pipe(rolling_quantile(self.over, 0.99), last())  # at the last quote: a trade between sheds from the window
        limit = longest.apply(lambda q99: np.maximum(after, self.multiple * q99))
        opened = self.since_open(seconds).apply(lambda since: np.nan_to_num(since, nan=-1.0))
        enough = waits.pipe(tick_count(self.over), last())
        return combine_latest(on=seconds, age=seconds.pipe(age()), open=opened, limit=limit, waits=enough).pipe(
            alert_when(
                lambda s: (np.minimum(s.age, s.open) > s.limit) & (s.waits >= self.least),
                clear=lambda s: s.age <= s.limit,
                message="{symbol} last quote {price:,.8g} is {age:,.0f} s old (limit {limit:,.0f} s), others are alive",
            )
        )
