"""The report of a run: what was read, what was found, and what went wrong."""

import html
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.alerts import Alert, Alerts
from pipeline.errors import RxtapeError
from pipeline.graph import Fault
from pipeline.watchdog import Hang

__all__ = ["Latency", "Report"]

FINE_BITS = 5


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
    event. `latency` is per batch. `quarantined` are the strategies and sinks that were cut off, `undelivered` counts
    what those sinks did not get. `incomplete` is the error that ended the input early: what was judged before it stands.
    """

    ticks: int = 0
    symbols: int = 0
    late_rows: int = 0
    dropped_rows: int = 0
    bad_rows: int = 0
    seconds: float = 0.0
    alerts: Alerts = field(default_factory=Alerts)
    alerts_by: dict[tuple[str, str, str], int] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency, repr=False)
    quarantined: list[Fault] = field(default_factory=list)
    hangs: list[Hang] = field(default_factory=list)
    undelivered: dict[str, int] = field(default_factory=dict)
    incomplete: RxtapeError | None = None
    interrupted: bool = False

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
        """What the command line returns: 0, 1 something quarantined, 3 incomplete, 130 interrupted."""
        return 130 if self.interrupted else 3 if self.incomplete else 1 if self.quarantined else 0

    def count(self, alerts: Iterable[Alert]) -> None:
        """Count alerts by strategy, symbol and event."""
        for alert in alerts:
            key = (alert.strategy, alert.symbol, alert.event)
            self.alerts_by[key] = self.alerts_by.get(key, 0) + 1

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
        return rows + self.troubles()

    def troubles(self) -> list[tuple[str, str]]:
        """What went wrong, as name and value."""
        rows = [("QUARANTINED", str(fault)) for fault in self.quarantined]
        rows += [("undelivered", f"{count:,} alerts to {sink}") for sink, count in self.undelivered.items()]
        rows += [("slow", str(hang)) for hang in self.hangs]
        if self.incomplete is not None:
            rows.append(("INCOMPLETE", str(self.incomplete)))
        if self.interrupted:
            rows.append(("INTERRUPTED", "the rows after this were not read"))
        return rows

    def summary(self) -> str:
        """The report as plain text."""
        counts = [("", f"{count:,} {event}  {strategy}  {symbol}") for (strategy, symbol, event), count in self.alerts_by.items()]
        return "\n".join(f"{name:<12} {value}" for name, value in counts + self.facts())

    def _repr_html_(self) -> str:
        def line(name: str, value: str) -> str:
            return f"<tr><th style='text-align:left'>{html.escape(name)}</th><td style='text-align:left'>{html.escape(value)}</td></tr>"

        facts = "".join(line(name, value) for name, value in self.facts())
        counts = "".join(line(strategy, f"{symbol}: {count:,} {event}") for (strategy, symbol, event), count in self.alerts_by.items())
        return f"<table>{facts}{counts}</table>"
