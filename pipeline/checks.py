"""The laws as a kit: run them on your own operators, derived tapes, rules and strategies.

Each law takes `build`, which makes something of a tape (an operator, a function of the tape, a strategy's `alerts`), and
a recorded tape; it raises LawBroken with the first difference. The small functions below the laws run one thing on a
few rows, for examples and tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import Alert
from pipeline.flow import Signal, Tape
from pipeline.graph import Graph, GraphSnapshot
from pipeline.strategy import Strategy
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks
from pipeline.values import Values

if TYPE_CHECKING:
    import pandas

__all__ = [
    "LAWS",
    "LawBroken",
    "alerts_of",
    "isolation_law",
    "lockstep_law",
    "no_look_ahead_law",
    "observe",
    "open_tape",
    "restart_law",
    "rows_of",
    "split_law",
    "symbol_law",
    "tape_of",
    "values_of",
]

Build = Callable[[Tape], Any]
MIDNIGHT = 1_704_153_600 * 10**9


class LawBroken(AssertionError):
    """A law does not hold; the message says which, and where."""


@dataclass
class Observed:
    """What came out: alerts, or the columns of a signal or tape, whose rows they are, and the rows of each batch beside the root's."""

    alerts: list[Alert] = field(default_factory=list)
    columns: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    symbols: list[NDArray[Any]] = field(default_factory=list)
    batches: list[tuple[int, int]] = field(default_factory=list)
    derived: bool = False
    settled: int = 0
    snapshot: GraphSnapshot | None = None

    def column(self, name: str) -> NDArray[Any]:
        """One column of all batches."""
        return np.concatenate(self.columns[name])

    def bits(self) -> dict[str, list[Any]]:
        """Everything, to the last bit: nan equals nan, 0.0 differs from -0.0."""
        shown: dict[str, list[Any]] = {name: np.concatenate(parts).view(np.uint8).tolist() for name, parts in self.columns.items()}
        return shown | {"alerts": [repr(alert) for alert in self.alerts]}

    def settle(self) -> None:
        """The batch is over: its alerts stand in the order of the tape, as a run gives them."""
        self.alerts[self.settled :] = sorted(self.alerts[self.settled :], key=attrgetter("order"))
        self.settled = len(self.alerts)

    def take(self, item: Any) -> None:
        """One item of whatever is observed."""
        if isinstance(item, Values):
            found = {"value": item.value, "fresh": item.fresh}
            rows = item.rows
        elif isinstance(item, Ticks):
            found, rows = dict(item.columns), item
        elif isinstance(item, Alert):
            self.alerts.append(item)
            return
        else:
            self.alerts.extend(item)
            return
        self.symbols.append(rows.columns["symbol"])
        self.batches.append((len(rows), len(rows.root)))
        for name, column in found.items():
            self.columns.setdefault(name, []).append(column)


def observe(build: Build, ticks: Ticks, cuts: Sequence[int] = (), start: GraphSnapshot | None = None) -> Observed:
    """Run what `build` makes on a tape cut at the given rows; `start` continues from a snapshot."""
    graph = Graph(SymbolTable(ticks.symbols))
    tape = Tape(graph, "tape", frozenset(ticks.columns))
    seen = Observed()
    owner = getattr(getattr(build, "__self__", None), "name", "observed")
    graph.identities[owner] = repr(getattr(build, "__self__", ""))
    with graph.owned_by(owner):
        made = build(tape)
        for stream in made if isinstance(made, list | tuple) else [made]:
            stream.subscribe(seen.take)
            seen.derived = isinstance(stream, Tape) and stream.derived
    if start is not None:
        graph.restore(start)
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(ticks)}), len(ticks)]
    for first, last in pairwise(edges):
        part = ticks[first:last]
        push(graph, tape, Ticks(part.columns, graph.symbols))
        seen.settle()
    if graph.faults:
        raise next(iter(graph.faults.values())).error
    seen.snapshot = graph.snapshot()
    return seen


