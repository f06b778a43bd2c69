"""The outbox, judged by one oracle: what a sink holds after any faults is what the journal says, in order, none twice."""

import threading

import pytest
from faulty_files import FaultyFiles, PowerCut
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import opened
from sinks_under_test import OPENED, Kept, alert, follow, ids_in, told
from tries import tries

from pipeline.errors import JournalDamaged, ReaderLeft, Refused
from pipeline.journal import Keep
from pipeline.journal.alert_sink import Patience
from pipeline.journal.cursors import Cursor, Cursors
from pipeline.journal.dead import DeadLetters
from pipeline.journal.outbox import Outbox
from pipeline.journal.payloads import alerts_of, alerts_record
from pipeline.journal.repair import repair
from pipeline.sinks.callback import CallbackSink


@pytest.mark.parametrize("kind", OPENED)
@settings(max_examples=tries(40), deadline=None)
@given(lives=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 14)), min_size=1, max_size=5), seed=st.integers(0, 1000))
def test_fault_2_killed_between_any_two_steps_a_sink_holds_each_alert_once(kind, lives, seed, tmp_path_factory):
    """What a sink writes is there at once; the cursor's file is on a disk that loses what was not synced."""
    path, files, count = tmp_path_factory.mktemp("sink") / f"alerts.{kind}", FaultyFiles(seed), 0
    for more, steps in lives:
        journal = opened(files)
        told(journal, count + more, count + 1)
        count += more
        files.cut_at = files.steps + steps
        try:
            follow(journal, OPENED[kind](path), f"{kind}:alerts")
            journal.close()
        except PowerCut:
            files = files.after_power_cut()
        files.cut_at = -1
        files.held.clear()
    journal = opened(files)
    follow(journal, OPENED[kind](path), f"{kind}:alerts")
    assert ids_in(kind, path) == [alert(number).id for number in range(1, count + 1)]


@given(failing=st.sets(st.integers(1, 40), max_size=25), count=st.integers(1, 20))
@settings(max_examples=tries(60), deadline=None)
def test_fault_60_a_sink_that_raises_now_and_then_gets_everything_once(failing, count):
    journal = opened(FaultyFiles())
    sink = Kept({call: OSError("not now") for call in failing})
    cursors = Cursors(journal.folder, journal.files)
    cursors.save(Cursor("kept", 1))
    told(journal, count)
    follower, _, pauses = follow(journal, sink, until=1e9)
    assert sink.written == [alert(number).id for number in range(1, count + 1)]
    assert follower.owed == 0
    assert len(pauses) == len([call for call in failing if call <= sink.calls])
    assert all(0 < pause <= 30 for pause in pauses)


def test_fault_60_pauses_double_with_jitter_up_to_the_longest_and_an_outage_is_told_once():
    journal = opened(FaultyFiles())
    Cursors(journal.folder, journal.files).save(Cursor("kept", 1))
    told(journal, 1)
    sink = Kept({call: OSError("down") for call in range(1, 15)})
    said = []
    _, faults, pauses = follow(journal, sink, until=1e9, patience=Patience(first=1.0, longest=20.0, trips=3), say=said.append)
    assert [error.args for _, error in faults] == [("down",)]
    assert said == ["kept takes alerts again, after 14 failures"]
    wanted = [1, 2, 4, 8, 16] + [20] * 9
    assert all(0.5 * most <= pause <= most for pause, most in zip(pauses, wanted, strict=True))
    assert len({pause / most for pause, most in zip(pauses, wanted, strict=True)}) > 5
    assert Cursors(journal.folder, journal.files).of("kept").status == "well"


def test_fault_60_what_is_refused_for_good_is_set_aside_and_the_others_get_through():
    class Picky(Kept):
        def write(self, alerts):
            if any(each.id == "id0004" for each in alerts):
                raise Refused("400 Bad Request")
            super().write(alerts)

    journal, sink = opened(FaultyFiles()), Picky()
    Cursors(journal.folder, journal.files).save(Cursor("kept", 1))
    told(journal, 9)
    follower, faults, pauses = follow(journal, sink)
    assert sink.written == [alert(number).id for number in range(1, 10) if number != 4]
    assert [(letter.alert, letter.error, letter.attempts) for letter in follower.dead] == [(alert(4), "Refused: 400 Bad Request", 1)]
    assert (faults, pauses) == ([], [])
    cursor = follower.cursors.of("kept")
    assert (cursor.delivered, cursor.dead) == (8, 1)


