"""Doors to plain Rx: the tape as single ticks, and by symbol. Slow and obvious; the fast path never goes through here."""

from collections.abc import Callable
from typing import Any

import reactivex
from reactivex import operators as ops

from pipeline.flow import Tape
from pipeline.graph import Stream
from pipeline.ticks import Tick, Ticks

__all__ = ["by_symbol", "each_tick"]


class EachTick(Stream[Tick]):
    """The trades and quotes of a tape, one at a time."""

    def __init__(self, tape: Tape) -> None:
        owner = tape.owner or tape.graph.owner or tape.graph.working
        super().__init__(tape.graph, f"{tape.name} | each_tick()", owner)
        self.graph.one_by_one = True
        with self.graph.owned_by(owner):
            tape.subscribe(self._spread, on_completed=self.complete)

    def _spread(self, ticks: Ticks) -> None:
        if self.observers:
            counted = (ticks.trades | ticks.quotes).tolist()
            for tick, counts in zip(ticks, counted, strict=True):
                if counts:
                    self.graph.position = tick.time, tick.seq
                    self.emit(tick)


def each_tick() -> Callable[[Tape], EachTick]:
    """The tape as an observable of `Tick` tuples, for any Rx operator: about 2 µs a tick.

    >>> from pipeline.checks import open_tape
    >>> tape, push = open_tape(price=[10.0, 11.0])
    >>> seen = []
    >>> _ = tape.pipe(each_tick(), ops.map(lambda tick: tick.price), ops.pairwise()).subscribe(seen.append)
    >>> push()
    >>> seen
    [(10.0, 11.0)]
    """
    return EachTick


def by_symbol() -> Callable[[Tape], reactivex.Observable[Any]]:
    """The tape as Rx's own groups, one for each symbol (`key`), of `Tick` tuples.

    Rx never forgets a group: for many symbols use operators, which keep one row of state for each.

    >>> from pipeline.checks import open_tape
    >>> tape, push = open_tape(price=[10.0, 11.0, 12.0], symbol=["SPY", "IBM", "SPY"])
    >>> seen = []
    >>> counted = ops.flat_map(lambda group: group.pipe(ops.count(), ops.map(lambda count: (group.key, count))))
    >>> _ = tape.pipe(by_symbol(), counted).subscribe(seen.append)
    >>> push()
    >>> seen
    [('SPY', 2), ('IBM', 1)]
    """
    return lambda tape: tape.pipe(each_tick(), ops.group_by(lambda tick: tick.symbol))
