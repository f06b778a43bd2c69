"""The composition root: a feed, strategies and sinks become a run, and a run becomes a report."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from signal import SIGINT
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from reactivex import Observable

from pipeline.alerts import Alert, Alerts
from pipeline.aside import Aside
from pipeline.broker import Broker, topic_of
from pipeline.collector import Collector
from pipeline.combine import Combination
from pipeline.delivery import Delivery
from pipeline.durations import Duration, nanoseconds
from pipeline.errors import BadRow, BuildError, EngineFault, InputError, ReaderLeft, RxtapeError, SinkError, UnknownName, UsageError
from pipeline.feed import Feed, LiveFeed, facts_of, further_of, reading_further
from pipeline.flow import Signal, Tape
from pipeline.functions import nearest_argument, place_of
from pipeline.graph import Fault, Graph
from pipeline.ingest import Ingest, Late, RawRows
from pipeline.interruption import NOBODY_LISTENS, Batches, frozen_heap, stop_between_batches
from pipeline.notes import notes_on
from pipeline.plugins import load, plugins
from pipeline.report import Report
from pipeline.sinks import Sink
from pipeline.sinks.files import Destinations, destination_of
from pipeline.sinks.worker import SinkWorker
from pipeline.sources import feed_of
from pipeline.strategy import Strategy
from pipeline.symbols import MAX_SYMBOLS, SymbolTable
from pipeline.ticks import Ticks
from pipeline.watchdog import Hang, Watchdog

if TYPE_CHECKING:
    import pandas

__all__ = ["OnBad", "Run", "Sinks", "feed_of"]

OnBad = Literal["fail", "skip"]
Sinks = Sequence[Sink | str] | Sink | str
LOG = logging.getLogger("rxtape")


class Run:
    """A run that has been built and waits to `go`; `graph.next_row` tells how far it is.

    `picture` is a file that will be written after it, so that nothing else may be. What happens is published on `broker`, the
    one given or the run's own: alerts (`alerts.STRATEGY.RULE`), what was cut off (`faults.OWNER`), and the report as far as it
    is, once a batch (`progress`). Its own it closes at the end.
    """

    def __init__(
        self,
        feed: "Feed | LiveFeed | Ticks | pandas.DataFrame",
        *strategies: Strategy,
        late: Late = "fail",
        lateness: Duration = "0s",
        on_bad: OnBad = "fail",
        check_first: bool = False,
        max_symbols: int = MAX_SYMBOLS,
        quarantine: str | Path | None = None,
        keep_alerts: bool = True,
        broker: Broker | None = None,
        on_fault: Callable[[Fault], None] | None = None,
        on_hang: Callable[[Hang], None] | None = None,
        watchdog: Callable[..., Watchdog] = Watchdog,
    ) -> None:
        if late not in get_args(Late):
            raise UnknownName("policy for late rows", late, get_args(Late))
        if on_bad not in get_args(OnBad):
            raise UnknownName("policy for bad rows", on_bad, get_args(OnBad))
        self.feed = feed_of(feed)
        again: dict[str, Any] = {"late": late, "lateness": lateness, "on_bad": on_bad, "max_symbols": max_symbols}
        self.report = Report(again=partial(Run, feed, *strategies, **again))
        self._on_fault, self._on_hang, self._keep = on_fault or LOG.error, on_hang or LOG.warning, keep_alerts
        self.broker, self._own_broker = Broker() if broker is None else broker, broker is None
        self._batches = Batches()
        self.graph = Graph(SymbolTable(limit=max_symbols), self._faulted)
        self.ingest = Ingest(self.graph.symbols, late, nanoseconds(lateness), self._dropped, self._left_out if on_bad == "skip" else None)
        self._check_first = check_first
        columns = self.feed.columns | {"event_time"} if late == "clamp" else self.feed.columns
        self.graph.further = further_of(self.feed) - columns
        self.tape = Tape(self.graph, "tape", frozenset(columns))
        self.collector = Collector(self.graph)
        for strategy in strategies:
            self._build(strategy)
        self._watchdog = watchdog(self.graph, lambda: self._batches.busy, self._hung)
        self._aside = Aside(self.report, quarantine)
        self._delivery = Delivery((), self._sink_faulted, broker=self.broker)
        self._kept: list[Alert] = []
        self.picture: Path | None = None
        self.on_batch: Callable[[Ticks], None] = ignore
        self.on_alerts: Callable[[list[Alert]], None] = ignore

    def _build(self, strategy: object) -> None:
        if not isinstance(strategy, Strategy):
            raise BuildError(f"{strategy!r:.80} is no strategy{hint_on(strategy)}")
        name = strategy.name
        if name in self.graph.identities:
            raise BuildError(f"two strategies are named {name!r}; give one another name: {type(strategy).__name__}(name=...)")
        self.graph.identities[name] = repr(strategy)
        try:
            with self.graph.owned_by(name):
                found = strategy.alerts(self.tape)
            for stream in found if isinstance(found, list | tuple) else [found]:
                if isinstance(stream, Combination | Signal | Tape):
                    kind = type(stream).__name__
                    raise BuildError(f"alerts(ticks) returned a {kind}, no alerts; follow combine_latest(...) with .pipe(alert_when(...))")
                if not isinstance(stream, Observable):
                    raise BuildError(f"alerts(ticks) returned {stream!r:.80}; expected what alert_when gives, or an observable of alerts")
                self.collector.listen(name, stream)
        except EngineFault:
            raise
        except (Exception, SystemExit) as error:
            cause = "" if isinstance(error, RxtapeError) else f"{type(error).__name__}: "
            raise BuildError(f"strategy {name}: {cause}{error}{nearest_argument(error)}{place_of(error)}") from error

    def go(self, sinks: Sinks = (), worker: Callable[..., SinkWorker] = SinkWorker) -> Report:
        """Run to the end of the feed, deliver everything, and close the sinks; once."""
        self.feed = reading_further(self.feed, self.graph.claimed)
        with stop_between_batches(self._batches), self.working(sinks, worker), np.errstate(all="ignore"):
            if self._check_first:
                self._check_all()
            self._judge_all()
        return self.report

    @contextmanager
    def working(self, sinks: Sinks = (), worker: Callable[..., SinkWorker] = SinkWorker) -> Iterator[None]:
        """Sinks are open and the watchdog looks; afterwards everything is delivered and the report complete.

        Bad input, a signal and a quarantine file that cannot be written end it early, and are in the report instead of raised.
        """
        report, began, whole = self.report, perf_counter(), False
        self._delivery = Delivery(sinks, self._sink_faulted, worker, self._occupied(), self.broker)
        try:
            with self._watchdog, frozen_heap():
                yield
            whole = True
        except (InputError, SinkError) as error:
            report.incomplete = error
            report.bad_rows += isinstance(error, BadRow)
        except KeyboardInterrupt:
            self.collector.drop()
            self._batches.stopped_by = self._batches.stopped_by or SIGINT
        finally:
            report.undelivered = self._delivery.close(whole)
            if self._own_broker:
                self.broker.close()
            self._aside.close(whole)
        report.stopped_by = int(self._batches.stopped_by)
        report.seconds, report.of_feed = perf_counter() - began, facts_of(self.feed)
        report.notes = notes_on(self.graph, report)
        report.symbols, report.late_rows, report.alerts = len(self.graph.symbols), self.ingest.late_rows, Alerts(self._kept)

    def _occupied(self) -> Destinations:
        """Files that no sink may write to: the feed's, that of the rows set aside, and the picture's."""
        found = Destinations()
        for path in getattr(self.feed, "paths", [self.feed.path] if hasattr(self.feed, "path") else []):
            if not found.knows(destination_of(path)):
                found.occupy(destination_of(path), "the feed")
        found.occupy(self._aside.destination, "the quarantine file")
        if self.picture is not None:
            found.occupy(destination_of(self.picture), "the picture")
        return found

    def _check_all(self) -> None:
        """Read the whole feed as the run will, and judge nothing."""
        ours = self.ingest
        skip = None if ours.on_bad is None else lambda bad: None
        gate = Ingest(SymbolTable(limit=self.graph.symbols.limit), ours.late, ours.lateness_ns, on_bad=skip)
        for raw in self._raw_rows():
            for _ in gate.accept(raw):
                pass

    def _judge_all(self) -> None:
        try:
            for raw in self._raw_rows():
                self.accept(raw)
        except InputError:
            self._judge_waiting()
            raise
        self.finish()

    def accept(self, raw: RawRows) -> None:
        """Judge rows of the feed, and deliver the alerts."""
        try:
            for batch in self.ingest.accept(raw):
                self._judge(batch)
        finally:
            self._aside.put()

    def finish(self) -> None:
        """Judge what still waits for its turn, and tell everyone that the tape has ended."""
        self._judge_waiting()
        self.tape.complete()
        self._deliver()

    def _judge_waiting(self) -> None:
        for batch in self.ingest.finish():
            self._judge(batch)

    def _judge(self, batch: Ticks) -> None:
        graph, batches, rows = self.graph, self._batches, len(batch)
        batches.busy = True
        began = perf_counter_ns()
        self.on_batch(batch)
        graph.enter(rows)
        self.tape.emit(batch)
        graph.leave()
        for part in self.collector.parts:
            if part:
                self._deliver()
                break
        self.report.latency.add(perf_counter_ns() - began)
        self.report.ticks += rows
        if self.broker.is_heard:
            self._say("progress", self.report)
        batches.busy = False
        batches.check()

    def _deliver(self) -> None:
        alerts = self.collector.take()
        if alerts:
            self.report.count(alerts)
            if self._keep:
                self._kept += alerts
            self._delivery.deliver(alerts)
            self.on_alerts(alerts)

    def _raw_rows(self) -> Iterator[RawRows]:
        """The rows of the feed; whatever it raises is bad input, and names it."""
        promised = self.feed.columns - {"seq", "kind"}
        try:
            for raw in self._batches.awaited(self.feed.rows()):
                if not promised <= raw.columns.keys():
                    absent = min(promised - raw.columns.keys())
                    raise InputError(f"the feed {self.feed.name} gave rows without the column {absent!r}, which it has promised")
                yield raw
        except RxtapeError:
            raise
        except Exception as error:
            raise InputError(f"the feed {self.feed.name} failed: {type(error).__name__}: {error}") from error

    def _dropped(self, row: dict[str, Any]) -> None:
        self.report.dropped_rows += 1
        self._aside.note(row)

    def put_aside(self, row: dict[str, Any]) -> None:
        """Keep something that never became a row: `source`, `line`, `reason`, and what it was."""
        self._aside.note(row)
        self._aside.put()

    def _left_out(self, bad: BadRow) -> None:
        self.report.bad_rows += 1
        self._aside.note({"source": bad.source, "line": bad.line, "column": bad.column, "value": bad.value, "reason": bad.reason})

    def _faulted(self, fault: Fault) -> None:
        self.report.quarantined.append(fault)
        self._on_fault(fault)
        self._say(topic_of("faults", fault.owner), fault)

    def _say(self, topic: str, event: object) -> None:
        with suppress(UsageError):  # a broker that its owner has closed meanwhile hears no more
            self.broker.publish(topic, event)

    def _sink_faulted(self, name: str, error: BaseException) -> None:
        if isinstance(error, ReaderLeft):
            if self._delivery.unheard and not self._keep:
                self._batches.stopped_by = self._batches.stopped_by or NOBODY_LISTENS
            return
        self._faulted(Fault(f"sink {name}", error, self.graph.next_row))

    def _hung(self, hang: Hang) -> None:
        self.report.hangs.append(hang)
        self._on_hang(hang)


def ignore(item: object) -> None:
    pass


def hint_on(found: object) -> str:
    """What to write in place of something that is no strategy."""
    if isinstance(found, type):
        return f"; make one: {found.__name__}()"
    if isinstance(found, list | tuple):
        return "; give them one by one: run(feed, First(), Second())"
    if isinstance(found, str) and found in {plugin.name for plugin in plugins("strategy")}:
        kind = load("strategy", found)
        return f"; make one: from {kind.__module__} import {kind.__name__}, then {kind.__name__}()"
    return "; a strategy is an object of a class of yours, as in run(feed, MyRule())"
