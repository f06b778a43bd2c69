"""Derived tapes at work: a stage that makes rows of its own."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.stage import Stateful
from pipeline.state import State
from pipeline.ticks import Ticks

__all__ = ["Derivation", "DerivedStage"]


class Derivation(Protocol):
    """An operator that makes a tape of its own rows, such as bars."""

    columns: tuple[str, ...]
    reads: tuple[str, ...]

    def state(self, symbols: int) -> State:
        """The memory of a new stage."""

    def step(self, state: State, rows: Ticks, counted: NDArray[np.bool_], until: int, shift: int) -> dict[str, NDArray[Any]]:
        """The columns of the rows that are due by `until`; a row of `rows` belongs to its time less `shift` ns."""


class DerivedStage(Stateful):
    """A derivation at work."""

    def __init__(self, derivation: Derivation, symbols: int) -> None:
        self.derivation = derivation
        super().__init__(repr(derivation), symbols)

    def blank(self, symbols: int) -> State:
        """The derivation's state, and how many rows it has made."""
        state = self.derivation.state(symbols)
        state.share("made", np.zeros(1, np.int64))
        return state

    def rows_of(self, ticks: Ticks, counted: NDArray[np.bool_], shift: int) -> Ticks:
        """The rows that the time of the root tape has made due."""
        state = self.state
        self.next_row += len(ticks)
        if state.parts:
            state.reserve(len(ticks))
        due = self.derivation.step(state, ticks, counted, int(ticks.root.columns["time"][-1]), shift)
        count, first = len(due["time"]), int(state.made[0])
        state.made[0] += count
        columns: dict[str, NDArray[Any]] = {"seq": np.arange(first, first + count), "kind": np.zeros(count, np.int8), **due}
        for column in columns.values():
            column.setflags(write=False)
        return Ticks(columns, ticks.symbols, ticks.root)
