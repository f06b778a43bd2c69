"""The graph of one run: its streams in the order in which they are computed, whose they are, what is quarantined.

A batch goes through the streams in the order in which they were built, which is a topological order: when a stream is
computed, all that it reads stands at the same batch. Nothing is counted, nothing can be stale, and a chain may be as
long as one likes.

User code never runs bare. Every step and every Rx observer knows whose it is; where one raises, only its owner is
quarantined, and everyone else sees the batch as if nothing had happened. What the engine itself owns has no owner: if
it raises, the engine is broken, and that is fatal.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from pipeline.errors import BuildError, EngineFault, SnapshotMismatch
from pipeline.functions import is_uncalled, place_of, signature_of
from pipeline.guarded import OF_USERS
from pipeline.stage import StageSnapshot, Stateful
from pipeline.symbols import SymbolTable

__all__ = ["Fault", "Graph", "GraphSnapshot", "Stream"]

T = TypeVar("T")
FIRST_CAPACITY = 64


@dataclass(frozen=True)
class Fault:
    """A part that raised and was quarantined: whose it was, what it raised, at which row of the tape."""

    owner: str
    error: BaseException
    seq: int
    hint: str = ""

    def __str__(self) -> str:
        told = f"{self.owner} raised {type(self.error).__name__} in the rows before {self.seq:,}"
        return f"{told}: {self.error}{place_of(self.error)}{self.hint}"


@dataclass(frozen=True)
class GraphSnapshot:
    """The state of every stage by name, the symbols, and the row that comes next."""

    next_row: int
    symbols: tuple[str, ...]
    stages: dict[str, StageSnapshot]
    quarantined: dict[str, str] = field(default_factory=dict)


@dataclass
class Graph:
    """What the streams of one run share.

    `further` are columns that the feed reads only where somebody asks for them; `claimed` are those that somebody did.
    `gaps` tells whether there was a GAP row: until then nothing looks for marks. `one_by_one`: somebody takes single ticks.
    `named` are the symbols that conditions and operators name, `hints` what to say of a fault of an owner, `observed` is
    the stream to which somebody subscribed last.
    """

    symbols: SymbolTable
    on_fault: Callable[[Fault], None] = lambda fault: None
    owner: str | None = None
    working: str | None = None
    further: frozenset[str] = frozenset()
    claimed: set[str] = field(default_factory=set)
    one_by_one: bool = False
    named: set[str] = field(default_factory=set)
    hints: dict[str, str] = field(default_factory=dict)
    observed: "Stream[Any] | None" = None
    faults: dict[str, Fault] = field(default_factory=dict)
    stages: dict[str, Stateful] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)
    rules: dict[str | None, int] = field(default_factory=dict)
    plan: "list[tuple[str | None, Stream[Any], Callable[[], Any]]]" = field(default_factory=list)
    capacity: int = FIRST_CAPACITY
    next_row: int = 0
    position: tuple[int, int] = (0, 0)
    running: bool = False
    gaps: bool = False
    _thread: int = 0

    @contextmanager
    def owned_by(self, owner: str | None) -> Iterator[None]:
        """Streams subscribed to in here belong to `owner`."""
        kept, self.owner = self.owner, owner
        try:
            yield
        finally:
            self.owner = kept

    def enter(self, rows: int) -> None:
        """Before a batch: one thread at a time, never from inside, and room for every symbol."""
        if self._thread:
            raise EngineFault(
                "a batch was pushed while another is under way"
                + (" by the graph itself; feed results back through the ingress queue" if self._thread == threading.get_ident() else
                   " on another thread; only the owner of the graph may push")
            )  # fmt: skip
        self._thread = threading.get_ident()
        self.running = True
        if self.capacity <= len(self.symbols):
            self._grow()
        self.next_row += rows

    def _grow(self) -> None:
        while self.capacity <= len(self.symbols):
            self.capacity *= 2
        for stage in self.stages.values():
            if stage.owner is None:
                stage.grow(self.capacity)
            elif stage.owner not in self.faults:
                try:
                    stage.grow(self.capacity)
                except OF_USERS as error:
                    self.quarantine(stage.owner, error)

    def compute(self) -> None:
        """Bring every stream up to the batch at the root. Callers silence numpy's warnings: nan and inf are values here."""
        faults = self.faults
        for owner, stream, step in self.plan:
            if owner is None:
                self.working = None
                stream.item = item = step()
                if stream.observers:
                    stream.emit(item)
            elif owner not in faults:
                self.working = owner
                try:
                    stream.item = item = step()
                    if stream.observers:
                        stream.emit(item)
                except OF_USERS as error:
                    self.quarantine(owner, error)
        self.working = None

    def leave(self) -> None:
        """After a batch."""
        self._thread = 0

    def add_stage(self, name: str, stage: Stateful, owner: str | None = None) -> str:
        """Register a stage under a name that is the same in every run."""
        if " at 0x" in name:
            raise BuildError(
                f"{name:.200} has no name that is the same in every run: make the operator a frozen dataclass, or give it a __repr__"
            )
        stage.owner = owner
        unique, turn = name, 1
        while unique in self.stages:
            turn += 1
            unique = f"{name} #{turn}"
        self.stages[unique] = stage
        return unique

    def next_rule(self, owner: str | None) -> str:
        """The name of an owner's next rule that has none: rule, rule2, rule3."""
        turn = self.rules[owner] = self.rules.get(owner, 0) + 1
        return "rule" if turn == 1 else f"rule{turn}"

    def quarantine(self, owner: str, error: BaseException) -> None:
        """Cut off everything that belongs to `owner`, and say so at once."""
        if owner not in self.faults:
            self.faults[owner] = Fault(owner, error, self.next_row, self.hints.get(owner, ""))
            self.on_fault(self.faults[owner])

    def snapshot(self) -> GraphSnapshot:
        """Copies of the state of every stage, between two batches."""
        if self._thread:
            raise EngineFault("a snapshot can only be taken between two batches")
        stages = {name: stage.snapshot() for name, stage in self.stages.items()}
        quarantined = {owner: f"{type(fault.error).__name__}: {fault.error}" for owner, fault in self.faults.items()}
        return GraphSnapshot(self.next_row, self.symbols.snapshot(), stages, quarantined)

    def restore(self, snapshot: GraphSnapshot) -> None:
        """Continue where a snapshot was taken; SnapshotMismatch names a stage that does not fit."""
        if snapshot.stages.keys() != self.stages.keys():
            different = sorted(snapshot.stages.keys() ^ self.stages.keys())
            raise SnapshotMismatch(f"the snapshot and this graph do not have the same stages; they differ in {different[0]!r}")
        self.symbols.restore(snapshot.symbols)
        self._grow()
        for name, stage in self.stages.items():
            stage.restore(snapshot.stages[name])
            stage.grow(self.capacity)
        self.next_row = snapshot.next_row
        self.gaps = any(stage.doubt is not None for stage in self.stages.values())

        for owner, said in snapshot.quarantined.items():
            self.faults[owner] = Fault(owner, RuntimeError(said), snapshot.next_row)


