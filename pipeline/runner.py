"""`run`: a feed that ends, strategies and sinks become a report."""

from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING

from pipeline.broker import Broker
from pipeline.durations import Duration
from pipeline.errors import UsageError
from pipeline.feed import Feed, LiveFeed
from pipeline.ingest import Late
from pipeline.interruption import NOBODY_LISTENS
from pipeline.journaling import Journaling
from pipeline.report import Report
from pipeline.running import OnBad, Run, Sinks
from pipeline.strategy import Strategy
from pipeline.symbols import MAX_SYMBOLS
from pipeline.ticks import Ticks

if TYPE_CHECKING:
    import pandas

__all__ = ["Run", "run"]


def run(
    feed: "Feed | Ticks | pandas.DataFrame",
    *strategies: Strategy,
    sinks: Sinks = (),
    late: Late = "fail",
    lateness: Duration = "0s",
    on_bad: OnBad = "fail",
    check_first: bool = False,
    max_symbols: int = MAX_SYMBOLS,
    quarantine: str | Path | None = None,
    keep_alerts: bool = True,
    broker: Broker | None = None,
    journal: Journaling | str | Path | None = None,
    raise_faults: bool = False,
) -> Report:
    """Put a feed, ticks or a DataFrame through strategies, their alerts into sinks (objects, or URLs: "jsonl:alerts.jsonl").

    A DataFrame is read as `feeds.frames.from_frame` does; use that to say which column is which, or of what zone its times are.

    Rows up to `lateness` late are put in order; later ones end the run ("fail"), are kept at the earliest time allowed
    ("clamp"), or are set aside ("drop"): all in the file `quarantine`, the first 1,000 in `report.set_aside`. A bad row ends
    the run ("fail"), or is set aside too ("skip"). `check_first` reads the whole feed before anything is judged.
    `keep_alerts=False` leaves the alerts to the sinks. Alerts and faults are published on `broker`, if there is one, which is
    closed by whoever made it. With a `journal`, a folder, what comes and what is found is written down before it counts; the
    same run started again goes on where that ends, after a crash too.
    A strategy or sink that raises is cut off and reported, or, with `raise_faults`, its error raised at the end.

    Raises UsageError for what cannot work; bad input does not raise, it ends the run with `report.incomplete`.

    >>> from pipeline import Strategy, Ticks, alert_when, combine_latest
    >>> from pipeline.operators import moving_average
    >>> class Above(Strategy):
    ...     def alerts(self, ticks):
    ...         return combine_latest(average=ticks.pipe(moving_average(2))).pipe(alert_when(lambda s: s.price > s.average))
    >>> start = 1_381_219_200_000_000_000
    >>> report = run(Ticks.of(time=[start, start + 1], symbol=["SPY", "SPY"], price=[10.0, 11.0]), Above())
    >>> report.ticks, [(alert.symbol, alert.values["average"]) for alert in report.alerts]
    (2, [('SPY', 10.5)])
    """
    if isinstance(feed, LiveFeed) and not isinstance(feed, Feed):
        raise UsageError(f"{feed.name} is live and does not end; write Live(feed, ...), then await start() and stop()")
    made = Run(
        feed, *strategies, late=late, lateness=lateness, on_bad=on_bad, check_first=check_first, max_symbols=max_symbols,
        quarantine=quarantine, keep_alerts=keep_alerts, broker=broker, journal=journal,
    )  # fmt: skip
    report = made.go(sinks)
    if report.stopped_by not in (0, SIGINT, NOBODY_LISTENS):
        raise SystemExit(report.exit_code)
    if raise_faults and report.quarantined:
        raise report.quarantined[0].error
    return report
