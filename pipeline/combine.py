"""combine_latest: signals side by side, row by row, also across tapes.

Signals of one tape have the same rows, so combining them is a zip of columns; the batch they came with tells that they
belong together. Across tapes it is an as-of join on time:

    a row of the tape     sees derived rows with time <= its own   (a bar that ends at t is known to the rows at t)
    a derived row         sees tape rows with time <  its own      (the bar's end belongs to the instant before)
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BuildError
from pipeline.flow import Signal, Tape
from pipeline.functions import fingerprint
from pipeline.gaps import FOREVER, either, flags_of
from pipeline.graph import Stream
from pipeline.kernels import Codes, Flags, Marks, Times, Values1D, kernel
from pipeline.kernels import Floats as FloatsOut
from pipeline.probe import Rows
from pipeline.stage import Operator, Stateful
from pipeline.state import State, full, zeros
from pipeline.ticks import Ticks
from pipeline.values import Floats, Values

__all__ = ["Combination", "Combined", "combine_latest", "combine_pair", "pair_of", "with_truth"]

R = TypeVar("R")
NO_TIMES, NO_CODES = np.empty(0, np.int64), np.empty(0, np.int32)
RESERVED = frozenset({"symbol", "time", "strategy", "seq", "kind"})


@kernel
def as_of(
    time: Times, symbol: Codes, strict: bool, their_time: Times, their_symbol: Codes, value: Values1D, fresh: Flags, last: FloatsOut,
    mark: Marks, out: FloatsOut, out_fresh: Marks,
) -> None:  # fmt: skip
    j = 0
    n = their_time.shape[0]
    for i in range(time.shape[0]):
        while j < n and (their_time[j] < time[i] or (not strict and their_time[j] == time[i])):
            last[their_symbol[j]] = value[j]
            mark[their_symbol[j]] |= fresh[j]
            j += 1
        k = symbol[i]
        out[i] = last[k]
        out_fresh[i] = mark[k]
        mark[k] = False
    while j < n:
        last[their_symbol[j]] = value[j]
        mark[their_symbol[j]] |= fresh[j]
        j += 1


@kernel
def doubt_as_of(
    time: Times, symbol: Codes, strict: bool, their_time: Times, their_symbol: Codes, marks: Flags, losses: Flags, missing_time: Times,
    missing_row: Times, missing_symbol: Codes, on_root: bool, doubtful: Marks, lost: Marks, out: Marks, out_lost: Marks,
) -> None:  # fmt: skip
    """As `as_of`, of marks; from the moment (or row of the root) at which their newest row is in doubt, it is marked."""

    j = m = 0
    for i in range(time.shape[0] + 1):
        t = time[i] if i < time.shape[0] else FOREVER
        while True:
            comes = j < their_time.shape[0] and (their_time[j] < t or (not strict and their_time[j] == t))
            lacks = m < missing_time.shape[0] and missing_time[m] <= t
            if lacks and missing_time[m] == t and missing_row[m] >= 0:
                lacks = on_root and missing_row[m] <= i

            if lacks and (not comes or missing_time[m] < their_time[j]):
                doubtful[missing_symbol[m]] = lost[missing_symbol[m]] = True
                m += 1
            elif comes:
                doubtful[their_symbol[j]] = marks[j]
                lost[their_symbol[j]] |= losses[j]
                j += 1
            else:
                break
        if i < time.shape[0]:
            out[i], out_lost[i] = doubtful[symbol[i]], lost[symbol[i]]
            lost[symbol[i]] = False


class Combined:
    """A batch of combined signals on the rows of the base tape: `values` by name."""

    __slots__ = ("parts", "rows", "values")

    def __init__(self, rows: Ticks, parts: dict[str, Values]) -> None:
        self.rows, self.parts = rows, parts
        self.values: dict[str, NDArray[Any]] = {name: part.value for name, part in parts.items()}

    def fresh(self, name: str) -> NDArray[np.bool_]:
        """The rows on which a signal has new input."""
        return self.parts[name].fresh

    def lost(self, name: str) -> NDArray[np.bool_] | None:
        """The rows at which whoever reads all signals at the fresh rows of one lost an input, or got one in doubt."""
        part, marks = self.parts[name], either(*(each.marks for each in self.parts.values()))
        return either(part.losses, None if marks is None else part.fresh & marks)


def with_truth(values: Mapping[str, NDArray[Any]], logical: Iterable[str]) -> Mapping[str, NDArray[Any]]:
    """Comparison signals as user code sees them: true where they are known and true."""
    return {**values, **{name: values[name] == 1.0 for name in logical}} if logical else values


class AsOf(Stateful):
    """The newest values of a signal of another tape."""

    def blank(self, symbols: int) -> State:
        """Each symbol's newest value, and whether it has been seen."""
        return State(symbols, last=full(symbols, np.nan), mark=zeros(symbols, "?"))

    def on(self, base: Ticks, strict: bool, theirs: Values) -> Values:
        """The values as the rows of the base tape see them."""
        self.next_row += len(base)
        rows, out, fresh = theirs.rows, np.empty(len(base)), np.empty(len(base), np.bool_)
        as_of(
            base.columns["time"], base.columns["symbol"], strict, rows.columns["time"], rows.columns["symbol"], theirs.value, theirs.fresh,
            self.state.last, self.state.mark, out, fresh,
        )  # fmt: skip
        out.setflags(write=False)
        fresh.setflags(write=False)
        return Values(base, out, fresh)

    def blank_doubt(self, symbols: int) -> State:
        """Whether each symbol's newest value is in doubt, and whether something was lost since a row saw it."""
        return State(symbols, doubtful=zeros(symbols, "?"), lost=zeros(symbols, "?"))

    def with_marks(self, values: Values, strict: bool, theirs: Values) -> Values:
        """The values, with the marks that the rows of the base tape see."""
        base, rows = values.rows, theirs.rows
        known = (theirs.marks, theirs.losses, rows.missing, base.lost)
        if self.doubt is None and all(each is None for each in known):
            return values
        doubt, (marks, losses, missing, base_lost) = self.begin_to_doubt(), known
        missing = (NO_TIMES, NO_TIMES, NO_CODES) if missing is None else missing

        no, out, lost = flags_of(rows), np.empty(len(base), np.bool_), np.empty(len(base), np.bool_)
        doubt_as_of(
            base.columns["time"], base.columns["symbol"], strict, rows.columns["time"], rows.columns["symbol"],
            no if marks is None else marks, no if losses is None else losses, *missing, base.root is base, doubt.doubtful, doubt.lost,
            out, lost,
        )  # fmt: skip
        return values.marked(out if out.any() else None, either(base_lost, lost if lost.any() else None))


