"""Around a run: a signal to stop takes effect between two batches, and the garbage collector leaves the graph alone."""

import asyncio
import gc
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from pipeline.leaving import leave_at_once

__all__ = ["NOBODY_LISTENS", "Batches", "frozen_heap", "on_first_signal", "stop_between_batches"]

T = TypeVar("T")

NOBODY_LISTENS = 13
"""SIGPIPE by number, which some systems do not name: the reader of a pipe has left."""
DEFAULTS: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
if hasattr(signal, "SIGHUP"):
    DEFAULTS[signal.SIGHUP] = signal.SIG_DFL


class Batches:
    """Whether a batch is under way, whether the run waits for the feed, and the signal after which it shall stop (0: none)."""

    __slots__ = ("busy", "stopped_by", "waiting")

    def __init__(self) -> None:
        self.busy = self.waiting = False
        self.stopped_by = 0

    def awaited(self, items: Iterable[T]) -> Iterator[T]:
        """The items one by one; KeyboardInterrupt as soon as a signal comes while one is waited for."""
        iterator, end = iter(items), object()
        while True:
            try:
                self.waiting = True
                self.check()
                item: Any = next(iterator, end)
            finally:
                self.waiting = False
            if item is end:
                return
            yield item

    def check(self) -> None:
        """KeyboardInterrupt if a signal has come."""
        if self.stopped_by:
            raise KeyboardInterrupt


@contextmanager
def stop_between_batches(batches: Batches) -> Iterator[None]:
    """The first signal (Ctrl-C, SIGTERM, SIGHUP) lets the batch under way, or the flush, finish; the second does not wait.

    So every strategy has judged the same rows. A signal that the program handles itself, or ignores, is left to it.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        again, batches.stopped_by = bool(batches.stopped_by), batches.stopped_by or number
        if again or batches.waiting:
            raise KeyboardInterrupt

    ours: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        ours = {number: signal.getsignal(number) for number in DEFAULTS}
        ours = {number: handler for number, handler in ours.items() if handler in (DEFAULTS[number], leave_at_once)}
    for number in ours:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


@contextmanager
def on_first_signal(stop: Callable[[int], None]) -> Iterator[None]:
    """Call `stop` on the running event loop at the first signal (Ctrl-C, SIGTERM, SIGHUP); from then on that signal is what it was.

    A signal that the program ignores stays ignored: under nohup the end of a terminal ends nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: handler for number in DEFAULTS if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)}

    def told(number: int, frame: FrameType | None) -> None:
        signal.signal(number, before[number])
        loop.call_soon_threadsafe(stop, number)

    for number in before:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Keep the collector from walking what lives as long as the run: modules, kernels and the graph cost 3 to 50 ms a full collection.

    What a batch leaves behind is freed by counting; the collector stays on for the cycles of user code.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
