"""Around a run: Ctrl-C takes effect between two batches, and the garbage collector leaves the graph alone."""

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Batches", "frozen_heap", "stop_between_batches"]


class Batches:
    """Whether a batch is under way, and whether the run shall stop after it."""

    __slots__ = ("busy", "stopping")

    def __init__(self) -> None:
        self.busy = self.stopping = False


@contextmanager
def stop_between_batches(batches: Batches) -> Iterator[None]:
    """The first Ctrl-C lets the batch under way finish, so that every strategy has judged the same rows; the second does not wait."""

    def ask(number: int, frame: FrameType | None) -> None:
        if batches.stopping or not batches.busy:
            raise KeyboardInterrupt
        batches.stopping = True

    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
