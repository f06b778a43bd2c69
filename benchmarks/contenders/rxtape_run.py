"""rxtape itself: both works as strategies, through `pipeline.run`, from columns in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.tapes import BenchTape, symbol_names
from pipeline import Strategy, Tape, Ticks, alert_when, combine_latest, run
from pipeline.operators import vwap
from pipeline.report import Report
from pipeline.rules import AlertStream
from pipeline.symbols import SymbolTable
from strategies.volume_spike import VolumeSpike


class VwapDeviation(Strategy):
    """W2: away from the five-minute VWAP, until back near it."""

    enter: float = 0.0044
    leave: float = 0.0016

    def alerts(self, ticks: Tape) -> AlertStream:
        """Raised when far, cleared when near."""
        return combine_latest(vwap=ticks.pipe(vwap("5m"))).pipe(
            alert_when(lambda s: abs(s.price / s.vwap - 1) > self.enter, clear=lambda s: abs(s.price / s.vwap - 1) < self.leave)
        )


def as_ticks(tape: BenchTape) -> Ticks:
    """The tape as rxtape's columns, made once, outside the clock: the same numpy arrays the others get."""
    names = symbol_names(tape.symbols)[1:]
    return Ticks.of(tape.time, tape.symbol, SymbolTable(names, limit=tape.symbols), price=tape.price, size=tape.size)


def judged(ticks: Ticks, *strategies: Strategy) -> Report:
    """Run strategies on ticks in memory; the report holds the alerts, as the others' arrays hold their rows."""
    return run(ticks, *strategies)


def w1_rxtape(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: validation, guards, alert objects with messages and ids are all in."""
    report = judged(as_ticks(tape), VolumeSpike(move=theta))
    return np.array([alert.order.seq for alert in report.alerts], np.int64)


def w2_rxtape(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: as W1, with the whole rule machine."""
    report = judged(as_ticks(tape), VwapDeviation(enter=enter, leave=leave))
    rows = [(alert.order.seq, int(alert.event == "raised")) for alert in report.alerts]
    return np.array(rows, np.int64).reshape(-1, 2)
