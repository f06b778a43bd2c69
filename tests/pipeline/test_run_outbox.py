"""The sinks of a run with a journal: when alerts leave, what ends with the run, and whose cursor is whose."""

import re
import threading
from pathlib import Path
from signal import SIGTERM

import pytest
from faulty_files import FaultyFiles
from runs import Above, Cut, Ups, every_cut, ticks_of

from pipeline import Strategy, alert_when, combine_latest, run
from pipeline.errors import JournalDamaged, UsageError
from pipeline.journal import Content, Journal, Keep, Limits
from pipeline.journal.configuration import config_of
from pipeline.journal.cursors import Cursor, Cursors
from pipeline.journal.payloads import alerts_of
from pipeline.journaling import Journaling
from pipeline.operators import moving_average
from pipeline.running import Run
from pipeline.sinks.callback import callback
from pipeline.sinks.memory import MemorySink

FOLDER = Path("/journal")
SMALL = Limits(group_bytes=1, segment_bytes=2_000)


class Anew(MemorySink):
    """As a Parquet file is: each run begins it anew."""

    anew = True


def test_an_alert_leaves_before_the_next_rows_come():
    """A paced replay, or a slow pipe: the sync of an alert does not wait for rows."""
    ticks, left = ticks_of(60), threading.Event()
    assert run(ticks[:50], Above()).alerts

    class Slow(Cut):
        def rows(self):
            first, rest = super().rows()
            yield first
            assert left.wait(10)
            yield rest

    made = Run(Slow(ticks, 50), Above(), journal=Journaling(FOLDER, files=FaultyFiles()))
    made.on_alerts = lambda alerts: left.set()
    assert made.go().ticks == 60


def test_what_fails_on_the_thread_of_the_journal_ends_the_run_and_its_sinks_are_closed():
    class Closed(MemorySink):
        closed = 0

        def close(self):
            self.closed += 1

    sink, before = Closed(), set(threading.enumerate())
    made = Run(Cut(ticks_of(60), *every_cut(60)), Above(), journal=Journaling(FOLDER, files=FaultyFiles()))
    made.on_alerts = lambda alerts: 1 // 0
    with pytest.raises(ZeroDivisionError):
        made.go([sink])
    assert sink.closed == 1
    assert not made.broker.is_heard
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rxtape") and thread not in before]


def test_a_signal_during_recovery_ends_the_run_well_and_the_next_one_goes_on():
    ticks, files = ticks_of(100), FaultyFiles()
    run(ticks[:60], Above(), journal=Journaling(FOLDER, snapshot_rows=10**9, files=files))
    for name in [name for name in files.names(FOLDER) if name.endswith(".snapshot")]:
        files.remove(FOLDER / name)
    made = Run(ticks, Above(), journal=Journaling(FOLDER, files=files))
    made._batches.stopped_by = SIGTERM
    report = made.go()
    assert (report.stopped_by, report.ticks, report.incomplete) == (SIGTERM, 0, None)
    assert run(ticks, Above(), journal=Journaling(FOLDER, files=files)).ticks == 40


def first(alert):
    HEARD["first"].append(alert.id)


def second(alert):
    HEARD["second"].append(alert.id)


HEARD: dict[str, list[str]] = {"first": [], "second": []}


def test_sinks_are_known_by_name_in_whatever_order_they_are_given():
    ticks, how = ticks_of(120), Journaling(FOLDER, files=FaultyFiles())
    run(ticks[:60], Above(), sinks=[callback(first)], journal=how)
    run(ticks, Above(), sinks=[callback(second), callback(first)], journal=how)
    expected = [alert.id for alert in run(ticks, Above()).alerts]
    assert HEARD["first"] == expected
    assert HEARD["second"] == expected[-len(HEARD["second"]) :] != expected


def test_two_sinks_of_one_name_are_refused_where_a_journal_must_tell_them_apart():
    ticks, how = ticks_of(60), Journaling(FOLDER, files=FaultyFiles())
    with pytest.raises(UsageError, match=r"two sinks are called callback:.*<lambda>.* `label`"):
        run(ticks, Above(), sinks=[callback(lambda alert: None), callback(lambda alert: None)], journal=how)
    with pytest.raises(UsageError, match="two sinks are called MemorySink"):
        run(ticks, Above(), sinks=[MemorySink(), MemorySink()], journal=how)
    heard: list[str] = []
    sinks = [callback(lambda alert, name=name: heard.append(name), label=name) for name in ("mail", "phone")]
    report = run(ticks, Above(), sinks=sinks, journal=how)
    assert sorted(heard) == ["mail"] * len(report.alerts) + ["phone"] * len(report.alerts)


