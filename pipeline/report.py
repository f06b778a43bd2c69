"""The report of a run: what was read, what was found, and what went wrong."""

import html
import signal
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.alerts import Alert, Alerts
from pipeline.corrections import Corrected
from pipeline.errors import RxtapeError
from pipeline.graph import Fault
from pipeline.watchdog import Hang

if TYPE_CHECKING:
    from pipeline.drawing import Plot
    from pipeline.frames import Time

__all__ = ["Latency", "Report"]

FINE_BITS = 5
MOST_ASIDE = 1_000
SHOWN = 20


class Latency:
    """How long batches took, as a histogram of fixed size; a quantile is right to 3%.

    >>> latency = Latency()
    >>> for _ in range(99):
    ...     latency.add(20_000)
    >>> latency.add(900_000)
    >>> round(latency.quantile(0.5)), round(latency.quantile(0.99)), round(latency.quantile(1.0))
    (20, 20, 901)
    """

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts = [0] * ((64 - FINE_BITS) << FINE_BITS)

    def add(self, length_ns: int) -> None:
        """Count one batch."""
        shift = max(length_ns.bit_length() - FINE_BITS, 0)
        self.counts[(shift << FINE_BITS) + (length_ns >> shift)] += 1

    def quantile(self, share: float) -> float:
        """The microseconds that this share of the batches did not exceed; nan without batches."""
        wanted, seen = share * sum(self.counts), 0
        for place, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                shift = place >> FINE_BITS
                return ((place - (shift << FINE_BITS)) + 0.5) * (1 << shift) / 1e3
        return float("nan")


