"""The laws of the log under power cuts: what was acknowledged is never lost, and what is there is a prefix of what was written."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from faulty_files import FaultyFiles, PowerCut
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from journals import numbers, opened, said
from tries import tries

from pipeline.journal import Journal, Keep

ROOT = Path(__file__).parents[2]


class Life:
    """A journal through several lives, against a list of what was written; `acknowledged` is what anybody was told to be durable."""

    def __init__(self, files: FaultyFiles) -> None:
        self.files, self.written, self.acknowledged, self.first = files, 0, 0, 1
        self.journal: Journal | None = None
        self.warnings: list[str] = []

    def open(self) -> None:
        """Recover, and compare with the list."""
        journal = opened(self.files, acknowledged=self.acknowledged, on_warning=lambda warning: self.warnings.append(str(warning)))
        assert self.acknowledged <= journal.end <= self.written
        assert journal.first <= self.first
        assert journal.synced == journal.end
        assert numbers(journal.read()) == list(range(journal.first, journal.end + 1))
        self.journal, self.written, self.acknowledged = journal, journal.end, journal.synced
        journal.when_durable(journal.end + 1, lambda: None)

    def append(self, length: int, *, urgent: bool = False) -> None:
        self.written += 1  # before: a frame may be on the disk though the power went while it was written
        assert self.journal.append(said(self.written, length), urgent=urgent) == self.written

    def sync(self) -> None:
        self.journal.when_durable(self.written, self.acknowledge)
        self.journal.sync()

    def acknowledge(self) -> None:
        self.acknowledged = max(self.acknowledged, self.journal.synced)

    def retain(self, size: int) -> None:
        self.first = max(self.first, self.acknowledged + 1)
        self.journal.retain(Keep(size=size), self.acknowledged)

    def power_cut(self) -> None:
        self.files, self.journal = self.files.after_power_cut(), None

    def kill(self) -> None:
        """The process is gone, the system lives: what was written is still to be seen, on the disk or not."""
        self.files.held.clear()
        self.journal = None

    def random_step(self) -> None:
        random = self.files.random
        step = random.choice(("append",) * 6 + ("urgent", "sync", "sync", "mark", "retain", "reopen"))
        if step == "append":
            self.append(random.choice((0, 10, 300, 1500)))
        elif step == "urgent":
            self.append(20, urgent=True)
            self.acknowledge()
        elif step == "retain":
            self.retain(random.choice((4096, 12000)))
        elif step == "reopen":
            self.journal.close()
            self.acknowledge()
            self.open()
        elif step == "sync":
            self.sync()
        else:
            self.journal.mark()


def live_and_die(seed: int) -> int:
    """Several lives, each ended by a power cut at some change, some of them in the middle of a recovery; gives the cuts seen."""
    print(f"seed {seed}")
    life, cuts = Life(FaultyFiles(seed)), 0
    for _ in range(8):
        life.files.cut_at = life.files.random.randrange(1, 60)
        try:
            life.open()
            for _ in range(40):
                life.random_step()
        except PowerCut:
            cuts += 1
        life.power_cut()
    life.open()
    return cuts


@pytest.mark.usefixtures("writes")
@pytest.mark.parametrize("seed", range(20))
def test_fault_4_power_cuts_lose_nothing_acknowledged_and_leave_a_prefix(seed):
    assert live_and_die(seed) >= 1


@pytest.mark.usefixtures("writes")
@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1000))
def test_fault_4_power_cuts_a_thousand_seeds(seed):
    live_and_die(seed + 1000)


def everything_once(life: Life) -> None:
    """Every kind of change: beginning, appending, syncing, rolling, marking, retaining, closing, beginning again."""
    life.open()
    for turn in range(30):
        life.append(600)
        if turn % 3 == 0:
            life.sync()
    life.journal.mark()
    life.retain(5000)
    life.append(10)
    life.journal.close()
    life.acknowledge()
    life.open()


@pytest.mark.usefixtures("writes")
@pytest.mark.parametrize("part", range(4))
def test_fault_2_a_power_cut_at_every_single_change(part):
    undisturbed = Life(FaultyFiles())
    everything_once(undisturbed)
    total = undisturbed.files.steps
    assert total > 60
    for cut in range(1 + part, total + 1, 4):
        files = FaultyFiles(cut)
        files.cut_at = cut
        life = Life(files)
        with pytest.raises(PowerCut):
            everything_once(life)
        life.power_cut()
        life.open()
        life.append(10, urgent=True)


@pytest.mark.usefixtures("writes")
@pytest.mark.parametrize("seed", range(20))
def test_fault_3_a_power_cut_during_recovery_five_times_over(seed):
    life = Life(FaultyFiles(seed))
    life.open()
    for _ in range(20):
        life.append(900)
    life.sync()
    for _ in range(5):
        life.append(900)
    for cut in (1, 2, 3, 4, 5):
        life.power_cut()
        life.files.cut_at = cut
        try:
            life.open()
            life.journal = None
        except PowerCut:
            pass
    life.power_cut()
    life.open()
    assert life.acknowledged >= 20


@pytest.mark.parametrize("seed", range(20))
def test_what_a_killed_process_left_unsynced_is_durable_once_it_is_told_to_be(seed):
    life = Life(FaultyFiles(seed))
    life.open()
    for _ in range(6):
        life.append(300)
    life.kill()
    life.open()
    assert life.acknowledged == 6
    life.power_cut()
    life.open()


class LogAgainstAList(RuleBasedStateMachine):
    """append, sync, crash, recover, roll, retain, in any order."""

    @initialize(seed=st.integers(0, 10**6))
    def begin(self, seed):
        self.life = Life(FaultyFiles(seed))
        self.life.open()

    @rule(length=st.sampled_from((0, 5, 400, 3000)), urgent=st.booleans())
    def append(self, length, urgent):
        self.life.append(length, urgent=urgent)
        if urgent:
            self.life.acknowledge()

    @rule()
    def sync(self):
        self.life.sync()

    @rule()
    def mark(self):
        self.life.journal.mark()

    @rule(size=st.sampled_from((1, 5000, 20000)))
    def retain(self, size):
        self.life.retain(size)

    @rule()
    def power_cut(self):
        self.life.power_cut()
        self.life.open()

    @rule()
    def kill(self):
        self.life.kill()
        self.life.open()

    @rule(within=st.integers(1, 30))
    def power_cut_in_the_middle(self, within):
        self.life.files.cut_at = self.life.files.steps + within
        try:
            for _ in range(12):
                self.life.append(700, urgent=False)
                self.life.sync()
        except PowerCut:
            pass
        self.life.power_cut()
        self.life.open()

    @rule()
    def close_and_open(self):
        self.life.journal.close()
        self.life.acknowledge()
        self.life.open()

    @precondition(lambda self: self.life.journal is not None)
    @invariant()
    def what_is_read_is_what_was_written(self):
        journal = self.life.journal
        assert numbers(journal.read()) == list(range(journal.first, self.life.written + 1))
        assert self.life.acknowledged <= journal.synced <= journal.end


LogAgainstAList.TestCase.settings = settings(max_examples=tries(40), stateful_step_count=30, deadline=None)
TestLogAgainstAList = LogAgainstAList.TestCase


KILLED = """
import sys
from pipeline.journal import Journal, Limits
from pipeline.journal.payloads import alerts_record
from pipeline.alerts import Alert
journal = Journal.open(sys.argv[1], limits=Limits(group_bytes=3000, segment_bytes=20000))
while True:
    number = journal.end + 1
    journal.append(alerts_record([Alert(symbol="A", time=number, message="x" * (number % 500))]), urgent=number % 5 == 0)
    print(journal.synced, flush=True)
"""


@pytest.mark.parametrize("kills", [4, pytest.param(200, marks=pytest.mark.nightly)])
def test_fault_1_a_process_killed_at_any_time_loses_nothing_it_has_told_to_be_durable(kills, tmp_path):
    acknowledged, random = 0, Random(1)
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(random.randrange(1, 400)):
            acknowledged = int(process.stdout.readline())
        process.kill()
        rest = process.communicate()[0].split("\n")[:-1]
        acknowledged = int(rest[-1]) if rest else acknowledged
        with opened(None, tmp_path, acknowledged=acknowledged) as journal:
            assert numbers(journal.read()) == list(range(1, journal.end + 1))
            assert journal.end >= acknowledged > 0
