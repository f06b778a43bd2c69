"""An operator is frozen parameters; a stage is an operator at work: it owns the state and knows which row comes next."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BuildError, ParameterError, SnapshotMismatch
from pipeline.gaps import FOREVER, Reach, blank_doubt, marks_of
from pipeline.state import Arrays, State
from pipeline.ticks import Ticks
from pipeline.units import UNKNOWN

__all__ = ["Input", "Operator", "Source", "Stage", "StageSnapshot", "Stateful", "is_ours"]

S_co = TypeVar("S_co", covariant=True)
S = TypeVar("S")
STATE_VERSION = 3
DOUBT = "doubt."
NOTHING = np.empty(0)
NOTHING.setflags(write=False)


class Input:
    """What an operator sees of a batch: its rows, which of them bring new input, and the columns it reads.

    `time` is int64 ns UTC, `symbol` int32 codes, `fresh` bool, `columns` float64; `values` is the first of the columns:
    a signal's values, or the one column read from a tape. `shift` is 1 on a derived tape, whose rows belong to the
    instant before their time.
    """

    __slots__ = ("columns", "fresh", "rows", "shift", "symbol", "time", "values")

    def __init__(self, rows: Ticks, fresh: NDArray[np.bool_], *columns: NDArray[np.float64]) -> None:
        self.rows, self.fresh, self.columns, self.values, self.shift = rows, fresh, columns, columns[0], 0
        self.time: NDArray[np.int64] = rows.columns["time"]
        self.symbol: NDArray[np.int32] = rows.columns["symbol"]


class Source(Protocol[S_co]):
    """What an operator can be applied to: a tape or a signal."""

    def through(self, operator: "Operator") -> S_co:
        """The signal of this operator at work on the source."""


class Operator:
    """Frozen parameters, and how to compute: subclass as a frozen dataclass.

    `reads` names the columns it takes from a tape; on a signal it takes the signal's values. `state` makes the memory
    for that many symbols, code 0 included; `step` computes one float64 value for each row of a batch, in place of the
    state. `shared` says whether strategies may share one stage: our own operators never raise, a user's might. `unit` is
    that of the values, for plots: `SAME` where it is that of the input, "" where nobody can tell; in one that ends in "(%)"
    fractions are drawn as percentages. `reach` says how far back a value depends, so that a gap marks no more than it must;
    one that does not say is marked for ever.
    """

    __slots__ = ()

    reads: ClassVar[tuple[str, ...]] = ("price",)
    shared: ClassVar[bool] = False
    unit: ClassVar[str] = UNKNOWN

    def __call__(self, source: Source[S]) -> S:
        """Apply to a tape or a signal; this is what `pipe` calls."""
        return source.through(self)

    @property
    def reach(self) -> Reach:
        """How far back a value depends."""
        return Reach(rows=FOREVER)

    def advances(self, batch: Input) -> NDArray[np.bool_]:
        """The rows that the reach counts: the fresh ones, unless the operator passes some of them over."""
        return batch.fresh

    def state(self, symbols: int) -> State:
        """The memory of a new stage."""
        return State(symbols)

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One value for each row of the batch; never empty."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to compute: define step(state, batch)")


def is_ours(operator: object) -> bool:
    """Whether strategies may share a stage: our own operators never raise; a user's might, a subclass of ours too."""
    return type(operator).__module__.startswith("pipeline.") and getattr(operator, "shared", True)


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """The state of a stage, whose it is, and the row that comes next."""

    fingerprint: str
    next_row: int
    symbols: int
    arrays: Arrays
    version: int = STATE_VERSION


@contextmanager
def enough_memory(what: str, symbols: int) -> Iterator[None]:
    """ParameterError where the state of a stage does not fit: a count window has a place for every row of every symbol."""
    try:
        yield
    except MemoryError as error:
        hint = "take fewer rows, or a length of time, which keeps only the rows that are in it"
        raise ParameterError(f"{what} does not fit into memory for {symbols:,} symbols: {error}; {hint}") from None