@dataclass
class Report:
    """What `run` returns.

    `alerts` holds the alerts in order (empty where they were not kept), `alerts_by` counts them by strategy, symbol and
    event. `set_aside` are the first 1,000 of the rows that were left out, each with source, line and reason: those of
    `dropped_rows` and, but for one that ended the input, of `bad_rows`. `latency` is per batch. `quarantined` are the
    strategies and sinks that were cut off, `undelivered` counts what those sinks did not get. `incomplete` is the error
    that ended the input early: what was judged before it stands. `stopped_by` is the number of the signal that stopped the
    run (13: the reader of a pipe has left), or 0. `again` builds the same run once more, without its sinks. `of_feed` is
    what the feed says of itself, `corrected` the newest 1,000 trades a live feed took back after they had raised alerts, `notes`
    what else may not be as it was meant.
    """

    ticks: int = 0
    symbols: int = 0
    late_rows: int = 0
    dropped_rows: int = 0
    bad_rows: int = 0
    set_aside: list[dict[str, Any]] = field(default_factory=list, repr=False)
    seconds: float = 0.0
    alerts: Alerts = field(default_factory=Alerts)
    alerts_by: dict[tuple[str, str, str], int] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency, repr=False)
    quarantined: list[Fault] = field(default_factory=list)
    hangs: list[Hang] = field(default_factory=list)
    undelivered: dict[str, int] = field(default_factory=dict)
    incomplete: RxtapeError | None = None
    stopped_by: int = 0
    of_feed: list[tuple[str, str]] = field(default_factory=list)
    corrected: deque[Corrected] = field(default_factory=lambda: deque(maxlen=1000))
    notes: list[tuple[str, str]] = field(default_factory=list)
    again: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    @property
    def interrupted(self) -> bool:
        """A signal ended the run early."""
        return self.stopped_by > 0

    @property
    def alert_count(self) -> int:
        """How many alerts there were."""
        return sum(self.alerts_by.values())

    @property
    def ticks_per_second(self) -> float:
        """Over the whole run, reading the feed and writing the alerts included."""
        return self.ticks / self.seconds if self.seconds else 0.0

    @property
    def exit_code(self) -> int:
        """What the command line returns: 0, 1 something cut off or undelivered, 3 incomplete, 128 + the signal that stopped it."""
        return 128 + self.stopped_by if self.interrupted else 3 if self.incomplete else 1 if self.quarantined or self.undelivered else 0

    def count(self, alerts: Iterable[Alert]) -> None:
        """Count alerts by strategy, symbol and event."""
        for alert in alerts:
            key = (alert.strategy, alert.symbol, alert.event)
            self.alerts_by[key] = self.alerts_by.get(key, 0) + 1

    def keep_aside(self, row: dict[str, Any]) -> None:
        """Keep a row that was left out, if it is one of the first."""
        if len(self.set_aside) < MOST_ASIDE:
            self.set_aside.append(row)

    def facts(self) -> list[tuple[str, str]]:
        """The report line by line, as name and value."""
        rows = [
            ("ticks", f"{self.ticks:,} of {self.symbols:,} symbols in {self.seconds:.2f} s, {self.ticks_per_second:,.0f} a second"),
            ("alerts", f"{self.alert_count:,}"),
        ]
        if self.ticks:
            rows.append(("batches", f"p50 {self.latency.quantile(0.5):,.0f} us, p99 {self.latency.quantile(0.99):,.0f} us"))
        if self.late_rows:
            rows.append(("late rows", f"{self.late_rows:,}" + (f", {self.dropped_rows:,} of them dropped" if self.dropped_rows else "")))
        if self.bad_rows:
            rows.append(("bad rows", f"{self.bad_rows:,}"))
        return rows + self.of_feed + self.notes + self.troubles()

    def troubles(self) -> list[tuple[str, str]]:
        """What went wrong, as name and value."""
        rows = [("QUARANTINED", str(fault)) for fault in self.quarantined]
        rows += [("undelivered", f"{count:,} alerts to {sink}") for sink, count in self.undelivered.items()]
        rows += [("corrected", str(each)) for each in self.corrected]
        rows += [("slow", str(hang)) for hang in self.hangs]
        if self.incomplete is not None:
            rows.append(("INCOMPLETE", str(self.incomplete)))
        if self.interrupted:
            rows.append(("INTERRUPTED", f"by {signal_name(self.stopped_by)}; what was judged before it stands"))
        return rows

    def summary(self) -> str:
        """The report as plain text."""
        counts = [("", f"{count:,} {event}  {strategy}  {symbol}") for (strategy, symbol, event), count in self.alerts_by.items()]
        return "\n".join(f"{name:<12} {value}" for name, value in counts + self.facts())

    def plot(self, symbol: str | None = None, *, start: "Time | None" = None, until: "Time | None" = None, tz: str = "UTC") -> "Plot":
        """Draw one symbol: its price with averages and bands, alerts (full: raised, hollow: cleared), and other signals below.

        Without `symbol` the one with most alerts. Shows `start` <= time < `until` (text with a zone, datetimes, or ns UTC),
        with the time axis in the zone `tz`. A million ticks are thinned to what can be seen, spikes included. The run kept
        nothing for this: the feed is read, and the strategies run, a second time. Returns a matplotlib figure, shown by a
        notebook; `.savefig("out.png")` saves it, `.axes[0]` is the panel of the price.

        Raises UsageError where matplotlib is missing or a second reading gives other ticks, UnknownName for the symbol.

        >>> from pipeline.checks import tape_of
        >>> from pipeline.runner import run
        >>> figure = run(tape_of(price=[10.0, 12.0, 11.0])).plot("A")
        >>> figure.axes[0].get_ylabel(), figure.axes[0].get_lines()[0].get_ydata().tolist()
        ('price\\n(quote currency)', [10.0, 12.0, 11.0])
        """
        from pipeline.plot import drawing, picture_of

        figure: Plot = drawing().draw(picture_of(self, symbol, start, until), tz)
        return figure

    def _repr_html_(self) -> str:
        def line(name: str, value: str) -> str:
            return f"<tr><th style='text-align:left'>{html.escape(name)}</th><td style='text-align:left'>{html.escape(value)}</td></tr>"

        most = sorted(self.alerts_by.items(), key=lambda item: -item[1])
        rows = self.facts() + [(strategy, f"{symbol}: {count:,} {event}") for (strategy, symbol, event), count in most[:SHOWN]]
        if len(most) > SHOWN:
            rows.append(("", f"and {sum(count for _, count in most[SHOWN:]):,} alerts more"))
        return f"<table>{''.join(line(name, value) for name, value in rows)}</table>"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
