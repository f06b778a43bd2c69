"""A witness: what one rule, and the operators behind it, read of one symbol while a tape is judged again."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import format_time
from pipeline.combine import Combined
from pipeline.explanation import Explanation, Window
from pipeline.gaps import FOREVER
from pipeline.rule_machine import ACTIVE, COOLED, COOLING, DUE, PENDING, STATE
from pipeline.rules import AlertStream
from pipeline.running import Run
from pipeline.stage import Input, Stage
from pipeline.terms import terms_of

__all__ = ["Witness"]

STATES = {
    PENDING: "pending: met, and its hold runs until {due}",
    COOLING: "met, and its cooldown runs until {cooled}",
    ACTIVE: "active already",
}


class Inputs:
    """What an operator read of one symbol, as it reads it."""

    def __init__(self, stage: Stage, code: Callable[[str], int], symbol: str) -> None:
        self.stage, self._code, self._symbol = stage, code, stage.operator.reach.symbol or symbol
        self._parts: list[NDArray[np.int64]] = []
        self._step = stage.step
        stage.step = self.step  # type: ignore[method-assign]

    def step(self, batch: Input) -> NDArray[np.float64]:
        """Note the rows, and let the operator work."""
        if len(batch.rows):
            rows = np.flatnonzero(self.stage.operator.advances(batch) & (batch.symbol == self._code(self._symbol)))
            if len(rows):
                self._parts.append(np.stack((batch.rows.columns["seq"][rows], batch.time[rows])))
        return self._step(batch)

    def window(self, time: int, whole: bool = True) -> Window:
        """The rows that the value at a time depends on; not `whole`: those before a snapshot are not known."""
        reach = self.stage.operator.reach
        seq, at = np.concatenate(self._parts, axis=1) if self._parts else np.empty((2, 0), np.int64)
        seen = int(np.searchsorted(at, time, side="right"))
        begin = 0 if reach.time_ns >= FOREVER else int(np.searchsorted(at, time - reach.time_ns, side="right"))
        first = max(min(begin, seen) - min(reach.rows, seen), 0) if reach.rows < FOREVER else 0
        if reach.session is not None:
            opened = int(reach.session.opens_at(np.array([time]))[0])
            first = max(first, int(np.searchsorted(at, opened, side="left")) if opened >= 0 else seen)
        ends = [(int(seq[place]), int(at[place])) for place in (first, seen - 1)] if seen > first else [None, None]
        wanted = reach.rows if 0 < reach.rows < FOREVER and not reach.time_ns else 0
        return Window(self.stage.fingerprint, seen - first, ends[0], ends[1], wanted, cut=not whole and not first)


class Witness:
    """Watches one rule and one symbol while a tape is judged again, from the frame `first` on; 0 is all of it."""

    def __init__(self, run: Run, stream: AlertStream, symbol: str, first: int = 0) -> None:
        self.run, self.stream, self.symbol, self.first = run, stream, symbol, first
        self.seen: list[tuple[int, int, dict[str, float]]] = []
        stages = run.graph.stages
        self.inputs = {name: Inputs(stage, run.graph.symbols.find, symbol) for name, stage in stages.items() if isinstance(stage, Stage)}
        stream.source.subscribe(self._note)

    def _note(self, combined: Combined) -> None:
        rows = combined.rows
        found = np.flatnonzero(rows.columns["symbol"] == self.run.graph.symbols.find(self.symbol))
        for row in found[-2:].tolist():
            values = {name: float(self.stream._column(combined, name)[row]) for name in self.stream.stage.columns}
            self.seen.append((int(rows.columns["time"][row]), int(rows.columns["seq"][row]), values))
        del self.seen[:-2]

    def windows(self, time: int) -> dict[str, list[Window]]:
        """Behind each named signal, its operators from the last to the first."""
        found: dict[str, list[Window]] = {}
        for name, signal in self.stream.source.signals.items():
            steps = signal.name.split(" | ")
            chain = (" | ".join(steps[:count]) for count in range(len(steps), 0, -1))
            found[name] = [self.inputs[each].window(time, not self.first) for each in chain if each in self.inputs]
        return found

    def state(self) -> str:
        """Where the rule stands for the symbol."""
        code = self.run.graph.symbols.find(self.symbol)
        memory = self.stream.stage.state.memory[code] if code > 0 else None
        if memory is None or not memory[STATE]:
            return "the rule is inactive"
        told = STATES[int(memory[STATE])].format(due=format_time(int(memory[DUE])), cooled=format_time(int(memory[COOLED])))
        return f"the rule is {told}"

    def explanation(self, time: int, row: int, values: dict[str, float], judged: str) -> Explanation:
        """All that there is to say."""
        stream = self.stream
        logical = dict.fromkeys(stream.logical, True)
        columns = {name: value for name, value in values.items() if name not in logical}
        extra = {"time": float(time), "seq": float(row)}
        term = terms_of(stream.condition, extra | columns | {name: values[name] for name in logical}, self.symbol, logical)
        clear = None
        if stream.clear is not None:
            clear = terms_of(stream.clear, extra | columns | {name: values[name] for name in logical}, self.symbol, logical)
        return Explanation(
            stream.owner or "", stream.rule, self.symbol, time, row, values, self.windows(time), term, clear, self.state(), judged=judged
        )