def test_a_slow_sink_gets_everything_at_the_end_of_a_tape(monkeypatch):
    """It moves, so it is waited for, longer than a sink that does not."""
    from pipeline.journal.alert_sink import Patience

    class Slow(MemorySink):
        def write(self, alerts):
            threading.Event().wait(0.01)
            super().write(alerts)

    slow, ticks = Slow(), ticks_of(200)
    monkeypatch.setattr("pipeline.journal.follower.MOST_TOGETHER", 1)
    Cursors(FOLDER, files := FaultyFiles()).save(Cursor("Slow", 1))
    report = run(ticks, Above(), sinks=[slow], journal=Journaling(FOLDER, files=files, patience=Patience(at_end=0.4)))
    assert len(slow.alerts) == len(report.alerts) > 40
    assert report.undelivered == {}


def test_retention_and_opening_ask_every_cursor(monkeypatch):
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", SMALL)
    ticks, files = ticks_of(200), FaultyFiles()
    how = Journaling(FOLDER, snapshot_rows=20, keep=Keep(size=1), files=files)
    Cursors(FOLDER, files).save(Cursor("absent", 1))
    run(Cut(ticks[:60], *range(5, 60, 5)), Above(), journal=how)
    assert first_frame(files) == 1
    before = files.copy()
    run(Cut(ticks[:120], *range(5, 120, 5)), Above(), journal=how)
    assert first_frame(files) == 1
    Cursors(FOLDER, before).save(Cursor("absent", 10**6))
    with pytest.raises(JournalDamaged, match="acknowledged"):
        run(ticks, Above(), journal=Journaling(FOLDER, files=before))
    Cursors(FOLDER, files).forget("absent")
    run(Cut(ticks, *range(5, 200, 5)), Above(), journal=how)
    assert first_frame(files) > 1


def test_a_log_is_shortened_by_a_run_without_new_rows_once_what_it_was_kept_for_is_forgotten(monkeypatch):
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", SMALL)
    files, feed = FaultyFiles(), Cut(ticks_of(120), *range(5, 120, 5))
    how = Journaling(FOLDER, snapshot_rows=20, keep=Keep(size=1), files=files)
    Cursors(FOLDER, files).save(Cursor("absent", 1))
    report = run(feed, Above(), journal=how)
    assert first_frame(files) == 1
    assert (run(feed, Above(), journal=how).ticks, first_frame(files)) == (0, 1)
    Cursors(FOLDER, files).forget("absent")
    assert run(feed, Above(), journal=how).ticks == 0
    assert first_frame(files) > 1
    assert len(report.alerts) > 30
    assert run(feed, Above(), journal=how).incomplete is None


def test_a_log_is_shortened_at_the_end_when_its_sinks_have_got_everything(monkeypatch):
    """Until then a slow one keeps it."""
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", SMALL)

    class Late(MemorySink):
        def write(self, alerts):
            assert ended.wait(10)
            super().write(alerts)

    files, ended, late = FaultyFiles(), threading.Event(), Late()
    Cursors(FOLDER, files).save(Cursor("Late", 1))
    made = Run(Cut(ticks_of(120), *range(5, 120, 5)), Above(), journal=Journaling(FOLDER, snapshot_rows=20, keep=Keep(size=1), files=files))
    made.tape.subscribe(on_completed=ended.set)
    report = made.go([late])
    assert len(late.alerts) == len(report.alerts) > 30
    assert first_frame(files) > 20


class Two(Strategy):
    """A rule that forgets, and one of each symbol's first row, which nobody tells twice."""

    margin: float = 0.0

    def alerts(self, ticks):
        average = combine_latest(average=ticks.pipe(moving_average(40)))
        slow = combine_latest(average=ticks.pipe(moving_average(3))).pipe(alert_when(lambda s: s.price > 0, name="slow"))
        return [average.pipe(alert_when(lambda s: s.price > s.average + self.margin, name="fast")), slow]


@pytest.mark.parametrize("plan", [[(200, 0.0), (200, 0.5), (300, 0.0)], [(200, 0.0), (200, 0.5), (200, 0.0)]])
def test_rows_that_a_log_has_had_are_judged_once_also_when_none_is_left_in_it(plan, monkeypatch):
    """A changed strategy without new rows makes a snapshot at the very end, and retention takes all rows."""
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", SMALL)
    ticks, files, new = ticks_of(300), FaultyFiles(), []
    how = Journaling(FOLDER, snapshot_rows=20, keep=Keep(size=1), files=files)
    for rows, margin in plan:
        report = run(Cut(ticks[:rows], *range(5, rows, 5)), Two(margin=margin), journal=how)
        new.append(report.ticks)
    assert new == [200, 0, plan[-1][0] - 200]


def test_a_run_that_is_refused_makes_no_snapshot_and_removes_nothing(monkeypatch):
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", Limits(group_bytes=1, segment_bytes=12_000))
    ticks, files, found = ticks_of(300), FaultyFiles(), []
    how = Journaling(FOLDER, snapshot_rows=20, keep=Keep(size=1), files=files)
    for rows in (100, 200):
        found += run(Cut(ticks[:rows], *range(5, rows, 5)), Two(), journal=how).alerts
    before = sorted(files.names(FOLDER))
    assert "has 50 rows" in str(run(Cut(ticks[:50], 5), Two(margin=0.5), journal=how).incomplete)
    assert sorted(files.names(FOLDER)) == before
    found += run(Cut(ticks, *range(5, 300, 5)), Two(), journal=how).alerts
    assert {alert.id for alert in found} == {alert.id for alert in run(ticks, Two()).alerts}