def push(graph: Graph, tape: Tape, batch: Ticks) -> None:
    """One batch through a graph."""
    if len(batch):
        graph.enter(len(batch))
        try:
            with np.errstate(all="ignore"):
                tape.emit(batch)
        finally:
            graph.leave()


def split_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """Cutting the tape into other batches changes nothing, to the last bit."""
    agree("split", observe(build, ticks), observe(build, ticks, cuts))


def restart_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """Snapshot between any two batches, restore in a new graph, continue: the same bits."""
    cut = min(max(1, cuts[len(cuts) // 2] if cuts else len(ticks) // 2), len(ticks))
    before = observe(build, ticks[:cut], cuts)
    after = observe(build, ticks[cut:], [other - cut for other in cuts if other > cut], before.snapshot) if cut < len(ticks) else Observed()
    both = Observed(before.alerts + after.alerts, {name: parts + after.columns.get(name, []) for name, parts in before.columns.items()})
    agree("restart", observe(build, ticks), both)


def symbol_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """Replacing the rows of other symbols by HEARTBEATs of the same times changes nothing for a symbol."""
    codes = np.unique(ticks.symbol)
    kept = set(codes[codes > 0][: max(1, len(codes) // 2)].tolist())
    mine = np.isin(ticks.symbol, sorted(kept))
    columns = {name: column.copy() for name, column in ticks.columns.items()}
    columns["symbol"][~mine] = 0
    columns["kind"][~mine] = Kind.HEARTBEAT
    for name in columns.keys() - {"seq", "time", "symbol", "kind"}:
        columns[name][~mine] = np.nan if columns[name].dtype.kind == "f" else 0
    for column in columns.values():
        column.setflags(write=False)
    alone = observe(build, Ticks(columns, ticks.symbols), cuts)
    agree("symbol", only(observe(build, ticks), ticks, kept), only(alone, ticks, kept))


def only(seen: Observed, ticks: Ticks, codes: set[int]) -> Observed:
    """What concerns some symbols."""
    names = {ticks.symbols.name(code) for code in codes}
    alerts = [alert for alert in seen.alerts if alert.symbol in names]
    if not seen.columns:
        return Observed(alerts)
    mine = np.isin(np.concatenate(seen.symbols), sorted(codes))
    return Observed(alerts, {name: [np.concatenate(parts)[mine]] for name, parts in seen.columns.items() if name != "seq"})


def lockstep_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """A signal has exactly the rows of its tape, batch by batch; a derived tape one batch for each parent batch."""
    seen = observe(build, ticks, cuts)
    expected = len({cut for cut in cuts if 0 < cut < len(ticks)}) + 1
    if seen.columns and len(seen.batches) != expected:
        raise LawBroken(f"lockstep law: {len(seen.batches)} batches came out for {expected} that went in")
    if "value" in seen.columns and any(len(value) != rows for value, (rows, _) in zip(seen.columns["value"], seen.batches, strict=True)):
        raise LawBroken("lockstep law: a signal has other rows than its tape")


def no_look_ahead_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """What comes out of the first n rows is a prefix of what comes out of all."""
    whole = observe(build, ticks)
    for cut in {cut for cut in cuts if 0 < cut < len(ticks)}:
        part = observe(build, ticks[:cut])
        shown = Observed(whole.alerts[: len(part.alerts)])
        shown.columns = {name: [np.concatenate(parts)[: len(part.column(name))]] for name, parts in whole.columns.items()}
        agree(f"no look-ahead (after {cut} rows)", shown, part)


LAWS = (split_law, restart_law, symbol_law, lockstep_law, no_look_ahead_law)
"""What holds for everything; `symbol_law` not for what looks beyond a symbol (scope = "market")."""


class Raises(Strategy):
    """A strategy that raises at its n-th batch."""

    at: int = 1

    def alerts(self, ticks: Tape) -> Signal:
        """Nothing."""
        calls = [0]

        def fail(x: NDArray[np.float64]) -> NDArray[np.float64]:
            calls[0] += 1
            if calls[0] == self.at:
                raise RuntimeError("made to fail")
            return x

        from pipeline.operators.columns import Column

        return ticks.through(Column("price" if "price" in ticks.columns else "bid")).apply(fail)


def isolation_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """A strategy that raises beside it changes nothing."""
    graph = Graph(SymbolTable(ticks.symbols))
    tape = Tape(graph, "tape", frozenset(ticks.columns))
    seen, bad = Observed(), Raises(at=1 + len(cuts) // 2)
    owner = getattr(getattr(build, "__self__", None), "name", "observed")
    graph.identities[owner] = repr(getattr(build, "__self__", ""))
    with graph.owned_by("raises"):
        bad.alerts(tape).subscribe(lambda values: None)
    with graph.owned_by(owner):
        made = build(tape)
        for stream in made if isinstance(made, list | tuple) else [made]:
            stream.subscribe(seen.take)
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(ticks)}), len(ticks)]
    for first, last in pairwise(edges):
        push(graph, tape, Ticks(ticks[first:last].columns, graph.symbols))
        seen.settle()
    agree("isolation", observe(build, ticks, cuts), seen)


def agree(law: str, expected: Observed, found: Observed) -> None:
    """Raise LawBroken at the first difference."""
    for name, wanted in expected.bits().items():
        got = found.bits().get(name, [])
        if wanted != got:
            place = next((i for i, (a, b) in enumerate(zip(wanted, got, strict=False)) if a != b), min(len(wanted), len(got)))
            if name == "alerts":
                gone = f"expected {wanted[place : place + 1]}, found {got[place : place + 1]} ({len(wanted)} and {len(got)})"
                raise LawBroken(f"{law} law: alert {place}: {gone}")
            row = place // expected.column(name).dtype.itemsize
            values = [repr(seen.column(name)[row : row + 1].tolist()) if name in seen.columns else "nothing" for seen in (expected, found)]
            raise LawBroken(f"{law} law: column {name}, row {row}: expected {values[0]}, found {values[1]}")


def tape_of(seconds: Sequence[float] | None = None, symbol: Sequence[str] | str = "A", **columns: Any) -> Ticks:
    """A small tape: seconds after 2024-01-02T00:00Z (default: one row a second), a symbol, and columns."""
    rows = len(np.asarray(next(iter(columns.values()))))
    times = range(rows) if seconds is None else seconds
    names = [symbol] * rows if isinstance(symbol, str) else list(symbol)
    if "price" in columns:
        columns.setdefault("size", np.ones(rows))
    return Ticks.of([MIDNIGHT + round(second * 1e9) for second in times], names, **columns)


def open_tape(**rows: Any) -> tuple[Tape, Callable[[], None]]:
    """A tape to subscribe to, and a function that pushes the rows (see `tape_of`) and ends it."""
    ticks = tape_of(**rows)
    graph = Graph(ticks.symbols)
    tape = Tape(graph, "tape", frozenset(ticks.columns))

    def run() -> None:
        push(graph, tape, ticks)
        tape.complete()

    return tape, run


def values_of(build: Build, **rows: Any) -> list[float]:
    """The values of an operator on a few rows (see `tape_of`), rounded to four places."""
    return [round(value, 4) for value in observe(build, tape_of(**rows)).column("value").tolist()]


def rows_of(build: Build, **rows: Any) -> "pandas.DataFrame":
    """The rows of a derived tape, as a frame."""
    ticks = tape_of(**rows)
    seen = observe(build, ticks)
    return Ticks({name: seen.column(name) for name in seen.columns}, ticks.symbols).to_pandas()


def alerts_of(build: Build, **rows: Any) -> list[Alert]:
    """The alerts of a strategy's `alerts`, or of a function of the tape, on a few rows."""
    return observe(build, tape_of(**rows)).alerts
