"""A follower: one sink that follows the alerts of a journal at its own pace, from a cursor of its own.

journal --alert on the disk--> [ what waits ] --thread--> write, flush --> cursor
               what finds no room there is read from the log when its turn comes
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

import msgspec

from pipeline.alerts import Alert
from pipeline.errors import ReaderLeft, Refused
from pipeline.guarded import OF_USERS
from pipeline.journal.alert_sink import AlertSink, Patience
from pipeline.journal.beginning import alerts_from, beginning
from pipeline.journal.cursors import Cursor, Cursors
from pipeline.journal.dead import DeadLetters
from pipeline.journal.frames import Content
from pipeline.journal.log import Journal
from pipeline.journal.payloads import alerts_of

__all__ = ["Follower"]

LOG = logging.getLogger("rxtape")
CAPACITY = 10_000
MOST_TOGETHER = 1_000
QUICK, SLOW = 0.1, 1.0
"""Seconds of a write after which more alerts, or fewer, go into the next: of a slow sink one sees that it moves, and little comes twice."""


@dataclass(slots=True)
class Part:
    """Alerts of one frame that are to be delivered, from a place in it on; `last`: there are no more in it."""

    frame: int
    index: int
    alerts: Sequence[Alert]
    last: bool = True

    def split(self, count: int) -> "tuple[Part, Part]":
        """The first so many alerts, and the others."""
        whole = count >= len(self.alerts)
        rest = Part(self.frame, self.index + count, self.alerts[count:], self.last)
        return Part(self.frame, self.index, self.alerts[:count], self.last and whole), rest


class Follower:
    """One sink that follows the log on a thread of its own.

    What fails is tried again with the same alerts. A sink that refuses an alert for good (`Refused`) loses it to its dead letters
    and goes on. `on_fault(name, error)` hears when a sink has failed several times in a row, and when it has left.
    """

    def __init__(
        self, name: str, sink: AlertSink, journal: Journal, cursors: Cursors, on_fault: Callable[[str, BaseException], None],
        patience: Patience | None = None, capacity: int = CAPACITY, clock: Callable[[], float] = monotonic,
        pause: Callable[[float], None] | None = None, say: Callable[[object], None] = LOG.warning,
    ) -> None:  # fmt: skip
        self.name, self.sink, self.journal, self.cursors, self.on_fault = name, sink, journal, cursors, on_fault
        self.patience, self.capacity = patience or Patience(), capacity
        self._clock, self._pause, self._say = clock, pause or self._wait, say
        self.dead = DeadLetters(cursors.folder, cursors.path_of(name).stem, cursors.files)
        self.fault: BaseException | None = None
        self.anew: bool = getattr(sink, "anew", False)
        self._jitter = random.Random(name)
        self._changed = threading.Condition()
        self._waiting: deque[Part] = deque()
        self._lags, self._newest, self._queued = True, journal.synced, 0
        self._at_once = 1
        self._ends_at: float | None = None
        self._more = 0.0
        self._done, self._abandoned = False, False
        self.refused = self._taken = 0
        self.cursor = beginning(name, sink, journal, cursors.of(name), say)
        self._thread = threading.Thread(target=self.run, name=f"rxtape-sink-{name}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self.cursors.save(self.cursor)  # now, that retention knows of it
        self._thread.start()

    def offer(self, frame: int, alerts: Sequence[Alert]) -> None:
        """Alerts of a frame that is on the disk; never waits: without room they are read from the log later."""
        with self._changed:
            self._newest = max(frame, self._newest)
            if not self._lags:
                if self._queued + len(alerts) > self.capacity and self._queued:
                    self._lags = True
                else:
                    self._waiting.append(Part(frame, 0, alerts))
                    self._queued += len(alerts)
            self._changed.notify_all()

    def end(self, until: float, more: float = 0.0) -> None:
        """Deliver what there is, and come to an end; a sink has until then, and so many seconds more each time it takes alerts."""
        with self._changed:
            self._ends_at, self._more = until, more
            self._changed.notify_all()

    def join(self) -> None:
        """Return when it has ended, or its time is over: a sink that does not return keeps its thread, but moves its cursor no more."""
        assert self._ends_at is not None
        while self._thread.is_alive() and (left := self._ends_at + 0.2 - self._clock()) > 0:
            self._thread.join(left)
        self._abandoned = self._thread.is_alive()  # the next run may follow from that cursor meanwhile

    @property
    def owed(self) -> int:
        """How many alerts of the log it has not got."""
        return 0 if self._done or isinstance(self.fault, ReaderLeft) else alerts_from(self.journal, self._kept.frame, self._kept.index)

    @property
    def taken(self) -> int:
        """How many alerts it has got in this run."""
        return 0 if self.anew and not self._done else self._taken

    @property
    def _kept(self) -> Cursor:
        """What of its place may be written down: of a sink that is written anew nothing, before it is done."""
        return Cursor(self.name, self.journal.first, anew=True) if self.anew and not self._done else self.cursor

    # On its thread.

    def run(self) -> None:
        """Deliver until the end."""
        try:
            for parts in self._groups():
                if not self._delivered(parts):
                    return
            if self._tried(self.sink.flush):
                self._done = True
                self._save(self.cursor)
        except OF_USERS as error:
            self._fail(error)
        finally:
            self._close_sink()

    def _groups(self) -> Iterator[list[Part]]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._lags or self._ends_at is not None)
                parts, lags, until = self._together(), self._lags, self._newest
                if not parts:
                    self._lags = False
            if parts:
                yield parts
            elif lags:
                yield from self._from_log(until)
            else:
                return

    def _together(self) -> list[Part]:
        """Those that wait, as many as go into one write."""
        found, room = list[Part](), self._at_once
        while self._waiting and room:
            part, rest = self._waiting.popleft().split(room)
            if rest.alerts:
                self._waiting.appendleft(rest)
            found.append(part)
            room -= len(part.alerts)
        self._queued -= self._at_once - room
        return found

    def _from_log(self, until: int) -> Iterator[list[Part]]:
        place = self.cursor
        if place.frame > until:
            return
        for frame in self.journal.reader(place.frame).frames(until):
            if frame.content is Content.ALERTS:
                _, rest = Part(frame.seq, 0, alerts_of(frame)).split(place.index if frame.seq == place.frame else 0)
                while rest.alerts:
                    part, rest = rest.split(self._at_once)
                    yield [part]

    def _delivered(self, parts: list[Part]) -> bool:
        """Deliver, flush, and move the cursor; whether to go on."""
        alerts, last, known, began = [alert for part in parts for alert in part.alerts], parts[-1], self.cursor, self._clock()
        frame, index = (last.frame + 1, 0) if last.last else (last.frame, last.index + len(last.alerts))
        dead = self._written(alerts, f"{frame}.{index}")
        if dead is None or self._abandoned or not (self.anew or self._tried(self.sink.flush)):
            return False
        position = self.sink.position() or "" if hasattr(self.sink, "position") else ""
        self._taken += len(alerts) - dead
        self.cursor = Cursor(
            self.name, frame, index, position, delivered=known.delivered + len(alerts) - dead, dead=known.dead + dead, anew=self.anew
        )
        if not self.anew:
            self._save(self.cursor)
        self._pace(self._clock() - began)
        return True

    def _pace(self, seconds: float) -> None:
        """Choose how many alerts go into the next write by how long this one took; it counts as a sign of life."""
        if seconds < QUICK:
            self._at_once = min(self._at_once * 2, MOST_TOGETHER)
        elif seconds > SLOW:
            self._at_once = max(self._at_once // 2, 1)
        with self._changed:
            if self._ends_at is not None and self._more:
                self._ends_at = self._clock() + self._more

    def _save(self, cursor: Cursor) -> None:
        if not self._abandoned:
            self.cursors.save(cursor)

    def _written(self, alerts: Sequence[Alert], place: str) -> int | None:
        """Write alerts together, or one by one where some are refused; how many were refused, None where it was given up."""
        try:
            if hasattr(self.sink, "write_at"):
                done = self._tried(lambda: self.sink.write_at(alerts, self.journal.identity.hex(), place))  # type: ignore[attr-defined]
            else:
                done = self._tried(lambda: self.sink.write(alerts))
        except Refused as error:
            if len(alerts) == 1:
                self.dead.add(alerts[0], self.name, error)
                self.refused += 1
                if self.refused == 1:
                    self._say(f"{self.name} refuses alerts, the first one with: {error}; they are set aside (rxtape sinks status)")
                return 1
        else:
            return 0 if done else None
        refused = 0
        for alert in alerts:
            if (count := self._written([alert], place)) is None:
                return None
            refused += count
        return refused

    def _tried(self, act: Callable[[], None]) -> bool:
        """Do it until it is done; False where the sink has left, or the time is over."""
        failures, pause = 0, self.patience.first
        while True:
            try:
                act()
            except Refused:
                raise
            except ReaderLeft as error:
                self._fail(error, "left")
                return False
            except OF_USERS as error:
                failures += 1
                if failures == self.patience.trips or (self._is_over() and failures < self.patience.trips):
                    self._fail(error, "waits")
                self.fault = error
                if self._is_over():
                    return False
                self._pause(getattr(error, "retry_after", None) or pause * self._jitter.uniform(0.5, 1.0))
                pause = min(pause * 2, self.patience.longest)
            else:
                if failures >= self.patience.trips:
                    self._say(f"{self.name} takes alerts again, after {failures:,} failures")
                self.fault = None
                return True

    def _is_over(self) -> bool:
        return self._ends_at is not None and self._clock() >= self._ends_at

    def _wait(self, seconds: float) -> None:
        """A pause, which the end of the run cuts short, and nothing else: alerts that come meanwhile do not."""
        with self._changed:
            until = self._ends_at
            most = seconds if until is None else min(seconds, max(until - self._clock(), 0.0))
            self._changed.wait_for(lambda: self._ends_at != until, most)

    def _fail(self, error: BaseException, status: str = "waits") -> None:
        self.fault = error
        try:
            self._save(msgspec.structs.replace(self._kept, status=status, error=f"{type(error).__name__}: {error}"))
        except OF_USERS as worse:
            error = worse
        self.on_fault(self.name, error)

    def _close_sink(self) -> None:
        try:
            self.sink.close()
        except OF_USERS as error:
            self.on_fault(self.name, error)
