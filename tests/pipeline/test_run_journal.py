"""A run with a journal, judged by one oracle: the alerts after any fault are those of a run without it."""

import errno
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest
from faulty_files import FaultyFiles, PowerCut
from rules_under_test import Level, level_tape
from runs import Above, Cut, Ups, ticks_of
from tries import tries

from pipeline import Alert, Ticks, run
from pipeline.doors import each_tick
from pipeline.errors import JournalBroken, JournalError
from pipeline.journal import Content, Journal
from pipeline.journal.configuration import config_of
from pipeline.journal.payloads import alerts_of
from pipeline.journal.snapshot_bytes import to_bytes
from pipeline.journaling import Journaling
from pipeline.running import Run

FOLDER = Path("/journal")
HELD = Level(hold="2s", cooldown="5s", clear=True, name="held")
STRATEGIES = (HELD, Level(of="row", every=True, name="every"), Level(of="bars", name="on_bars"))


def recorded_in(files: FaultyFiles) -> list[Alert]:
    """The alerts of a journal as it lies there."""
    with Journal.open(FOLDER, files=files.copy(), on_warning=lambda warning: None) as journal:
        return [alert for frame in journal.read() if frame.content is Content.ALERTS for alert in alerts_of(frame)]


class Lives:
    """One run on a disk that fails, started again and again."""

    def __init__(self, seed: int, ticks: Ticks, *strategies, snapshot_rows: int = 30) -> None:
        self.random, self.files, self.ticks, self.strategies = Random(seed), FaultyFiles(seed), ticks, strategies
        self.snapshot_rows = snapshot_rows
        self.left: list[Alert] = []
        self.oddities: list[str] = []

    def live(self, **options):
        """Run to the end, or to the fault."""
        cuts = sorted(self.random.sample(range(1, len(self.ticks)), self.random.randrange(min(20, len(self.ticks) - 1))))
        how = Journaling(FOLDER, snapshot_rows=self.snapshot_rows, snapshot_every="1d", files=self.files)
        made = Run(Cut(self.ticks, *cuts), *(options.pop("strategies", self.strategies)), journal=how, **options)
        made.on_alerts, made.on_oddity = self.left.extend, lambda what: self.oddities.append(str(what))
        return made.go()

    def power_cut(self) -> None:
        self.files = self.files.after_power_cut()

    def check_what_left(self) -> None:
        """Whatever has left the process is in the journal, whatever the disk has forgotten."""
        assert {alert.id for alert in self.left} <= {alert.id for alert in recorded_in(self.files)}


def same(found: list[Alert], expected: list[Alert]) -> bool:
    """Alike to the last bit, nan included."""
    return [msgspec.msgpack.encode(alert) for alert in found] == [msgspec.msgpack.encode(alert) for alert in expected]


@pytest.mark.parametrize("seed", range(tries(60)))
def test_fault_4_after_any_power_cuts_the_alerts_are_those_of_a_run_without(seed):
    random = Random(seed)
    ticks = level_tape(seed, random.choice((20, 120, 300)), 3, unknown=0.0)
    lives = Lives(seed, ticks, *STRATEGIES, snapshot_rows=random.choice((1, 30, 10**9)))
    expected = list(run(ticks, *STRATEGIES).alerts)
    for _ in range(random.randrange(1, 5)):
        lives.files.cut_at = lives.files.steps + random.randrange(1, 150)
        try:
            lives.live()
            lives.files.cut_at = -1
        except PowerCut:
            lives.power_cut()
            lives.check_what_left()
    lives.live()
    assert same(recorded_in(lives.files), expected)
    assert not [said for said in lives.oddities if "torn" not in said and "cut" not in said]
    ids = [alert.id for alert in lives.left]
    assert len(ids) == len(set(ids))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1000))
def test_fault_4_runs_and_power_cuts_a_thousand_seeds(seed):
    test_fault_4_after_any_power_cuts_the_alerts_are_those_of_a_run_without(seed + 1000)


@pytest.mark.parametrize("rows", [1, 40, 10**9])
def test_fault_2_killed_at_every_step_it_goes_on_exactly_where_it_was(rows):
    ticks = level_tape(3, 60, 3, unknown=0.0)
    expected = list(run(ticks, HELD).alerts)
    assert expected
    whole = Lives(7, ticks, HELD, snapshot_rows=rows)
    whole.live()
    for step in range(1, whole.files.steps, 1 if rows == 40 else 7):
        lives = Lives(7, ticks, HELD, snapshot_rows=rows)
        lives.files.cut_at = step
        with pytest.raises(PowerCut):
            lives.live()
        lives.files = lives.files.copy()  # the process is gone, the system lives: all that was written is there
        lives.check_what_left()
        lives.live()
        assert same(recorded_in(lives.files), expected), step


