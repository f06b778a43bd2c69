"""What a strategy needs before it knows anything, and what it costs: measured on a tape."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from pipeline.flow import Signal, Tape
from pipeline.graph import Graph
from pipeline.observation import Observed, batches_of, listen, push, run_through
from pipeline.rules import AlertStream
from pipeline.strategy import Strategy
from pipeline.symbols import SymbolTable
from pipeline.ticks import BATCH_ROWS, Kind, Ticks
from pipeline.values import Values

__all__ = ["Cost", "WarmUp", "Watched", "cost_of", "symbols_asked_for", "warm_up_of"]

LIVE_ROWS = 1_000
REPEATS = 3


@dataclass(frozen=True)
class Watched:
    """A strategy with the signals that its rules combine, so that they are compared too, not only the alerts."""

    strategy: Strategy

    @property
    def name(self) -> str:
        """The strategy's."""
        return self.strategy.name

    def __repr__(self) -> str:
        return repr(self.strategy)

    def streams(self, tape: Tape) -> Mapping[str, object]:
        """The alerts, and every signal by the name it has in its rule."""
        made = self.strategy.alerts(tape)
        streams: dict[str, object] = {}
        for stream in made if isinstance(made, list | tuple) else [made]:
            streams[f"alerts {len(streams)}"] = stream
            if isinstance(stream, AlertStream):
                known = set(map(id, streams.values()))
                streams |= {self._label(label, streams): each for label, each in stream.source.signals.items() if id(each) not in known}
        return streams

    def _label(self, label: str, streams: Mapping[str, object]) -> str:
        return label if label not in streams else f"{label} {len(streams)}"


@dataclass(frozen=True)
class WarmUp:
    """How many ticks of a symbol, and how long after its first, until every signal is known; `last` is the one that comes last."""

    ticks: int
    length_ns: int
    last: str


@dataclass(frozen=True)
class Cost:
    """Nanoseconds a tick in replay, and microseconds a tick live, where each is a batch of its own (median)."""

    replay_ns: float
    live_us: float


class AskedTable(SymbolTable):
    """A symbol table that notes which symbols are asked for."""

    __slots__ = ("asked",)

    asked: set[str]

    def find(self, name: str) -> int:
        """As ever."""
        self.asked.add(name)
        return super().find(name)


def symbols_asked_for(strategy: Strategy, ticks: Ticks) -> list[str]:
    """The symbols that a strategy names itself, such as those of `of("SPY")`."""
    table = AskedTable(ticks.symbols)
    table.asked = set()
    graph = Graph(table)
    tape = Tape(graph, "tape", frozenset(ticks.columns))
    listen(strategy.alerts, tape, Observed())
    run_through(tape, ticks, ())
    return sorted(table.asked)


def warm_up_of(strategy: Strategy, ticks: Ticks) -> WarmUp | str | None:
    """When all signals are known, for the symbol that is there first; the signal that never is; None where there are no signals."""
    graph = Graph(SymbolTable(ticks.symbols))
    tape = Tape(graph, "tape", frozenset(ticks.columns))
    with graph.owned_by(strategy.name):
        streams = Watched(strategy).streams(tape)
        known: dict[str, dict[int, int]] = {label: {} for label, stream in streams.items() if isinstance(stream, Signal)}
        for label, found in known.items():
            streams[label].subscribe(partial(note_known, found))  # type: ignore[attr-defined]
    run_through(tape, ticks, range(BATCH_ROWS, len(ticks), BATCH_ROWS))
    if not known:
        return None
    complete = set.intersection(*(set(found) for found in known.values()))
    if not complete:
        return min(known, key=lambda label: len(known[label]))
    return min((of_symbol(code, known, ticks) for code in complete), key=lambda warm: warm.length_ns)


def note_known(found: dict[int, int], values: Values) -> None:
    """Note the time at which each symbol's value is first known."""
    columns = values.rows.columns
    rows = np.flatnonzero((values.value == values.value) & (columns["symbol"] > 0))
    codes, first = np.unique(columns["symbol"][rows], return_index=True)
    for code, row in zip(codes.tolist(), rows[first].tolist(), strict=True):
        found.setdefault(code, int(columns["time"][row]))


def of_symbol(code: int, known: Mapping[str, Mapping[int, int]], ticks: Ticks) -> WarmUp:
    last = max(known, key=lambda label: known[label][code])
    mine: NDArray[np.int64] = ticks.time[(ticks.symbol == code) & (ticks.kind <= Kind.QUOTE)]
    until = known[last][code]
    return WarmUp(int(np.searchsorted(mine, until, side="right")), until - int(mine[0]), last)


def cost_of(strategy: Strategy, ticks: Ticks) -> Cost:
    """What a tick costs, in batches as long as those of replay (the best of three), and one by one."""
    replay = []
    for _ in range(REPEATS):
        tape = listening(strategy, ticks)
        batches = list(batches_of(ticks, range(BATCH_ROWS, len(ticks), BATCH_ROWS)))
        began = perf_counter_ns()
        for batch in batches:
            push(tape.graph, tape, batch)
        replay.append((perf_counter_ns() - began) / len(ticks))
    tape, live = listening(strategy, ticks), []
    for batch in batches_of(ticks[:LIVE_ROWS], range(1, LIVE_ROWS)):
        began = perf_counter_ns()
        push(tape.graph, tape, batch)
        live.append((perf_counter_ns() - began) / 1e3)
    return Cost(min(replay), median(live))


def listening(strategy: Strategy, ticks: Ticks) -> Tape:
    graph = Graph(ticks.symbols)
    tape = Tape(graph, "tape", frozenset(ticks.columns))
    listen(strategy.alerts, tape, Observed())
    return tape
