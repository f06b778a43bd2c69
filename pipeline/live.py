"""A run on a live feed: it starts, goes on, and is stopped, on the event loop that is running."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from reactivex import Observable
from reactivex.abc import DisposableBase
from reactivex.disposable import Disposable

from pipeline.alerts import Alert, Alerts
from pipeline.broker import Broker, topic_of
from pipeline.corrections import Corrected, Corrections
from pipeline.errors import JournalError, SinkError, UsageError
from pipeline.feed import LiveFeed, reading_further
from pipeline.graph import Fault
from pipeline.ingest import RawRows
from pipeline.journal.frames import Content
from pipeline.journal.payloads import ticks_of
from pipeline.journaling import Journaling
from pipeline.outlet import Outlet
from pipeline.report import Report
from pipeline.row_checks import YEAR_2000
from pipeline.running import LOG, Run
from pipeline.sinks import Sink
from pipeline.strategy import Strategy
from pipeline.symbols import MAX_SYMBOLS
from pipeline.tape_files import TapeWriter
from pipeline.ticks import Kind, Ticks
from pipeline.watchdog import Hang

__all__ = ["KEPT", "Live"]

KEPT = 10_000
FLUSH_SECONDS = 1.0
FRAMES_BACK, ROWS_BACK = 4096, 100_000


class Live:
    """A live feed, strategies and sinks, as a run that is started and stopped; it owns the graph while it runs.

    `record` is a folder for the tape, as it is judged: replaying it gives the same alerts, ids included. Rows later than others of the
    tape are kept at the newest time, with their own in `event_time`; rows that are no ticks are counted, and written to the file
    `quarantine` if there is one. With a `journal`, a folder, rows and alerts are on the disk before an alert leaves, and the next run goes
    on where this one ends, after a crash too; it is a recording as well. The newest 10,000 alerts are kept for the report.

    Everything happens on the event loop that `start` is awaited on, a notebook's too: a strategy that takes long holds it up.

    >>> import asyncio
    >>> from feeds.live import live  # doctest: +SKIP
    >>> async def watch():  # doctest: +SKIP
    ...     pipeline = Live(live("binance:BTCUSDT"), VolumeBreakout())
    ...     pipeline.alerts.subscribe(print)
    ...     await pipeline.start()
    ...     await asyncio.sleep(60)
    ...     return await pipeline.stop()
    """

    def __init__(
        self,
        feed: LiveFeed,
        *strategies: Strategy,
        sinks: Sequence[Sink | str] = (),
        record: str | Path | None = None,
        quarantine: str | Path | None = None,
        max_symbols: int = MAX_SYMBOLS,
        broker: Broker | None = None,
        journal: Journaling | str | Path | None = None,
        on_fault: Callable[[Fault], None] | None = None,
        on_hang: Callable[[Hang], None] | None = None,
    ) -> None:
        if not isinstance(feed, LiveFeed):
            raise UsageError(f"{type(feed).__name__} is no live feed; one that ends goes into run(feed, ...)")
        if record is not None and journal is not None:
            raise UsageError(
                "a journal holds the tape as well, over restarts: leave out record; rxtape journal export writes such a folder"
            )
        self.run = Run(
            feed, *strategies, late="clamp", on_bad="skip", max_symbols=max_symbols, quarantine=quarantine, keep_alerts=False,
            broker=broker, journal=journal, on_fault=on_fault, on_hang=on_hang,
        )  # fmt: skip
        self.run.feed = reading_further(self.run.feed, self.run.graph.claimed)
        self.run.report.again = None
        self._strategies = strategies
        self.sinks = tuple(sinks)
        self.recent: deque[Alert] = deque(maxlen=KEPT)
        self._alerts: Outlet[Alert] = Outlet(self._subscriber_failed)
        self._corrected: Outlet[Corrected] = Outlet(self._subscriber_failed)
        self._corrections = Corrections()
        self._writer = None if record is None else TapeWriter(record)
        self._work: asyncio.Task[None] | None = None
        self._working = asyncio.Event()
        self._odd = False
        self._health: DisposableBase = Disposable()

    @property
    def feed(self) -> Any:
        """The feed, as it is listened to."""
        return self.run.feed

    @property
    def broker(self) -> Broker:
        """Where what happens is published: as by a `Run`, and how well the feed is, on `health.CONNECTION` and `health.SYMBOL`."""
        return self.run.broker

    @property
    def alerts(self) -> Observable[Alert]:
        """The alerts as they are raised."""
        return self._alerts

    @property
    def changes(self) -> Observable[Any]:
        """How well the feed is, whenever that changes."""
        found: Observable[Any] = self.feed.changes
        return found

    @property
    def corrections(self) -> Observable[Corrected]:
        """The trades that a venue took back, with the alerts that were raised on them."""
        return self._corrected

    @property
    def report(self) -> Report:
        """What has been so far."""
        return self.run.report

    async def start(self) -> None:
        """Open the sinks and begin to listen; raises what `listen` of the feed raises at once, and SinkError."""
        if self._work is not None:
            raise UsageError("this run has been started already; make another")
        run = self.run
        warm(run.feed.columns, self._strategies, self.run.graph.symbols.limit)
        run.on_alerts = self._raised
        run.feed.on_corrected(self._taken_back)
        run.feed.on_refused(self._put_aside)
        if self._writer is not None:
            run.on_batch = self._writer.write
        self._health = self.broker.publish_from(self.changes, topic_of_change)
        self._work = asyncio.create_task(self._go(), name="rxtape")
        began = asyncio.create_task(self._working.wait())
        try:
            await asyncio.wait((self._work, began), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # who is not there any more will not stop it
            run.feed.close()
            raise
        finally:
            began.cancel()
        if self._work.done():
            self._work.result()

    async def wait(self) -> None:
        """Until the feed has ended by itself, or the run was stopped; raises what ended it."""
        if self._work is None:
            raise UsageError("this run has not been started; await start() first")
        await asyncio.shield(self._work)

    async def stop(self) -> Report:
        """Stop listening, judge what waits, deliver everything, and close the sinks; that is done also where this call is cancelled."""
        if self._work is None:
            raise UsageError("this run has not been started; await start() first")
        self.feed.close()
        await asyncio.shield(self._work)
        return self.report

    async def _go(self) -> None:
        run, refused = self.run, None
        flushing = asyncio.create_task(self._flush_now_and_then(), name="rxtape-flush")
        try:
            with run.working(self.sinks):
                try:
                    known = 0 if run.journal is None else run.journal.known.count
                    if known and hasattr(run.feed, "missed"):
                        run.feed.missed(run.graph.symbols, newest_rows(run))
                    self._working.set()
                    refused = await self._listened()
                    if flushing.done():
                        flushing.result()
                    with np.errstate(all="ignore"):
                        run.finish()
                finally:
                    flushing.cancel()
                    if self._writer is not None:
                        self._writer.close()
            if refused is not None:
                raise refused
        finally:
            self._health.dispose()
            self.report.alerts = Alerts(self.recent)
            self._alerts.close()
            self._corrected.close()

    async def _listened(self) -> UsageError | None:
        """Listen to the end. What a venue has refused after something was heard is told when that has been judged."""
        try:
            await self.run.feed.listen(self._accept)
        except UsageError as error:
            if not self.report.ticks:
                raise
            return error
        return None

    def _accept(self, raw: RawRows) -> None:
        with np.errstate(all="ignore"):
            self.run.accept(raw)

    def _put_aside(self, message: dict[str, Any]) -> None:
        if not self._odd:
            self._odd = True
            self.run.on_oddity(f"{message['source']} says what cannot be read: {message['reason']}; this is told once, and all are counted")
        self.run.put_aside(message)

    def _taken_back(self, symbol: str, trade_id: int | str, what: str) -> None:
        corrected = Corrected(symbol, trade_id, what, self._corrections.of(symbol, trade_id))
        if corrected.alerts:
            self.report.corrected.append(corrected)
        self._corrected.emit(corrected)

    def _raised(self, alerts: list[Alert]) -> None:
        # who waits for the alert comes first
        for alert in alerts:
            self._alerts.emit(alert)
        self.recent.extend(alerts)
        self._corrections.remember(alerts, self.run.tape.item, self.feed.text_ids())

    def _subscriber_failed(self, error: BaseException) -> None:
        LOG.error("a subscriber to the alerts raised %s: %s; it hears no more", type(error).__name__, error)

    async def _flush_now_and_then(self) -> None:
        while self._writer is not None or self.run.journal is not None:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                if self._writer is not None:
                    self._writer.flush()
                if self.run.journal is not None:
                    self.run.journal.sync_if_due()
            except (SinkError, JournalError):
                self.feed.close()
                raise


def newest_rows(run: Run) -> Iterable[Ticks]:
    """The newest rows of a run's journal, in order: those of its last 4,096 frames, some 100,000 at most."""
    found, rows = deque[Ticks](), 0
    if run.journal is not None:
        log = run.journal.journal
        for frame in log.read(max(log.end - FRAMES_BACK, log.first)):
            if frame.content is Content.TICKS:
                found.append(ticks_of(frame, run.graph.symbols))
                rows += len(found[-1])
                while rows - len(found[0]) >= ROWS_BACK:
                    rows -= len(found.popleft())
    return found


def warm(columns: frozenset[str], strategies: Sequence[Strategy], limit: int) -> None:
    """Compile, or load, every kernel that the strategies need, before anything is heard: HEARTBEATs go through a graph of their own."""
    rows: dict[str, Any] = dict.fromkeys(columns - {"seq", "time", "symbol", "kind"}, np.zeros(2))
    ticks = Ticks.of(time=[YEAR_2000, YEAR_2000 + 1], symbol=["", ""], kind=np.full(2, Kind.HEARTBEAT), **rows)
    ready = Run(ticks, *strategies, keep_alerts=False, max_symbols=limit, on_fault=lambda fault: None, on_hang=lambda hang: None)
    with np.errstate(all="ignore"):
        for raw in ready.feed.rows():
            ready.accept(raw)


def topic_of_change(change: object) -> str:
    return topic_of("health", str(getattr(change, "subject", "feed")))