class Stream(Observable[T], Generic[T]):
    """A hot observable of one item a batch: `step` computes it, `item` is the newest, Rx observers get it guarded."""

    item: T

    def pipe(self, *operators: Callable[[Any], Any]) -> Any:
        """Apply operators one after the other: Rx's own, whose types know neither a Tape nor functions without annotations."""
        for operator in operators:
            if is_uncalled(operator):
                name = operator.__name__
                raise BuildError(f"pipe({name}) without calling it: write pipe({name}(...)), as in {signature_of(operator)}")
            if not callable(operator):
                raise BuildError(f"pipe({operator!r:.60}): expected an operator, such as moving_average(10)")
        return super().pipe(*operators)

    def __init__(self, graph: Graph, name: str, owner: str | None = None, step: Callable[[], T] | None = None) -> None:
        super().__init__(self._attach)
        self.graph, self.name, self.owner = graph, name, owner
        self.made: dict[object, Any] = {}
        self.observers: tuple[tuple[abc.ObserverBase[T], str | None], ...] = ()
        if step is not None:
            if graph.running:
                raise BuildError(f"{name}: nothing can be added once the tape runs, it would miss its beginning")
            graph.plan.append((owner, self, step))

    def _attach(self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None) -> Disposable:
        edge = (observer, self.graph.owner or self.graph.working)
        self.observers = (*self.observers, edge)
        self.graph.observed = self
        return Disposable(lambda: self._detach(edge))

    def _detach(self, edge: tuple[abc.ObserverBase[T], str | None]) -> None:
        self.observers = tuple(known for known in self.observers if known is not edge)

    def check_owner(self) -> None:
        """Refuse to build on a stream of another strategy: it would stand still if that one were cut off."""
        if self.owner is not None and self.graph.owner not in (None, self.owner):
            raise BuildError(f"{self.name:.120} belongs to the strategy {self.owner}; {self.graph.owner} has to make its own from the tape")

    def emit(self, item: T) -> None:
        """Hand an item to every Rx observer whose owner is not quarantined."""
        graph = self.graph
        for observer, owner in self.observers:
            if owner is None:
                observer.on_next(item)
            elif owner not in graph.faults:
                kept, graph.working = graph.working, owner
                try:
                    observer.on_next(item)
                except OF_USERS as error:
                    graph.quarantine(owner, error)
                graph.working = kept

    def complete(self) -> None:
        """Tell every Rx observer that the tape has ended."""
        for observer, owner in self.observers:
            if owner is None or owner not in self.graph.faults:
                try:
                    observer.on_completed()
                except OF_USERS as error:
                    if owner is None:
                        raise
                    self.graph.quarantine(owner, error)
