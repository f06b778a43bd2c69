"""Run one thing on a tape and write down all that comes out, to compare two such runs to the last bit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import Alert
from pipeline.flow import Tape
from pipeline.gaps import flags_of
from pipeline.graph import Graph, GraphSnapshot
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks
from pipeline.values import Values

__all__ = ["Build", "LawBroken", "Observed", "agree", "batches_of", "listen", "observe", "push", "run_through"]

Build = Callable[[Tape], Any]


class LawBroken(AssertionError):
    """A law does not hold: which, where, what was expected there, and what was found."""

    def __init__(self, law: str, place: str, expected: str, found: str) -> None:
        self.law, self.place, self.expected, self.found = law, place, expected, found
        super().__init__(f"{law} law: {place}: expected {expected}, found {found}")


@dataclass
class Observed:
    """What came out: alerts, or the columns of signals and tapes, whose rows they are, and the rows of each batch beside the root's."""

    alerts: list[Alert] = field(default_factory=list)
    columns: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    symbols: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    batches: list[tuple[int, int]] = field(default_factory=list)
    settled: int = 0
    snapshot: GraphSnapshot | None = None

    def column(self, name: str) -> NDArray[Any]:
        """One column of all batches."""
        return np.concatenate(self.columns[name]) if name in self.columns else np.empty(0)

    def bits(self) -> dict[str, list[str] | list[bytes]]:
        """Everything, value by value as it lies in memory: nan equals nan, 0.0 differs from -0.0."""
        shown: dict[str, list[str] | list[bytes]] = {name: in_memory(self.column(name)) for name in self.columns}
        return shown | {"alerts": [repr(alert) for alert in self.alerts]}

    def settle(self) -> None:
        """The batch is over: its alerts stand in the order of the tape, as a run gives them."""
        self.alerts[self.settled :] = sorted(self.alerts[self.settled :], key=attrgetter("order"))
        self.settled = len(self.alerts)

    def take(self, label: str, item: Any) -> None:
        """One item of whatever is observed."""
        if isinstance(item, Values):
            marks = flags_of(item.rows) if item.marks is None else item.marks
            found, rows = {"value": item.value, "fresh": item.fresh, "marks": marks}, item.rows
        elif isinstance(item, Ticks):
            found, rows = item.columns | {"lost": flags_of(item) if item.lost is None else item.lost}, item
        else:
            self.alerts.extend([item] if isinstance(item, Alert) else item)
            return
        self.batches.append((len(rows), len(rows.root)))
        for name, column in found.items():
            key = f"{label} {name}".strip()
            self.columns.setdefault(key, []).append(column)
            self.symbols.setdefault(key, []).append(rows.columns["symbol"])


def observe(build: Build, ticks: Ticks, cuts: Sequence[int] = (), start: GraphSnapshot | None = None) -> Observed:
    """Run what `build` makes (a stream, several, or several by name) on a tape cut at the given rows; `start` continues from a snapshot."""
    graph = Graph(SymbolTable(ticks.symbols))
    tape, seen = Tape(graph, "tape", frozenset(ticks.columns)), Observed()
    listen(build, tape, seen)
    if start is not None:
        graph.restore(start)
    run_through(tape, ticks, cuts, seen)
    if graph.faults:
        raise next(iter(graph.faults.values())).error
    seen.snapshot = graph.snapshot()
    return seen


def listen(build: Build, tape: Tape, seen: Observed) -> str:
    """Build on a tape and write down what comes; returns the owner's name."""
    strategy, graph = getattr(build, "__self__", None), tape.graph
    owner: str = getattr(strategy, "name", "observed")
    graph.identities[owner] = repr(strategy or "")
    with graph.owned_by(owner):
        made = build(tape)
        several = made if isinstance(made, list | tuple) else [made]
        for label, stream in made.items() if isinstance(made, Mapping) else (("", each) for each in several):
            stream.subscribe(partial(seen.take, label))
    return owner


def run_through(tape: Tape, ticks: Ticks, cuts: Sequence[int], *seen: Observed) -> None:
    """All batches of a tape through a graph."""
    for batch in batches_of(ticks, cuts):
        push(tape.graph, tape, Ticks(batch.columns, tape.graph.symbols))
        for each in seen:
            each.settle()


def batches_of(ticks: Ticks, cuts: Sequence[int]) -> Iterator[Ticks]:
    """The parts of a tape, cut at the given rows."""
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(ticks)}), len(ticks)]
    return (ticks[first:last] for first, last in pairwise(edges))


def push(graph: Graph, tape: Tape, batch: Ticks) -> None:
    """One batch through a graph."""
    if len(batch):
        graph.enter(len(batch))
        try:
            with np.errstate(all="ignore"):
                tape.emit(batch)
        finally:
            graph.leave()


def agree(law: str, expected: Observed, found: Observed) -> None:
    """Raise LawBroken at the first difference."""
    wanted, got = [repr(alert) for alert in expected.alerts], [repr(alert) for alert in found.alerts]
    if wanted != got:
        place = first_difference(wanted, got)
        texts = [told(seen.alerts, place) for seen in (expected, found)]
        if texts[0] == texts[1]:
            texts = [str(fields) for fields in apart(expected.alerts[place], found.alerts[place])]
        raise LawBroken(law, f"alert {place + 1} (of {len(wanted)} and {len(got)})", *texts)
    for name in expected.columns:
        column, other = expected.column(name), found.column(name)
        if column.tobytes() != other.tobytes():
            place = first_difference(in_memory(column), in_memory(other))
            values = [repr(each[place].item()) if place < len(each) else "nothing" for each in (column, other)]
            raise LawBroken(law, f"column {name}, row {place}", *values)


def in_memory(column: NDArray[Any]) -> list[bytes]:
    size = column.dtype.itemsize
    raw = column.tobytes()
    return [raw[start : start + size] for start in range(0, len(raw), size)]


def first_difference(wanted: Sequence[Any], got: Sequence[Any]) -> int:
    return next((i for i, (a, b) in enumerate(zip(wanted, got, strict=False)) if a != b), min(len(wanted), len(got)))


def apart(one: Alert, other: Alert) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields in which two alerts differ."""
    names = [name for name in one.__struct_fields__ if repr(getattr(one, name)) != repr(getattr(other, name))]
    return {name: getattr(one, name) for name in names}, {name: getattr(other, name) for name in names}


def told(alerts: Sequence[Alert], place: int) -> str:
    """An alert in a few words."""
    if place >= len(alerts):
        return "no alert"
    alert = alerts[place]
    return f"{alert.symbol} {alert.event} at {alert.clock}{f' ({alert.message})' if alert.message else ''}"