class Stateful:
    """A piece of the graph with state that grows with the symbols and can be kept and put back; `owner` as in `graph`.

    `doubt` is what it remembers of losses, None until there was one.
    """

    owner: str | None = None
    doubt: State | None = None

    def __init__(self, fingerprint: str, symbols: int) -> None:
        self.fingerprint, self.next_row = fingerprint, 0
        with enough_memory(fingerprint, symbols):
            self.state = self.blank(symbols)

    def blank(self, symbols: int) -> State:
        """The state of a new stage."""
        return State(symbols)

    def blank_doubt(self, symbols: int) -> State:
        """What a new stage remembers of losses."""
        return blank_doubt(symbols)

    def begin_to_doubt(self) -> State:
        """What is remembered of losses, from now on at the latest."""
        if self.doubt is None:
            self.doubt = self.blank_doubt(self.state.symbols)
        return self.doubt

    def grow(self, symbols: int) -> None:
        """Make room for more symbols."""
        if symbols > self.state.symbols:
            with enough_memory(self.fingerprint, symbols):
                self.state.grow(symbols, self.blank)
            if self.doubt is not None:
                self.doubt.grow(symbols, self.blank_doubt)

    def snapshot(self) -> StageSnapshot:
        """Copies of the state."""
        doubts = {} if self.doubt is None else {DOUBT + name: array for name, array in self.doubt.snapshot().items()}
        return StageSnapshot(self.fingerprint, self.next_row, self.state.symbols, self.state.snapshot() | doubts)

    def restore(self, snapshot: StageSnapshot) -> None:
        """Take over a snapshot; SnapshotMismatch where it is not ours."""
        if (snapshot.fingerprint, snapshot.version) != (self.fingerprint, STATE_VERSION):
            raise SnapshotMismatch(
                f"the snapshot is of {snapshot.fingerprint} (state version {snapshot.version}), "
                f"the stage is {self.fingerprint} (state version {STATE_VERSION}); rebuild from the tape instead"
            )
        self.state = self.blank(snapshot.symbols)
        self.state.restore(snapshot.arrays)
        doubts = {name.removeprefix(DOUBT): array for name, array in snapshot.arrays.items() if name.startswith(DOUBT)}
        self.doubt = self.blank_doubt(snapshot.symbols) if doubts else None
        if self.doubt is not None:
            self.doubt.restore(doubts)
        self.next_row = snapshot.next_row


class Stage(Stateful):
    """An operator at work on one source."""

    def __init__(self, operator: Operator, symbols: int) -> None:
        self.operator = operator
        self.trusted = is_ours(operator)
        super().__init__(repr(operator), symbols)

    def blank(self, symbols: int) -> State:
        """The operator's state."""
        return self.operator.state(symbols)

    def step(self, batch: Input) -> NDArray[np.float64]:
        """The operator's value for each row of a batch, read-only."""
        rows = len(batch.fresh)
        self.next_row += rows
        if not rows:
            return NOTHING
        state = self.state
        if state.parts:
            state.reserve(rows)
        out = self.operator.step(state, batch)
        if not self.trusted:
            out = self._column(out, rows)
        out.setflags(write=False)
        return out

    def marks(self, batch: Input, dirty: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """The rows whose value is in doubt, None if none, where something was lost or in doubt at the rows `dirty`."""
        if dirty is None and self.doubt is None:
            return None
        operator = self.operator
        return marks_of(self.begin_to_doubt(), operator.reach, batch.rows, batch.shift, operator.advances(batch), dirty)

    def _column(self, out: object, rows: int) -> NDArray[np.float64]:
        """What a user's operator returned, as a column; kernels downstream go by its length."""
        if not isinstance(out, np.ndarray) or out.shape != (rows,):
            found = f"an array of shape {out.shape}" if isinstance(out, np.ndarray) else f"{out!r:.80}"
            raise BuildError(f"{self.fingerprint} returned {found} for {rows} rows; step must give one float64 a row")
        return np.ascontiguousarray(out, dtype=np.float64).view()