def test_fault_3_killed_during_recovery_again_and_again():
    ticks = level_tape(11, 200, 3, unknown=0.0)
    expected = list(run(ticks, *STRATEGIES).alerts)
    lives = Lives(5, ticks, *STRATEGIES, snapshot_rows=70)
    for nested, steps in enumerate((12, 4, 3, 2, 1)):
        lives.files.cut_at = lives.files.steps + steps
        with pytest.raises(PowerCut):
            lives.live()
        lives.files = lives.files.copy() if nested % 2 else lives.files.after_power_cut()
    lives.live()
    assert same(recorded_in(lives.files), expected)


@pytest.mark.parametrize("seed", range(tries(12)))
def test_fault_7_a_rule_that_waits_or_cools_down_goes_on_at_its_time(seed):
    """Stopped after every row, so that each pending hold and each cooldown is once left and taken up."""
    ticks = level_tape(seed, 60, 2, unknown=0.0)
    expected = list(run(ticks, HELD).alerts)
    files = FaultyFiles(seed)
    for rows in range(1, len(ticks) + 1):
        run(ticks[:rows], HELD, journal=Journaling(FOLDER, snapshot_rows=seed % 3 * 7 + 1, files=files))
    assert same(recorded_in(files), expected)


def test_fault_8_a_changed_strategy_is_told_warms_up_on_the_log_and_judges_only_what_is_new():
    ticks = level_tape(2, 200, 3, unknown=0.0)
    lives = Lives(1, ticks[:120], HELD, snapshot_rows=50)
    lives.live()
    before = recorded_in(lives.files)
    lives.ticks = ticks
    other = Level(hold="1s", cooldown="5s", clear=True, name="held")
    report = lives.live(strategies=(other,))
    assert any("held is Level(" in said and "hold='1s'" in said for said in lives.oddities)
    as_if_always = list(run(ticks, other).alerts)[len(run(ticks[:120], other).alerts) :]
    assert same(recorded_in(lives.files), [*before, *as_if_always])
    assert report.ticks == 80
    with Journal.open(FOLDER, files=lives.files) as journal:
        told = [config_of(frame).strategies[0].parameters["hold"] for frame in journal.read() if frame.content is Content.CONFIG]
    assert told == ["'2s'", "'1s'"]


def test_plain_rx_is_judged_again_from_the_start_since_no_snapshot_holds_what_it_remembers():
    ticks = ticks_of(200)
    expected = list(run(ticks, Ups(), Above()).alerts)
    files = FaultyFiles()
    for rows in (50, 51, 120, 200):
        run(ticks[:rows], Ups(), Above(), journal=Journaling(FOLDER, snapshot_rows=10, files=files))
    assert same(recorded_in(files), expected)
    assert not [name for name in files.names(FOLDER) if name.endswith(".snapshot")]


def test_a_finished_journal_has_nothing_left_to_do():
    ticks, files = ticks_of(100), FaultyFiles()
    first = run(ticks, Above(), journal=Journaling(FOLDER, files=files))
    again = run(ticks, Above(), journal=Journaling(FOLDER, files=files))
    assert first.ticks == 100
    assert (again.ticks, len(again.alerts)) == (0, 0)
    assert same(recorded_in(files), list(first.alerts))


def test_another_feed_is_refused_by_the_row_where_it_differs():
    ticks, files = ticks_of(100), FaultyFiles()
    run(ticks[:60], Above(), journal=Journaling(FOLDER, files=files))
    with Journal.open(FOLDER, files=files) as journal:
        end = journal.end
    price = ticks.price.copy()
    price[59] += 1
    other = Ticks({**ticks.columns, "price": price}, ticks.symbols)
    report = run(other, Above(margin=0.5), journal=Journaling(FOLDER, files=files))
    assert "row 59 of memory has price" in str(report.incomplete)
    shorter = run(ticks[:50], Above(), journal=Journaling(FOLDER, files=files))
    assert "memory has 50 rows, and the journal /journal has 60 of it" in str(shorter.incomplete)
    assert report.ticks == shorter.ticks == 0
    with Journal.open(FOLDER, files=files) as journal:
        assert journal.end == end  # what was refused has left nothing


def test_who_takes_single_ticks_beside_a_rule_gets_as_few_at_once(monkeypatch):
    class Aside(Above):
        def alerts(self, ticks):
            ticks.pipe(each_tick()).subscribe(seen.append)
            return super().alerts(ticks)

    monkeypatch.setattr("pipeline.collector.BY_HAND_ROWS", 10)
    seen, sizes = [], []
    made = Run(ticks_of(95), Aside())
    made.tape.subscribe(lambda batch: sizes.append(len(batch)))
    made.go()
    assert (sizes, len(seen)) == ([10] * 9 + [5], 95)