def test_a_changed_strategy_on_a_log_whose_beginning_is_gone_counts_its_rows_on(monkeypatch):
    from test_run_journal import recorded_in

    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", SMALL)
    ticks, files = ticks_of(200), FaultyFiles()
    how = Journaling(FOLDER, snapshot_rows=20, keep=Keep(size=1), files=files)
    run(Cut(ticks[:150], *range(5, 150, 5)), Above(), journal=how)
    assert first_frame(files) > 1
    report = run(Cut(ticks, *range(5, 200, 5)), Above(margin=0.001), journal=how)
    assert (report.incomplete, report.ticks) == (None, 50)
    expected = [alert.id for alert in run(ticks, Above(margin=0.001)).alerts if alert.order.seq >= 150]
    recorded = [alert.id for alert in recorded_in(files)]
    assert recorded == expected[-len(recorded) :] != []
    assert run(ticks, Above(margin=0.001), journal=how).ticks == 0


def first_frame(files: FaultyFiles) -> int:
    return min(int("".join(filter(str.isdigit, name))) for name in files.names(FOLDER) if name.endswith(".log"))


@pytest.mark.parametrize(("strategy", "sinks", "by"), [(Ups(), [], "plain Rx"), (Above(), [Anew()], "writes anew"), (Above(), [], "")])
def test_a_log_that_cannot_be_kept_short_is_told_once(strategy, sinks, by, monkeypatch):
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", SMALL)
    said, files = [], FaultyFiles()
    made = Run(
        Cut(ticks_of(100), *range(5, 100, 5)), strategy, journal=Journaling(FOLDER, snapshot_rows=20, keep=Keep(size=1), files=files)
    )
    made.on_oddity = lambda what: said.append(str(what))
    made.go(sinks)
    assert (first_frame(files) == 1) == bool(by) == bool(said)
    assert not by or [bool(re.search(f"nothing of /journal is removed.*{by}", what)) for what in said] == [True]


def test_what_a_run_was_told_is_in_its_journal_whenever_that_has_changed():
    ticks, files = ticks_of(100), FaultyFiles()
    how = Journaling(FOLDER, files=files)
    for rows, more in ((40, {}), (60, {}), (80, {"lateness": "3s", "late": "clamp"}), (100, {"lateness": "3s", "late": "clamp"})):
        run(ticks[:rows], Above(), journal=how, **more)
    with Journal.open(FOLDER, files=files) as journal:
        told = [config_of(frame).settings for frame in journal.read() if frame.content is Content.CONFIG]
    assert [(each["late"], each["lateness"]) for each in told[:1]] == [("fail", "0s")]
    assert [(each["late"], each["lateness"]) for each in told[-1:]] == [("clamp", "3s")]


def test_nothing_is_kept_for_a_reader_who_has_left_and_he_begins_again_where_the_log_does(monkeypatch):
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", SMALL)
    ticks, files, sink, said = ticks_of(200), FaultyFiles(), MemorySink(), []
    how = Journaling(FOLDER, snapshot_rows=20, keep=Keep(size=1), files=files)
    Cursors(FOLDER, files).save(Cursor("MemorySink", 1, status="left"))
    run(Cut(ticks[:150], *range(5, 150, 5)), Above(), journal=how)
    begins = first_frame(files)
    assert begins > 1
    made = Run(ticks, Above(), journal=Journaling(FOLDER, files=files))
    made.on_oddity = lambda what: said.append(str(what))
    made.go([sink])
    with Journal.open(FOLDER, files=files) as journal:
        there = [alert.id for frame in journal.read(begins) if frame.content is Content.ALERTS for alert in alerts_of(frame)]
    assert [alert.id for alert in sink.alerts] == there
    assert said == [f"MemorySink goes on with frame {begins:,} of the journal; what was before it since frame 1 is gone"]
    assert Cursors(FOLDER, files).of("MemorySink").status == "well"


@pytest.mark.parametrize("checked", [1 << 30, 0])
def test_fault_12_a_flipped_byte_before_every_snapshot_refuses_a_restart_of_a_log_that_is_not_huge(checked, monkeypatch):
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", SMALL)
    monkeypatch.setattr("pipeline.journaling.CHECKED", checked)
    monkeypatch.setattr("pipeline.journal.reading.LOOKED_BACK", 2)
    ticks, files = ticks_of(200), FaultyFiles()
    run(Cut(ticks[:150], *range(5, 150, 5)), Above(), journal=Journaling(FOLDER, snapshot_rows=20, files=files))
    files.files[FOLDER / f"{1:020d}.log"].live[700] ^= 1
    if checked:
        with pytest.raises(JournalDamaged, match=r"00000000000000000001.log at byte"):
            run(ticks, Above(), journal=Journaling(FOLDER, files=files))
    else:
        assert run(ticks, Above(), journal=Journaling(FOLDER, files=files)).ticks == 50
