"""The tape of a journal judged again: by the strategies that judged it, or by others."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.alerts import Alert
from pipeline.errors import RxtapeError, UsageError
from pipeline.ingest import RawRows
from pipeline.journal import Content, Frame
from pipeline.journal.inventory import Inventory, frames_of, inventory
from pipeline.journal.payloads import Chosen, Configuration, alerts_of, config_of, ticks_head, ticks_of
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
    def columns(self) -> frozenset[str]:
        """Those that any of its rows has."""
        heads = [ticks_head(frame.payload) for frame in self.frames() if frame.content is Content.TICKS]
        found = frozenset(name for head in heads for name, _ in head.columns)
        return found or frozenset({"seq", "time", "symbol", "kind", "price", "size"})

    def frames(self, first: int = 0) -> Iterator[Frame]:
        """What it holds, in order."""
        return frames_of(self.found, first)

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
    config = Configuration()
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


def retold(tape: JournalTape, strategies: Sequence[Strategy]) -> Run:
    """A run of strategies on the columns of a journal, to which its batches can be handed by `judged_again`."""
    return Run(tape, *strategies, keep_alerts=False, on_fault=lambda fault: None, on_hang=lambda hang: None)
