"""The tape of a journal judged again: by the strategies that judged it, or by others."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.alerts import Alert
from pipeline.errors import JournalError, RxtapeError, SnapshotMismatch, UsageError
from pipeline.ingest import RawRows
from pipeline.journal import Content, Frame
from pipeline.journal.configuration import Chosen, Configuration, config_of
from pipeline.journal.inventory import Inventory, frames_of, inventory
from pipeline.journal.payloads import alerts_of, ticks_head, ticks_of
from pipeline.journal.snapshots import KeptSnapshot
from pipeline.running import Run
from pipeline.strategy import Strategy
from pipeline.strategy_files import strategy_class
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks

__all__ = ["JournalTape", "Told", "alerts_in", "retold", "strategy_of"]


@dataclass(frozen=True)
class JournalTape:
    """The rows of a journal as a feed; a run may write to it meanwhile. Raises JournalDamaged, JournalError.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import run
    >>> from pipeline.checks import tape_of
    >>> with TemporaryDirectory() as folder:
    ...     _ = run(tape_of(price=[10.0, 11.0]), journal=folder)
    ...     run(JournalTape(folder)).ticks
    2
    """

    folder: str | Path
    found: Inventory = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "found", inventory(self.folder))

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def kept_in(self) -> str | Path:
        """The folder, in which nobody else may write."""
        return self.folder

    @property
    def columns(self) -> frozenset[str]:
        """Those that any of its rows has."""
        heads = [ticks_head(frame.payload) for frame in self.frames() if frame.content is Content.TICKS]
        found = frozenset(name for head in heads for name, _ in head.columns)
        return found or frozenset({"seq", "time", "symbol", "kind", "price", "size"})

    def frames(self, first: int = 0) -> Iterator[Frame]:
        """What it holds, in order."""
        return frames_of(self.found, first)

    @property
    def shortened(self) -> bool:
        """Whether its first frames have been removed, as retention does."""
        return self.found.first > 1

    def configurations(self) -> Iterator[Configuration]:
        """What the run was told to do, at its beginning and whenever that had changed."""
        return (config_of(frame) for frame in self.frames() if frame.content is Content.CONFIG)

    def first_configuration(self) -> Configuration:
        """What the run was told to do at its beginning: the first that the log still says."""
        return next(self.configurations(), Configuration())

    def first_rows(self) -> int:
        """The first frame with rows."""
        return next((frame.seq for frame in self.frames() if frame.content is Content.TICKS), 0)

    def start(self, until: int) -> KeptSnapshot | None:
        """Where to begin to judge again what a frame holds: None is the first frame, else the oldest snapshot that is good.

        Raises JournalError where the first frames are gone, and no snapshot is older than the frame.
        """
        if not self.shortened:
            return None
        good = [kept for name, kept in sorted(self.found.snapshots.items()) if name not in self.found.bad]
        if not good or good[0].seq >= until:
            begins = f"the log of {self.name} begins with frame {self.found.first:,}"
            oldest = f"its oldest snapshot is of frame {good[0].seq:,}" if good else "it has no snapshot"
            raise JournalError(f"frame {until:,} cannot be judged again: {begins}, and {oldest}; --keep-size and --keep-for keep more")
        return good[0]

    def batches(self, symbols: SymbolTable) -> Iterator[Ticks]:
        """Its rows, with codes of a table."""
        return (ticks_of(frame, symbols) for frame in self.frames() if frame.content is Content.TICKS)

    def rows(self) -> Iterator[RawRows]:
        """Its rows, to be numbered anew."""
        columns = self.columns - {"seq"}
        for ticks in self.batches(symbols := SymbolTable()):
            absent = {name: np.full(len(ticks), np.nan) for name in columns - ticks.columns.keys()}
            yield RawRows({name: ticks.columns[name] for name in columns & ticks.columns.keys()} | absent, symbols.snapshot(), self.name)


@dataclass
class Told:
    """An alert of a journal, the frame that holds it, and what the run was told to do then."""

    alert: Alert
    frame: int
    config: Configuration


def alerts_in(tape: JournalTape) -> Iterator[Told]:
    """Every alert of a journal, in order."""
    config = tape.first_configuration()
    for frame in tape.frames():
        if frame.content is Content.CONFIG:
            config = config_of(frame)
        elif frame.content is Content.ALERTS:
            for alert in alerts_of(frame):
                yield Told(alert, frame.seq, config)


def strategy_of(chosen: Chosen) -> Strategy:
    """The strategy that a journal names; UsageError where its code or its parameters cannot be had any more."""
    try:
        kind = strategy_class(chosen.of)
        return kind(**{name: ast.literal_eval(text) for name, text in chosen.parameters.items()})
    except (RxtapeError, ValueError, SyntaxError, TypeError) as error:
        raise UsageError(f"{chosen.name} was {chosen.identity} of {chosen.of}, which cannot be made again: {error}") from error


def retold(tape: JournalTape, strategies: Sequence[Strategy], kept: KeptSnapshot | None = None) -> Run:
    """A run of strategies on the columns of a journal; `judged_again` takes its batches: all, or those after the snapshot `kept`.

    Raises JournalError where the snapshot is not of these strategies.
    """
    run = Run(tape, *strategies, keep_alerts=False, on_fault=lambda fault: None, on_hang=lambda hang: None)
    if kept is not None:
        try:
            run.graph.restore(kept.state)
        except SnapshotMismatch as error:
            found = f"the snapshot of frame {kept.seq:,} of {tape.name}, with which its log begins, is not of these strategies"
            raise JournalError(f"{found}: {error}; explain alerts of strategies as they were at that snapshot") from error
    return run