class Combination(Stream[Combined]):
    """Signals by name on the rows of one tape."""

    def __init__(self, base: Tape, signals: Mapping[str, Signal], name: str, owner: str | None) -> None:
        for signal in signals.values():
            signal.fill()
        joins = {label: None if signal.tape is base else AsOf(f"as_of({label})", base.graph.capacity) for label, signal in signals.items()}
        for label, stage in joins.items():
            if stage is not None:
                base.graph.add_stage(f"{name}.{label}", stage, owner)
        strict = {label: base.derived and not signal.tape.derived for label, signal in signals.items()}

        def side_by_side() -> Combined:
            return Combined(base.item, {label: signal.item for label, signal in signals.items()})

        def across_tapes() -> Combined:
            rows = base.item
            items = {label: (signal.item, joins[label]) for label, signal in signals.items()}
            parts = {label: item if join is None else join.on(rows, strict[label], item) for label, (item, join) in items.items()}
            if base.graph.gaps:
                for label, (item, join) in items.items():
                    if join is not None:
                        join.with_marks(parts[label], strict[label], item)
            return Combined(rows, parts)

        super().__init__(base.graph, name, owner, across_tapes if any(joins.values()) else side_by_side)
        self.tape, self.signals = base, dict(signals)

    if TYPE_CHECKING:

        def pipe(self, *operators: Callable[[Any], R]) -> R:  # type: ignore[override]
            """Apply alert_when."""

    def apply(self, function: Callable[[Any], Any]) -> Signal:
        """A signal of a function of the rows: it sees the signals and the row's own columns, as a condition does."""
        owner = self.owner or self.graph.owner
        label = f"apply({fingerprint(function)})"

        logical = [name for name, signal in self.signals.items() if signal.logical]

        def compute(combined: Combined) -> Floats:
            return np.asarray(function(Rows(combined.rows, with_truth(combined.values, logical))), dtype=np.float64)

        return self.signal(compute, label, owner, sees_rows=True)

    def signal(
        self, compute: Callable[[Combined], Floats], label: str, owner: str | None, logical: bool = False, sees_rows: bool = False
    ) -> Signal:  # fmt: skip
        """A signal of a function of the combination; `sees_rows`: of the row's own columns too."""

        def step() -> Values:
            combined = self.item
            rows = len(combined.rows)
            value = compute(combined) if rows else np.empty(0)
            if value.shape != (rows,):
                raise BuildError(f"{label} returned the shape {value.shape} for {rows} rows; it must give one value a row")
            value = np.ascontiguousarray(value).view()
            value.setflags(write=False)
            values = Values(combined.rows, value, np.logical_or.reduce([part.fresh for part in combined.parts.values()]))
            if self.graph.gaps:
                parts = combined.parts.values()
                marks = either(combined.rows.lost if sees_rows else None, *(part.marks for part in parts))
                values.marked(marks, either(*(part.losses for part in parts)))
            return values

        return Signal(self.tape, f"{self.name} | {label}", owner, step, logical)


