"""Tape and Signal: the bridge between stages and Rx, and the only place where they meet.

Every stream has exactly one item for each batch of the root tape, and all stand at the same batch when one is computed
(see `graph`), so that they are joined by batch and never by counting arrivals.
"""

from collections.abc import Callable
from html import escape
from typing import Any, TypeVar

import numpy as np

from pipeline.arithmetic import Arithmetic
from pipeline.derivation import Derivation, DerivedStage
from pipeline.errors import BuildError, UnknownName, UsageError
from pipeline.functions import fingerprint
from pipeline.graph import Graph, Stream
from pipeline.operators.columns import Column
from pipeline.probe import Rows, check_condition
from pipeline.stage import Input, Operator, Stage, is_ours
from pipeline.ticks import Kind, Ticks, ordered
from pipeline.units import UNKNOWN, unit_of_columns, unit_of_result
from pipeline.values import Flags, Floats, Values, as_float, as_prices, computed, evaluate

__all__ = ["Signal", "Tape", "where"]

QUOTE_COLUMNS = frozenset({"bid", "ask", "bid_size", "ask_size"})
UNREAD: Any = None
"""The item of a column that only operators read: they read it from the tape."""
S = TypeVar("S", "Tape", "Signal")


class Tape(Stream[Ticks]):
    """The ordered rows as an observable of batches; `pipe` is Rx's own."""

    def __init__(
        self, graph: Graph, name: str, columns: frozenset[str], rows_of: "Tape | None" = None, owner: str | None = None,
        derived: bool = False, step: Callable[[], Ticks] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(graph, name, owner, step)
        self.columns, self.derived = columns, derived
        self.tape = self if rows_of is None else rows_of
        self._is_root = step is None

    def emit(self, item: Ticks) -> None:
        """Hand a batch to every Rx observer; at the root, then bring the whole graph up to it."""
        if self.observers:
            super().emit(item)
        if self._is_root:
            self.item = item
            if item.find_gaps():
                self.graph.gaps = True
            self.graph.compute()

    def complete(self) -> None:
        """Tell every Rx observer that the tape has ended; at the root, all observers of the graph."""
        super().complete()
        if self._is_root:
            for _, stream, _ in self.graph.plan:
                stream.complete()

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("columns", ()):
            raise AttributeError(f'the tape has no values yet: write ticks.pipe(column("{name}")) for a signal, s.{name} in a condition')
        raise AttributeError(f"a tape has no {name!r}: its rows go through operators, ticks.pipe(moving_average(10))")

    def _repr_html_(self) -> str:
        stages = "".join(f"<li>{escape(name)}</li>" for name in self.graph.stages)
        return f"<p>{escape(self.name)}: {escape(', '.join(ordered(dict.fromkeys(sorted(self.columns)))))}</p><ul>{stages}</ul>"

    def kind_of(self, reads: tuple[str, ...]) -> Kind:
        """The kind of row that brings these columns."""
        return Kind.QUOTE if not QUOTE_COLUMNS.isdisjoint(reads) or "price" not in self.columns else Kind.TRADE

    def has(self, name: str) -> bool:
        """Whether there is a column of that name; one that the feed reads on request is read from now on."""
        if name in self.further:
            self.graph.claimed.add(name)
            self.columns |= {name}
        return name in self.columns

    @property
    def further(self) -> frozenset[str]:
        """The columns that would be there if somebody asked."""
        return frozenset() if self.derived else self.graph.further

    def through(self, operator: Operator) -> "Signal":
        """The signal of an operator at work on this tape; equal operators share one stage."""
        reads = operator.reads
        for name in reads:
            if not self.has(name):
                raise self._without(name, operator)
        trades, first, rest = self.derived or self.kind_of(reads) is Kind.TRADE, reads[0], reads[1:]

        def read() -> Input:
            ticks = self.item
            columns = ticks.columns
            fresh = ticks.trades if trades else ticks.quotes
            if rest:
                return Input(ticks, fresh, *[as_float(columns[name]) for name in reads])
            return Input(ticks, fresh, as_float(columns[first]))

        signal = work(self, self.tape, operator, read, lambda: self.item.lost, unit_of_columns(reads))
        if type(operator) is Column:
            signal.unfilled = read
            signal.finite = trades and not self.derived and first in ("price", "size")
        return signal

    def _without(self, name: str, operator: object) -> UsageError:
        if name in ("price", "size") and "price" not in self.columns and "bid" in self.columns:
            return BuildError(
                f"{operator!r} reads {name!r}, and this tape has quotes only; apply it to a signal instead, "
                'for example ticks.pipe(mid(), moving_average(10)), or ticks.pipe(mid(), bars("1m"))'
            )
        return UnknownName(f"column of the tape for {operator!r}", name, self.columns)

    def with_other(self, other: "Signal", operator: Operator) -> "Signal":
        """The signal of an operator on the price and another signal."""
        return self.through(Column("price")).with_other(other, operator)

    def derive(self, derivation: Derivation) -> "Tape":
        """A tape of rows of its own."""
        for name in derivation.reads:
            if not self.has(name):
                raise self._without(name, derivation)
        trades = self.derived or self.kind_of(()) is Kind.TRADE
        shift = 1 if self.derived else 0
        return derive(self, derivation, lambda: (self.item, self.item.trades if trades else self.item.quotes, self.item.lost), shift)

    def where(self, condition: Callable[[Any], Any]) -> "Tape":
        """The same rows, of which only those count that meet the condition; see `where`."""
        for name in check_condition(condition, self.columns | self.further, ()):
            self.has(name)
        owner = self.owner or self.graph.owner

        def filtered() -> Ticks:
            ticks = self.item
            return ticks.counting(evaluate(condition, Rows(ticks, {}), len(ticks))) if len(ticks) else ticks

        return Tape(self.graph, f"{self.name} | where({fingerprint(condition)})", self.columns, self.tape, owner, self.derived, filtered)


class Signal(Stream[Values], Arithmetic):
    """A column aligned with a tape: for every row of every batch one float64 value. `a - b`, `a > b` are signals too."""

    __add__ = Arithmetic.__add__
    __iadd__ = Arithmetic.__add__
    __getitem__ = Arithmetic.__getitem__

    def __init__(self, tape: Tape, name: str, owner: str | None, step: Callable[[], Values], logical: bool = False, unit: str = "") -> None:
        super().__init__(tape.graph, name, owner, step)
        self.tape, self.logical, self.unit = tape, logical, unit
        self.unfilled: Callable[[], Input] | None = None
        self.finite = False  # whether ingest has made sure of every fresh value
        self.filled = False

    def fill(self) -> "Signal":
        """Say that the values themselves are read. A column that only operators read, at its fresh rows, is never filled in."""
        self.check_owner()
        self.filled = True
        return self

    def through(self, operator: Operator) -> "Signal":
        """The signal of an operator at work on this one: it advances on fresh rows that are not nan."""
        if len(operator.reads) != 1:
            raise BuildError(f"{operator!r} reads {', '.join(operator.reads)}: apply it to a tape, a signal has one value a row")

        def read() -> Input:
            if self.unfilled is not None:
                batch = self.unfilled()
                return batch if self.finite else Input(batch.rows, batch.fresh & (batch.values == batch.values), batch.values)
            values = self.item
            return Input(values.rows, values.fresh & (values.value == values.value), values.value)

        def lost() -> Flags | None:
            return self.item.losses if self.unfilled is None else self.unfilled().rows.lost

        return work(self, self.tape, operator, read, lost, self.unit)

    def with_other(self, other: "Signal", operator: Operator) -> "Signal":
        """The signal of an operator on this signal and another; it advances on fresh rows on which neither is nan."""
        from pipeline.combine import pair_of  # combine stands on flow

        pair = pair_of(self, other)

        def read() -> Input:
            combined = pair.item
            x, y = combined.values["left"], combined.values["right"]
            return Input(combined.rows, combined.fresh("left") & ~(np.isnan(x) | np.isnan(y)), x, y)

        return work(pair, pair.tape, operator, read, lambda: pair.item.lost("left"))

    def derive(self, derivation: Derivation) -> Tape:
        """A tape of rows of its own, made of this signal's values as prices of size 0."""
        self.fill()

        def read() -> tuple[Ticks, Flags, Flags | None]:
            values = self.item
            return as_prices(values.rows, values.value), values.fresh & ~np.isnan(values.value), values.losses

        return derive(self, derivation, read, 1 if self.tape.derived else 0)

    def apply(self, function: Callable[[Floats], Any]) -> "Signal":
        """The stateless rest: `function` takes the values of a batch and returns as many. (Rx has `map` for items.)"""
        return self.each(function, f"apply({fingerprint(function)})", self.graph.owner)

    def where(self, condition: Callable[[Any], Any]) -> "Signal":
        """The same signal, fresh only where the condition holds; it sees `s.value` and the row's own columns."""
        for name in check_condition(condition, self.tape.columns | self.tape.further, ("value",)):
            self.tape.has(name)
        self.fill()

        def filtered() -> Values:
            rows, value, fresh = self.item.rows, self.item.value, self.item.fresh
            met = fresh & evaluate(condition, Rows(rows, {"value": value}), len(rows)) if len(rows) else fresh
            return Values(rows, value, met, self.item.marks, self.item.losses)

        name = f"{self.name} | where({fingerprint(condition)})"
        return Signal(self.tape, name, self.owner or self.graph.owner, filtered, self.logical, self.unit)

    def with_signal(self, other: "Signal", function: Callable[..., Any], sign: str, logical: bool) -> "Signal":
        """The signal of a function of the values of two."""
        from pipeline.combine import combine_pair  # combine stands on flow

        return combine_pair(self, other, function, sign, logical)

    def each(self, function: Callable[[Floats], Any], name: str, owner: str | None, logical: bool = False) -> "Signal":
        """The signal of a function of the values."""
        known = self.made.get((owner, name, function))
        if known is not None:
            return known  # type: ignore[no-any-return]
        self.fill()

        def computed_here() -> Values:
            values = self.item
            return Values(values.rows, computed(function, name, values.value), values.fresh, values.marks, values.losses)

        made = self.made[owner, name, function] = Signal(self.tape, f"{self.name} | {name}", self.owner or owner, computed_here, logical)
        return made


def where(condition: Callable[[Any], Any]) -> Callable[[S], S]:
    """Filter a tape or a signal: rows stay in place, but only those that meet the condition count.

    On a tape the condition sees the row's own columns; on a signal also `s.value`.

    >>> from pipeline.checks import values_of
    >>> from pipeline.operators import tick_count
    >>> values_of(lambda ticks: ticks.pipe(where(lambda s: s.size >= 100), tick_count("1m")), price=[10.0] * 3, size=[100, 5, 200])
    [1.0, 1.0, 2.0]
    """
    return lambda source: source.where(condition)


def work(
    source: Stream[Any], tape: Tape, operator: Operator, read: Callable[[], Input], lost: Callable[[], Flags | None], unit: str = UNKNOWN
) -> Signal:
    """Put a stage between a stream, whose unit is told, and a new signal; `lost` tells the rows whose input was lost or is in doubt."""
    owner = owner_of(source, operator)
    key = (owner, operator)
    known = source.made.get(key)
    if known is not None:
        return known  # type: ignore[no-any-return]
    graph = source.graph
    stage = Stage(operator, graph.capacity)
    name = graph.add_stage(f"{source.name} | {stage.fingerprint}", stage, owner)
    shift = 1 if tape.derived else 0

    def step() -> Values:
        if signal.unfilled is not None and not signal.filled and not signal.observers:
            return UNREAD  # type: ignore[no-any-return]
        batch = read()
        batch.shift = shift
        values = Values(batch.rows, stage.step(batch), batch.fresh)
        if graph.gaps:
            dirty = lost()
            values.marked(stage.marks(batch, dirty), dirty)
        return values

    signal = source.made[key] = Signal(tape, name, owner, step, unit=unit_of_result(operator.unit, unit))
    return signal


def owner_of(source: Stream[Any], made: object) -> str | None:
    """Whose the stage of an operator or derivation on a stream is; None: the engine's."""
    source.check_owner()
    return source.owner or (None if is_ours(made) else source.graph.owner)


def derive(source: Stream[Any], derivation: Derivation, read: Callable[[], tuple[Ticks, Flags, Flags | None]], shift: int) -> Tape:
    """Put a derivation between a stream and a new tape; it has one batch, perhaps empty, for each batch."""
    owner = owner_of(source, derivation)
    known = source.made.get((owner, derivation))
    if known is not None:
        return known  # type: ignore[no-any-return]
    graph = source.graph
    stage = DerivedStage(derivation, graph.capacity)
    name = graph.add_stage(f"{source.name} | {stage.fingerprint}", stage, owner)
    columns = frozenset({"seq", "time", "symbol", "kind", *derivation.columns})
    tape = source.made[owner, derivation] = Tape(graph, name, columns, None, owner, True, lambda: stage.rows_of(*read(), shift))
    return tape