def test_fault_6_a_sink_that_hangs_holds_the_end_up_no_longer_than_its_time_and_gets_its_alerts_next_time(tmp_path):
    journal, hangs = opened(folder=tmp_path / "journal"), threading.Event()

    class Hanging(Kept):
        def write(self, alerts):
            hangs.wait()
            super().write(alerts)

    Cursors(journal.folder, journal.files).save(Cursor("stuck", 1))
    Cursors(journal.folder, journal.files).save(Cursor("well", 1))
    told(journal, 7)
    well = Kept()
    outbox = Outbox(journal, {"stuck": Hanging(), "well": well}, lambda *fault: None, Patience(at_end=0.1))
    assert outbox.close() == {"stuck": 7}
    assert well.written == [alert(number).id for number in range(1, 8)]
    told(journal, 9, 8)
    again = Kept()
    follow(journal, again, "stuck")
    assert again.written == [alert(number).id for number in range(1, 10)]
    cursor = outbox.cursors.of("stuck")
    hangs.set()
    outbox.followers["stuck"]._thread.join()
    assert outbox.cursors.of("stuck") == cursor


def test_fault_61_a_slow_sink_is_fed_from_the_log_and_holds_nothing_up(tmp_path):
    journal, may = opened(folder=tmp_path / "journal"), threading.Semaphore(0)

    class Slow(Kept):
        def write(self, alerts):
            may.acquire()
            super().write(alerts)

    slow, quick = Slow(), Kept()
    outbox = Outbox(journal, {"slow": slow, "quick": quick}, lambda *fault: None, capacity=20)
    for number in range(1, 401):
        outbox.offer(journal.append(alerts_record([alert(number)]), urgent=True), [alert(number)])
        assert outbox.followers["slow"]._queued <= 20
    may.release(1000)
    assert outbox.close() == {}
    assert slow.written == quick.written == [alert(number).id for number in range(1, 401)]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("what", ["deleted", "rotated", "shorter", "torn", "other", "longer"])
def test_fault_64_a_file_that_is_not_what_it_was_is_written_anew_and_one_that_is_longer_is_cut(kind, what, tmp_path):
    path, journal, said = tmp_path / f"alerts.{kind}", opened(FaultyFiles()), []
    told(journal, 9)
    follow(journal, OPENED[kind](path), kind)
    before = path.read_bytes()
    if what == "deleted":
        path.unlink()
    elif what == "rotated":
        path.rename(tmp_path / "old")
    elif what == "shorter":
        path.write_bytes(before[:-200])
    elif what == "torn":
        path.write_bytes(before[:-1])
    elif what == "other":
        path.write_bytes(before[:-9] + b"tampered!")
    else:
        path.write_bytes(before + b'{"half')
    told(journal, 15, 10)
    follow(journal, OPENED[kind](path), kind, say=lambda what: said.append(str(what)))
    assert ids_in(kind, path) == [alert(number).id for number in range(1, 16)]
    assert path.read_bytes()[: len(before)] == before
    assert bool(said) == (what != "longer")


def test_a_console_begins_with_what_comes_and_a_file_with_all_there_is(tmp_path):
    journal, sink = opened(FaultyFiles()), Kept()
    told(journal, 5)
    follower, _, _ = follow(journal, sink)
    assert (sink.written, sink.closed, follower.owed) == ([], 1, 0)
    told(journal, 8, 6)
    follow(journal, sink)
    assert sink.written == ["id0006", "id0007", "id0008"]


def test_a_reader_who_has_left_is_owed_nothing():
    journal = opened(FaultyFiles())
    Cursors(journal.folder, journal.files).save(Cursor("kept", 1))
    told(journal, 3)
    follower, faults, _ = follow(journal, Kept({1: ReaderLeft("nobody reads")}))
    assert (follower.owed, len(faults)) == (0, 1)
    assert follower.cursors.of("kept").status == "left"