def combine_latest(*unnamed: Signal, on: Tape | None = None, **signals: Signal) -> Combination:
    """Signals side by side: `combine_latest(fast=…, slow=…)` for `alert_when`, or for `.apply(f)`.

    The rows are those of the tape if any signal is of the tape itself, else of the first signal's derived tape, or of
    `on`. BuildError if there is no signal, or if they belong to different runs.

    >>> from pipeline.checks import values_of
    >>> from pipeline.operators import last, moving_average
    >>> def ratio(ticks):
    ...     both = combine_latest(last=ticks.pipe(last()), average=ticks.pipe(moving_average(2)))
    ...     return both.apply(lambda s: s.last / s.average)
    >>> values_of(ratio, price=[10.0, 30.0])
    [nan, 1.5]
    """
    if unnamed:
        raise BuildError("combine_latest: give every signal a name, combine_latest(fast=..., slow=...)")
    base = base_tape(on, signals)
    owner = base.graph.owner or next((signal.owner for signal in signals.values() if signal.owner), None)
    return Combination(base, signals, f"{owner or 'shared'}: combine_latest({', '.join(signals)})", owner)


def base_tape(on: Tape | None, signals: Mapping[str, object]) -> Tape:
    if not signals:
        raise BuildError("combine_latest has nothing to combine: name its signals, combine_latest(fast=..., slow=...)")
    for name, signal in signals.items():
        if not isinstance(signal, Signal):
            hint = '; for a column of the tape write ticks.pipe(column("price"))' if isinstance(signal, Tape) else ""
            hint = f"; apply the operator: {name}=ticks.pipe(...)" if isinstance(signal, Operator) else hint
            raise BuildError(f"combine_latest: {name} is {type(signal).__name__}, expected a Signal{hint}")
    for name in RESERVED & signals.keys():
        raise BuildError(f"combine_latest: a signal cannot be named {name!r}, which a message and a condition know already")
    known = [signal for signal in signals.values() if isinstance(signal, Signal)]
    tapes = [on.tape] if on is not None else []
    tapes += [signal.tape for signal in known if not signal.tape.derived] + [signal.tape for signal in known]
    if any(tape.graph is not tapes[0].graph for tape in tapes):
        raise BuildError("combine_latest: these signals belong to different runs; take them all from the tape given to alerts(ticks)")
    return tapes[0]


def pair_of(left: Signal, right: Signal) -> Combination:
    """Two signals side by side, once for each pair."""
    key = ("pair", id(right))
    if key not in left.made:
        base = base_tape(None, {"left": left, "right": right})
        left.made[key] = Combination(base, {"left": left, "right": right}, f"({left.name}) and ({right.name})", left.owner or right.owner)
    return left.made[key]  # type: ignore[no-any-return]


def combine_pair(left: Signal, right: Signal, function: Callable[..., Any], sign: str, logical: bool) -> Signal:
    """The signal of a function of two."""
    pair = pair_of(left, right)

    def compute(combined: Combined) -> Floats:
        return np.asarray(function(combined.values["left"], combined.values["right"]), dtype=np.float64)

    return pair.signal(compute, sign, pair.owner, logical)
