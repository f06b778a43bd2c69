"""Derived tapes at work: a stage that makes rows of its own."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.gaps import derived_doubt, doubtful_rows, flags_of
from pipeline.stage import Stateful
from pipeline.state import State
from pipeline.ticks import Ticks

__all__ = ["Derivation", "DerivedStage"]


class Derivation(Protocol):
    """An operator that makes a tape of its own rows, such as bars."""

    columns: tuple[str, ...]
    reads: tuple[str, ...]
    overlap: int
    """How long before a row's end, in ns, a loss may belong to the row after it as well."""

    def state(self, symbols: int) -> State:
        """The memory of a new stage."""

    def step(self, state: State, rows: Ticks, counted: NDArray[np.bool_], until: int, shift: int) -> dict[str, NDArray[Any]]:
        """The columns of the rows that are due by `until`; a row of `rows` belongs to its time less `shift` ns."""

    def due(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each time, in order, when the row that holds it is due; -1 where it is in none, or nobody knows."""

    def closes(self, state: State) -> NDArray[np.int64]:
        """`due` of each symbol's newest row that counted; any time that is past where it is long gone."""

    def standing(self, state: State) -> NDArray[np.int64] | None:
        """Which columns stand from row to row of each symbol, as bits: 1 what trades bring, 2 quotes; None: none ever does."""


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

    def blank_doubt(self, symbols: int) -> State:
        """Nothing lost."""
        return derived_doubt(symbols)

    def rows_of(self, ticks: Ticks, counted: NDArray[np.bool_], lost: NDArray[np.bool_] | None, shift: int) -> Ticks:
        """The rows that the time of the root tape has made due; `lost` tells the rows whose input was lost or is in doubt."""
        state, root = self.state, ticks.root
        if self.doubt is None and (lost is not None or root.lost is not None):
            doubt, standing = self.begin_to_doubt(), self.derivation.standing(state)
            doubt.closes[:] = self.derivation.closes(state)
            doubt.seen[:] = 0 if standing is None else standing
        self.next_row += len(ticks)
        if state.parts:
            state.reserve(len(ticks))
        due = self.derivation.step(state, ticks, counted, int(root.columns["time"][-1]), shift)
        count, first = len(due["time"]), int(state.made[0])
        state.made[0] += count
        columns: dict[str, NDArray[Any]] = {"seq": np.arange(first, first + count), "kind": np.zeros(count, np.int8), **due}
        for column in columns.values():
            column.setflags(write=False)
        made = Ticks(columns, ticks.symbols, root)
        if self.doubt is not None:
            events = events_of(ticks, counted, lost, shift)
            if self.derivation.standing(state) is None:
                events[4][:] = 0
            due_at = self.derivation.due(events[0]) if len(events[0]) else events[0]
            doubtful_rows(self.doubt, made, events, due_at, shift, self.derivation.overlap)
        return made


def events_of(ticks: Ticks, counted: NDArray[np.bool_], lost: NDArray[np.bool_] | None, shift: int) -> tuple[NDArray[Any], ...]:
    """What happened, in order, with the root's gaps: time, symbol, loss, counted, brings (bits as in `standing`), row of the root."""
    root, columns, rows = ticks.root, ticks.columns, len(ticks)
    quotes = flags_of(ticks) if "bid" not in columns else counted if shift else ticks.quotes
    brings = counted.astype(np.int8) | (quotes.astype(np.int8) << 1)
    place = np.full(rows, -1) if shift else np.arange(rows)
    found: tuple[NDArray[Any], ...] = (
        columns["time"] - shift,
        columns["symbol"],
        flags_of(ticks) if lost is None else lost,
        counted,
        brings,
        place,
    )
    if not shift or root.lost is None:
        return found
    at = np.flatnonzero(root.lost)
    no = np.zeros(len(at), np.bool_)
    gaps: tuple[NDArray[Any], ...] = (root.columns["time"][at], root.columns["symbol"][at], ~no, no, no.astype(np.int8), at)
    joined: list[NDArray[Any]] = [np.concatenate(pair) for pair in zip(found, gaps, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return tuple(column[order] for column in joined)
