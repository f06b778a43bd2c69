"""The laws as a kit: run them on your own operators, derived tapes, rules and strategies.

Each law takes `build`, which makes something of a tape (an operator, a function of the tape, a strategy's `alerts`), and
a recorded tape; it raises LawBroken with the first difference. The small functions below the laws run one thing on a
few rows, for examples and tests.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import Alert
from pipeline.flow import Signal, Tape
from pipeline.graph import Graph
from pipeline.observation import Build, LawBroken, Observed, agree, batches_of, listen, observe, push, run_through
from pipeline.operators.columns import Column
from pipeline.strategy import Strategy
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks

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

MIDNIGHT = 1_704_153_600 * 10**9


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
    """Replacing the rows of other symbols by HEARTBEATs of the same times changes nothing for a symbol: for either half of them."""
    codes = np.unique(ticks.symbol)
    known = codes[codes > 0].tolist()
    together = observe(build, ticks)
    for kept in (set(known[: max(1, len(known) // 2)]), set(known[max(1, len(known) // 2) :])):
        alone = observe(build, without_others(ticks, kept), cuts)
        agree("symbol", only(together, ticks, kept), only(alone, ticks, kept))


def without_others(ticks: Ticks, kept: set[int]) -> Ticks:
    """The tape with HEARTBEATs for the rows of other symbols."""
    others = ~np.isin(ticks.symbol, sorted(kept))
    columns = {name: column.copy() for name, column in ticks.columns.items()}
    columns["symbol"][others] = 0
    columns["kind"][others] = Kind.HEARTBEAT
    for name in columns.keys() - {"seq", "time", "symbol", "kind"}:
        columns[name][others] = np.nan if columns[name].dtype.kind == "f" else 0
    for column in columns.values():
        column.setflags(write=False)
    return Ticks(columns, ticks.symbols)


def only(seen: Observed, ticks: Ticks, codes: set[int]) -> Observed:
    """What concerns some symbols."""
    names, wanted = {ticks.symbols.name(code) for code in codes}, sorted(codes)
    mine = {name: np.isin(np.concatenate(parts), wanted) for name, parts in seen.symbols.items() if name.split()[-1] != "seq"}
    alerts = [alert for alert in seen.alerts if alert.symbol in names]
    return Observed(alerts, {name: [seen.column(name)[rows]] for name, rows in mine.items()})


def lockstep_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """A signal has exactly the rows of its tape, batch by batch; a derived tape one batch for each parent batch."""
    seen = observe(build, ticks, cuts)
    expected = len({cut for cut in cuts if 0 < cut < len(ticks)}) + 1
    if seen.columns and len(seen.batches) != expected:
        raise LawBroken("lockstep", "batches", f"{expected}, as many as went in", f"{len(seen.batches)}")
    if "value" in seen.columns and any(len(value) != rows for value, (rows, _) in zip(seen.columns["value"], seen.batches, strict=True)):
        raise LawBroken("lockstep", "a signal", "the rows of its tape", "others")


def no_look_ahead_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """What comes out of the first n rows is what comes out of all, up to there."""
    whole = observe(build, ticks)
    for cut in sorted({cut for cut in cuts if 0 < cut < len(ticks)}):
        part = observe(build, ticks[:cut])
        shown = Observed(until(whole.alerts, ticks[:cut], len(part.alerts)))
        shown.columns = {name: [whole.column(name)[: len(part.column(name))]] for name in whole.columns}
        agree(f"no look-ahead (after {cut} rows)", shown, part)


def until(alerts: list[Alert], ticks: Ticks, count: int) -> list[Alert]:
    """The alerts up to the last of the rows; of those that a strategy made by hand, which have no place in the tape, the first `count`."""
    if not all(alert.order.time for alert in alerts):
        return alerts[:count]
    last = (int(ticks.time[-1]), 2, int(ticks.seq[-1]))
    return [alert for alert in alerts if alert.order <= last]


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

        return neighbour(ticks).apply(fail)


def neighbour(ticks: Tape) -> Signal:
    """A signal to stand beside another: the first column with numbers in it."""
    return ticks.through(Column(next((name for name in ("price", "bid") if name in ticks.columns), "time")))


def isolation_law(build: Build, ticks: Ticks, cuts: Sequence[int]) -> None:
    """A strategy that raises beside it, at the first, a middle or the last batch, changes nothing; nor does it change a neighbour."""
    undisturbed, expected = observe(neighbour, ticks, cuts), observe(build, ticks, cuts)
    count = sum(1 for batch in batches_of(ticks, cuts) if len(batch))
    for at in sorted({1, (count + 1) // 2, count} - {0}):
        for raises_first in (True, False):
            seen, beside = fault_beside(build, ticks, cuts, Raises(at=at), raises_first)
            agree(f"isolation (another raises at batch {at} of {count})", expected, seen)
            agree("isolation (of a neighbour)", undisturbed, beside)


def fault_beside(build: Build, ticks: Ticks, cuts: Sequence[int], bad: Raises, raises_first: bool) -> tuple[Observed, Observed]:
    """What comes of `build`, and of a neighbour, when a strategy beside them raises."""
    graph = Graph(SymbolTable(ticks.symbols))
    tape, seen, beside = Tape(graph, "tape", frozenset(ticks.columns)), Observed(), Observed()
    for each, out in ((bad.alerts, Observed()), (build, seen)) if raises_first else ((build, seen), (bad.alerts, Observed())):
        listen(each, tape, out)
    listen(neighbour, tape, beside)
    run_through(tape, ticks, cuts, seen, beside)
    if bad.name not in graph.faults:
        raise LawBroken("isolation", f"batch {bad.at}", "that the strategy beside it raises, as it was made to", "that it did not run")
    for fault in graph.faults.values():
        if fault.owner != bad.name:
            raise fault.error
    return seen, beside


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
    return Ticks({name: seen.column(name) for name in seen.columns if name != "lost"}, ticks.symbols).to_pandas()


def alerts_of(build: Build, **rows: Any) -> list[Alert]:
    """The alerts of a strategy's `alerts`, or of a function of the tape, on a few rows."""
    return observe(build, tape_of(**rows)).alerts
