"""`rxtape journal replay`: the tape of a journal through strategies again."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.cli.choice import chosen_strategies
from pipeline.cli.job import Job, known_sink
from pipeline.cli.replaying import run_on_screen
from pipeline.cli.screen import Screen
from pipeline.errors import UsageError
from pipeline.journal.configuration import Configuration
from pipeline.retelling import JournalTape, strategy_of
from pipeline.strategy import Strategy

__all__ = ["replayed"]


def replayed(folder: Path, names: Sequence[str], settings: Sequence[str], outputs: Sequence[str], json: bool) -> int:
    """Judge the rows of a journal again, tell the alerts, and give the exit code."""
    tape, screen = JournalTape(folder), Screen(json)
    strategies = chosen_strategies(names, settings) if names else recorded(tape, settings)
    for url in outputs:
        known_sink(url)
    if tape.shortened:
        screen.say(f"the first frames of {folder} are gone: windows begin empty at frame {tape.found.first:,}")
    return run_on_screen(Job(tape, strategies, outputs or ("jsonl:-" if json else "console:",)), screen).exit_code


def recorded(tape: JournalTape, settings: Sequence[str]) -> list[Strategy]:
    """The strategies that the journal was last judged by."""
    if settings:
        raise UsageError("--set changes a strategy that --strategy names; for one of the journal write rxtape whatif NAME --set ...")
    *_, last = (Configuration(), *tape.configurations())
    if not last.strategies:
        raise UsageError(f"{tape.name} names no strategy; write --strategy volume_breakout (see rxtape strategies list)")
    return [strategy_of(each) for each in last.strategies]