@pytest.mark.parametrize("strategy", [Ups(), Above()])
def test_rows_are_judged_again_no_more_at_once_than_a_run_would(strategy, monkeypatch):
    """A log of long batches, and a strategy that takes single ticks, which has come since."""
    monkeypatch.setattr("pipeline.collector.BY_HAND_ROWS", 10)
    ticks, files, sizes = ticks_of(100), FaultyFiles(), []
    first = run(ticks, Above(), journal=Journaling(FOLDER, files=files))
    for name in files.names(FOLDER):
        if name.endswith(".snapshot"):
            files.remove(FOLDER / name)
    made = Run(ticks, Above(), *([strategy] if strategy != Above() else []), journal=Journaling(FOLDER, files=files))
    made.tape.subscribe(lambda batch: sizes.append(len(batch)))
    made.go()
    assert sizes == ([10] * 10 if strategy != Above() else [100])
    assert same(recorded_in(files), list(first.alerts))


@pytest.mark.parametrize("turn", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("what", ["write", "sync", "rename"])
def test_fault_21_a_full_disk_ends_the_run_and_no_alert_leaves_that_is_not_in_the_journal(what, turn):
    ticks = level_tape(4, 200, 3, unknown=0.0)
    expected = list(run(ticks, HELD).alerts)
    lives = Lives(9, ticks, HELD, snapshot_rows=30)
    lives.files.failing[what] = (turn, errno.ENOSPC)
    try:
        report = lives.live()
    except JournalError:
        pass
    else:
        if what != "rename":  # no snapshot, no mark: the log itself is well, and that is told
            assert isinstance(report.incomplete, JournalBroken if what == "sync" else JournalError)
            assert report.exit_code == 3
        assert what != "rename" or lives.oddities
    lives.files.failing.clear()
    lives.files = lives.files.copy()
    lives.check_what_left()
    lives.live()
    assert same(recorded_in(lives.files), expected)


def test_alerts_of_a_tampered_journal_are_not_silently_another_truth():
    """The log's own digests aside: what its rows give is compared with what it says they gave."""
    ticks, files = ticks_of(60), FaultyFiles()
    run(ticks[:30], Above(), journal=Journaling(FOLDER, snapshot_rows=10**9, files=files))
    for name in [name for name in files.names(FOLDER) if name.endswith(".snapshot")]:
        files.remove(FOLDER / name)
    with Journal.open(FOLDER, files=files) as journal:
        from pipeline.journal.payloads import alerts_record, ticks_record

        journal.append(ticks_record(Ticks({**ticks[30:40].columns, "seq": np.arange(30, 40)}, ticks.symbols)))
        journal.append(alerts_record([Alert(symbol="A", time=1, id="forged")]), urgent=True)
    oddities: list[str] = []
    made = Run(ticks, Above(), journal=Journaling(FOLDER, files=files))
    made.on_oddity = lambda what: oddities.append(str(what))
    made.go()
    assert any("forged" in said or "are not what its rows give now" in said for said in oddities)


@pytest.mark.parametrize("seed", range(tries(30)))
def test_fault_9_the_state_of_a_run_that_was_interrupted_is_that_of_one_that_was_not(seed):
    """To the last bit of every array: a snapshot and the rows after it, against all rows in one go, in the same batches."""
    random, files = Random(seed), FaultyFiles(seed)
    ticks, first, second = level_tape(seed, 150, 3, unknown=0.0), random.randrange(1, 70), random.randrange(70, 150)
    whole = Run(Cut(ticks, first, second), *STRATEGIES)
    whole.go()
    for rows, cuts in ((second, (first,)), (150, ())):
        how = Journaling(FOLDER, snapshot_rows=random.randrange(1, 90), files=files)
        made = Run(Cut(ticks[:rows], *cuts), *STRATEGIES, journal=how)
        made.go()
    assert to_bytes(made.graph.snapshot()) == to_bytes(whole.graph.snapshot())


def test_fault_10_the_journal_of_a_tape_holds_the_same_alerts_however_it_is_cut():
    ticks = level_tape(8, 200, 3, unknown=0.0)
    held = []
    for cuts in ((), (1, 2, 3), tuple(range(1, 200))):
        files = FaultyFiles()
        run(Cut(ticks, *cuts), *STRATEGIES, journal=Journaling(FOLDER, files=files))
        held.append(recorded_in(files))
    assert held[0]
    assert same(held[0], held[1])
    assert same(held[1], held[2])
