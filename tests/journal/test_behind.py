"""Writing behind: in order, bounded, and every error comes out."""

import errno
import threading
from functools import partial
from time import monotonic_ns

import pytest
from faulty_files import FaultyFiles
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import numbers, opened, said
from tries import tries

from pipeline.errors import JournalBroken, JournalError
from pipeline.journal import Limits
from pipeline.journal.behind import WriteBehind


@settings(max_examples=tries(60), deadline=None)
@given(st.lists(st.sampled_from(["append", "drain", "told"]), max_size=40), st.integers(1, 4))
def test_everything_is_appended_once_in_order_and_told_when_it_is_durable(steps, depth):
    journal = opened(FaultyFiles())
    behind, told, count = WriteBehind(journal, depth), [], 0
    for step in steps:
        if step == "drain":
            behind.drain()
            assert journal.end == count
            journal.sync()
        else:
            count += 1
            then = (lambda frame, number=count: told.append((number, journal.synced >= number))) if step == "told" else None
            behind.append(partial(said, count), then)
    behind.drain()
    journal.sync()
    behind.close()
    assert numbers(journal.read()) == list(range(1, count + 1))
    wanted = [number for number, step in enumerate([step for step in steps if step != "drain"], 1) if step == "told"]
    assert told == [(number, True) for number in wanted]


class Slowed:
    """A journal whose appends first do what they are told."""

    def __init__(self, *before) -> None:
        self.journal, self.before = opened(FaultyFiles()), list(before)

    def __getattr__(self, name):
        return getattr(self.journal, name)

    def append(self, record):
        if self.before:
            self.before.pop(0)()
        return self.journal.append(record)


def nothing():
    """Go on."""


def test_an_error_comes_out_of_the_next_call_and_nothing_is_appended_after_it():
    journal = Slowed(nothing, lambda: 1 // 0)
    behind = WriteBehind(journal)
    behind.append(partial(said, 1))
    behind.append(partial(said, 2))
    with pytest.raises(ZeroDivisionError):
        behind.drain()
    with pytest.raises(ZeroDivisionError):
        behind.append(partial(said, 3))
    behind.close()
    assert numbers(journal.journal.read()) == [1]


def test_fault_26_a_disk_that_hangs_holds_back_what_comes_and_ends_the_run():
    hangs, made, told = threading.Event(), [], []
    behind = WriteBehind(Slowed(hangs.wait), depth=2, patience=0.05)

    def overfill():
        for number in range(1, 9):
            behind.append(partial(said, number), told.append)
            made.append(number)

    with pytest.raises(JournalError, match=r"the disk took nothing for 0\.05 s"):
        overfill()
    assert len(made) <= 4  # one is under way, two wait, one may have been taken before
    with pytest.raises(JournalError):
        behind.drain()
    behind.close()
    hangs.set()
    behind._thread.join()
    assert behind.journal.end == 1  # what was under way; of the rest nothing is appended, nobody told
    behind.journal.sync()
    assert told == []


def test_fault_26_a_slow_disk_is_waited_for_as_long_as_it_takes_anything():
    pause = threading.Event()
    journal = Slowed(*[lambda: pause.wait(0.05)] * 7)
    behind = WriteBehind(journal, depth=1, patience=0.2)
    for number in range(1, 8):
        behind.append(partial(said, number))  # longer than patience in all
    behind.drain()
    behind.close()
    assert numbers(journal.journal.read()) == list(range(1, 8))


def test_what_waits_for_a_sync_leaves_while_no_rows_come():
    journal, left = opened(FaultyFiles(), limits=Limits(group_ns=1_000_000), clock_ns=monotonic_ns), threading.Event()
    behind = WriteBehind(journal)
    behind.append(partial(said, 1), lambda frame: left.set())
    assert left.wait(5)
    behind.close()


def test_a_sync_that_fails_while_no_rows_come_ends_the_thread_and_comes_out_of_the_next_call():
    files = FaultyFiles()
    journal = opened(files, limits=Limits(group_ns=1_000_000), clock_ns=monotonic_ns)
    behind = WriteBehind(journal)
    behind.append(partial(said, 1))
    behind.drain()
    journal.sync()
    files.turns.clear()
    files.failing["sync"] = (1, errno.EIO)
    behind.append(partial(said, 2))
    behind._thread.join(5)
    assert not behind._thread.is_alive()
    with pytest.raises(JournalBroken):
        behind.append(partial(said, 3))
    behind.close()