def test_retention_never_goes_past_a_cursor_also_of_a_sink_that_is_not_there():
    journal = opened(FaultyFiles())
    Cursors(journal.folder, journal.files).save(Cursor("absent", 12))
    for first in range(1, 300, 20):
        told(journal, first + 19, first)
    follow(journal, Kept())
    outbox = Outbox(journal, {}, lambda *fault: None)
    assert outbox.least() == 11
    journal.retain(Keep(size=1), outbox.least())
    assert journal.first <= 12
    outbox.cursors.forget("absent")
    journal.retain(Keep(size=1), outbox.least())
    assert journal.first > 12


def test_fault_14_a_log_that_ends_before_what_a_sink_has_seen_is_refused():
    files = FaultyFiles()
    journal = opened(files)
    told(journal, 9)
    journal.close()
    backup = files.copy()
    journal = opened(files)
    told(journal, 20, 10)
    cursors = Cursors(journal.folder, files)
    cursors.save(Cursor("kept", journal.end + 1))
    journal.close()
    for path, content in files.files.items():
        if path.parent.name == "cursors":
            backup.files[path] = content
    with pytest.raises(JournalDamaged, match="acknowledged"):
        opened(backup, acknowledged=Cursors(journal.folder, backup).seen())


def test_fault_60_alerts_that_come_meanwhile_do_not_cut_a_pause_short(tmp_path):
    journal, tries = opened(folder=tmp_path / "journal"), []

    class Down(Kept):
        def write(self, alerts):
            tries.append(len(alerts))
            raise OSError("down")

    outbox = Outbox(journal, {"down": Down()}, lambda *fault: None, Patience(first=3600, longest=3600, at_end=0.0))
    for number in range(1, 101):
        outbox.offer(journal.append(alerts_record([alert(number)]), urgent=True), [alert(number)])
    assert outbox.close() == {"down": 100}
    assert len(tries) <= 2  # the first, and the one at the end


def test_fault_60_a_dead_letter_after_a_torn_one_is_kept():
    journal = opened(FaultyFiles())
    cursors = Cursors(journal.folder, journal.files)
    cursors.save(Cursor("kept", 1))
    DeadLetters(cursors.folder, "kept", cursors.files).add(alert(1), "kept", Refused("no"))
    letters = DeadLetters(cursors.folder, "kept", cursors.files)
    file = cursors.files.append_to(letters.path, new=False)
    file.write(b'{"sink":"kept","er')
    file.sync()
    file.close()
    for number in (2, 3):
        letters.add(alert(number), "kept", Refused("no"))
    assert [letter.alert for letter in letters] == [alert(1), alert(2), alert(3)]
    assert letters.files.read(letters.path).count(b"\n") == 4


def test_fault_60_those_beside_a_refused_alert_are_given_to_a_callback_once():
    journal, seen = opened(FaultyFiles()), []

    def take(given):
        if given.id == "id0003":
            raise Refused("not this one")
        seen.append(given)

    Cursors(journal.folder, journal.files).save(Cursor("callback", 1))
    journal.append(alerts_record([alert(number) for number in range(1, 6)]), urgent=True)
    follow(journal, CallbackSink(take), "callback")
    assert seen == [alert(number) for number in (1, 2, 4, 5)]


def test_fault_21_a_file_that_cannot_be_ended_is_owed_all_that_would_be_in_it():
    class Whole(Kept):
        anew = True

        def flush(self):
            raise OSError("no room")

    journal = opened(FaultyFiles())
    told(journal, 5)
    follower, faults, _ = follow(journal, Whole())
    assert (follower.owed, [str(error) for _, error in faults]) == (5, ["no room"])


@pytest.mark.parametrize("kind", OPENED)
def test_after_a_repair_every_sink_goes_on_with_what_the_log_says(kind, tmp_path):
    """The frames that were cut were delivered already; other alerts have their numbers now."""
    files, path = FaultyFiles(), tmp_path / f"alerts.{kind}"
    journal = opened(files)
    told(journal, 9)
    follow(journal, OPENED[kind](path), kind)
    journal.close()
    repair(journal.folder, 2, files=files)
    left = [alert.id for frame in opened(files).reader(1).frames(2) for alert in alerts_of(frame)]
    files.held.clear()
    journal = opened(files, acknowledged=Cursors(journal.folder, files).seen())
    told(journal, 25, 20)
    follow(journal, OPENED[kind](path), kind, say=print)
    new, before = [alert(number).id for number in range(20, 26)], [alert(number).id for number in range(1, 10)]
    assert ids_in(kind, path) == ([*before, *new] if kind == "sqlite" else [*left, *new])
