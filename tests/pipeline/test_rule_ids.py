"""The ids of alerts: the same in every run, process, batch size and shard."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hurtful import cuts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_under_test import Level, level_tape, told
from second_process import BATCH_ROWS, Everything, lines, run, save, tape
from tries import tries

from pipeline.checks import alerts_of, observe
from pipeline.combine import combine_latest
from pipeline.operators import last
from pipeline.rules import alert_when
from pipeline.strategy import Strategy
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks

ROOT = Path(__file__).parents[2]
SEED = 11
quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 10**6)


@pytest.mark.parametrize("strategy", [Everything(), Level(), Level(of="row", every=True)], ids=repr)
@given(seed=seeds)
@quick
def test_no_two_events_of_a_run_have_one_id(strategy, seed):
    ticks = tape(seed)[:150] if isinstance(strategy, Everything) else level_tape(seed, 150, 2)
    ids = [alert.id for alert in observe(strategy.alerts, ticks).alerts]
    assert ids
    assert len(set(ids)) == len(ids)


@given(seed=seeds, at=cuts(100))
@quick
def test_ids_do_not_depend_on_how_the_tape_is_cut(seed, at):
    ticks = tape(seed)[:100]
    assert told(Everything(), ticks, at) == told(Everything(), ticks, [])


DIFFERENT = {"parameters": Level(hold="10ms"), "name": Level(name="other"), "another parameter": Level(cooldown="10ms")}


@pytest.mark.parametrize("other", DIFFERENT.values(), ids=DIFFERENT)
def test_strategies_that_differ_share_no_id(other):
    ticks = level_tape(SEED)
    ids = [{alert.id for alert in observe(level.alerts, ticks).alerts} for level in (Level(), other)]
    assert all(ids)
    assert ids[0].isdisjoint(ids[1])


class Twice(Strategy):
    """One condition under two names."""

    def alerts(self, ticks):
        """Two rules."""
        both = combine_latest(price=ticks.pipe(last()))
        return [both.pipe(alert_when(lambda s: s.price > 0)), both.pipe(alert_when(lambda s: s.price > 0))]


def test_rules_of_one_strategy_share_no_id():
    first, second = alerts_of(Twice().alerts, price=[1.0])
    assert first.id != second.id


# A shard of the symbols.


def shard(ticks: Ticks, names: set[str]) -> Ticks:
    """The rows of some symbols, numbered anew; HEARTBEATs go to every shard."""
    symbols = np.array(["", *ticks.symbols])[ticks.symbol]
    mine = np.isin(symbols, sorted(names)) | (ticks.kind == Kind.HEARTBEAT)
    columns = {name: column[mine] for name, column in ticks.columns.items() if name not in ("seq", "symbol", "time")}
    return Ticks.of(ticks.time[mine], symbols[mine].tolist(), SymbolTable(), **columns)


def ended(ticks: Ticks) -> Ticks:
    """The tape, with a HEARTBEAT as its last row."""
    columns = {name: column.copy() for name, column in ticks.columns.items()}
    columns["kind"][-1], columns["symbol"][-1], columns["price"][-1] = Kind.HEARTBEAT, 0, np.nan
    for column in columns.values():
        column.flags.writeable = False
    return Ticks(columns, ticks.symbols)


SHARDED = [Level(), Level(hold="30ms", cooldown="2s"), Level(of="bars", hold="2s"), Level(of="row", every=True), Everything()]


@pytest.mark.parametrize("strategy", SHARDED, ids=repr)
@given(seed=seeds, at=cuts(100))
@quick
def test_a_shard_of_the_symbols_gives_the_same_alerts(strategy, seed, at):
    ticks = ended(tape(seed)[:100] if isinstance(strategy, Everything) else level_tape(seed, 100, 4, unknown=0.0))
    expected = [alert for alert in told(strategy, ticks, []) if alert[1] in {"S2", "S4"}]
    assert told(strategy, shard(ticks, {"S2", "S4"}), at) == expected


# Another process.


def in_another_process(*arguments: object, hash_seed: str = "1") -> list[str]:
    """The alerts of a run in a process of its own, an alert a line."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-m", "second_process", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_the_run_for_other_processes_tells_of_every_rule():
    assert {alert.rule for alert in run(tape(SEED)).alerts} == {"rule", "joined", "trend", "silence", "large"}


@pytest.mark.slow
def test_a_run_continued_in_another_process_gives_the_same_alerts(tmp_path):
    ticks, cut = tape(SEED), 20 * BATCH_ROWS + 3
    before = run(ticks[:cut])
    save(before.snapshot, tmp_path)
    assert lines(before.alerts) + in_another_process(SEED, cut, tmp_path) == lines(run(ticks).alerts)


@pytest.mark.slow
def test_a_run_under_another_hash_seed_gives_the_same_alerts():
    assert in_another_process(SEED, 0, hash_seed="4242") == lines(run(tape(SEED)).alerts)
