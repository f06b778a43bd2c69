"""Writing behind: in order, bounded, and every error comes out."""

import threading

import pytest
from faulty_files import FaultyFiles
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import numbers, opened, said
from tries import tries

from pipeline.errors import JournalError
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
            behind.append(lambda number=count: said(number), then)
    behind.drain()
    journal.sync()
    behind.close()
    assert numbers(journal.read()) == list(range(1, count + 1))
    wanted = [number for number, step in enumerate([step for step in steps if step != "drain"], 1) if step == "told"]
    assert told == [(number, True) for number in wanted]


def test_an_error_comes_out_of_the_next_call_and_nothing_is_appended_after_it():
    journal = opened(FaultyFiles())
    behind = WriteBehind(journal)
    behind.append(lambda: said(1))
    behind.append(lambda: said(1 // 0))
    with pytest.raises(ZeroDivisionError):
        behind.drain()
    with pytest.raises(ZeroDivisionError):
        behind.append(lambda: said(2))
    behind.close()
    assert numbers(journal.read()) == [1]


def test_fault_26_a_disk_that_hangs_holds_back_what_comes_and_ends_the_run():
    journal, hangs = opened(FaultyFiles()), threading.Event()
    behind = WriteBehind(journal, depth=2, patience=0.05)
    behind.append(lambda: (hangs.wait(), said(1))[1])
    made = []

    def overfill():
        for number in range(2, 9):
            behind.append(lambda number=number: said(number))
            made.append(number)

    with pytest.raises(JournalError, match=r"the disk took nothing for 0\.05 s"):
        overfill()
    assert len(made) <= 3  # two wait, one may have been taken before
    with pytest.raises(JournalError):
        behind.drain()
    behind.close()
    hangs.set()


def test_fault_26_a_slow_disk_is_waited_for_as_long_as_it_takes_anything():
    journal, pause = opened(FaultyFiles()), threading.Event()
    behind = WriteBehind(journal, depth=1, patience=0.2)
    for number in range(1, 8):
        behind.append(lambda number=number: (pause.wait(0.05), said(number))[1])  # longer than patience in all
    behind.drain()
    behind.close()
    assert numbers(journal.read()) == list(range(1, 8))
