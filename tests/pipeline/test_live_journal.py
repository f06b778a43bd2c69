"""A live run with a journal: it goes on after any end, and what it said is what its journal gives."""

import asyncio
import threading
from pathlib import Path

import msgspec
from faulty_files import FaultyFiles, PowerCut
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_venue import START, live_feed, trade
from test_live import Above
from tries import tries

from feeds.live.arrivals import StateChange
from pipeline import run
from pipeline.journal import Content, Journal
from pipeline.journal.payloads import alerts_of, ticks_of
from pipeline.journaling import THE_DISK, Journaling
from pipeline.live import Live
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks

FOLDER = Path("/journal")
SECOND = 1_000_000_000


def spoken(files, script, journal=None):
    """The report of a live run of a script with a journal, and what its subscribers heard."""

    async def go():
        how = journal or Journaling(FOLDER, snapshot_rows=7, snapshot_every="1d", files=files)
        live = Live(live_feed(script), Above(), journal=how)
        heard = []
        live.alerts.subscribe(heard.append)
        try:
            await live.start()
            await live.wait()
        finally:
            heard_until.append(heard)
        return await live.stop(), heard

    heard_until: list[list] = []
    try:
        return asyncio.run(go())
    except PowerCut:
        return None, heard_until[0]


def prices(first, *values):
    """A script that says prices of A, one a second, numbered from `first`."""

    async def script(arrivals, streams):
        arrivals.changed(StateChange("acme/1", "live", "", 0.0))
        for number, price in enumerate(values, first):
            arrivals.said("acme/1", START + number * SECOND, [trade(number, seconds=number, price=price)])
            await asyncio.sleep(0)

    return script


def held(files):
    """The rows and the alerts of a journal."""
    symbols, rows, alerts = SymbolTable(), [], []
    with Journal.open(FOLDER, files=files, on_warning=lambda warning: None) as journal:
        for frame in journal.read():
            if frame.content is Content.TICKS:
                rows.append(ticks_of(frame, symbols))
            elif frame.content is Content.ALERTS:
                alerts += alerts_of(frame)
    return Ticks.concat(rows), alerts


def encoded(alerts):
    return [msgspec.msgpack.encode(alert) for alert in alerts]


def test_a_run_goes_on_where_the_one_before_ended_and_says_that_it_was_away():
    files = FaultyFiles()
    _, first = spoken(files, prices(1, 10.0, 11.0, 12.0))
    report, second = spoken(files, prices(5, 13.0, 9.0, 14.0))
    ticks, alerts = held(files)
    assert ticks.seq.tolist() == list(range(len(ticks)))
    assert [Kind(kind).name for kind in ticks.kind.tolist()] == ["TRADE"] * 3 + ["GAP"] + ["TRADE"] * 3
    assert encoded(first + second) == encoded(alerts) == encoded(run(ticks, Above(), late="clamp").alerts)
    assert any(alert.degraded for alert in second)
    assert report.of_feed[-1][1].startswith("went on after row 3 of /journal")


def test_fault_48_what_a_venue_repeats_to_the_next_run_is_known_from_the_journal():
    files = FaultyFiles()
    spoken(files, prices(1, 10.0, 11.0, 12.0))
    report, heard = spoken(files, prices(2, 11.0, 12.0, 13.0, 9.0))
    ticks, alerts = held(files)
    assert [number for number in ticks.columns["trade_id"].tolist() if number >= 0] == [1, 2, 3, 4, 5]
    assert ("feed", "4 frames, 2 trades, 1 gaps, 2 duplicates") in report.of_feed
    assert encoded(alerts) == encoded(run(ticks, Above(), late="clamp").alerts)
    assert heard


@settings(max_examples=tries(60), deadline=None)
@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=12), min_size=1, max_size=4), st.integers(0, 10**6), st.integers(1, 60))
def test_fault_2_whatever_ends_live_runs_their_journal_gives_the_alerts_that_were_told(lives, seed, steps):
    """Each life but the last is cut off at some change of the disk; whatever was heard is in the journal, once."""
    files, heard, number = FaultyFiles(seed), [], 1
    for turn, values in enumerate(lives):
        files.cut_at = files.steps + steps if turn < len(lives) - 1 else -1
        report, told = spoken(files, prices(number, *map(float, values)))
        heard += told
        number += len(values) + turn
        if report is None:
            files = files.after_power_cut()
    ticks, alerts = held(files)
    assert encoded(alerts) == encoded(run(ticks, Above(), late="clamp").alerts)
    kept = encoded(alerts)
    assert all(kept.count(each) == 1 for each in encoded(heard))
    assert encoded(heard) == [each for each in kept if each in encoded(heard)]


def test_fault_26_a_disk_that_hangs_is_told_while_it_holds_a_live_run_up():
    files, told, hangs = FaultyFiles(), threading.Event(), []

    def hold(what, *args, happens=files.happens):
        if what == "sync" and any(thread.name == "rxtape-watchdog" for thread in threading.enumerate()):
            assert told.wait(10)
        return happens(what, *args)

    def on_hang(hang):
        hangs.append(hang)
        if hang.owner == THE_DISK:
            told.set()

    async def go():
        live = Live(live_feed(prices(1, 10.0, 11.0, 12.0)), Above(), journal=Journaling(FOLDER, files=files), on_hang=on_hang)
        live.run._watchdog.limit = 0.05
        files.happens = hold
        await live.start()
        await live.wait()
        return await live.stop()

    report = asyncio.run(go())
    assert "the journal's disk has been busy" in str(next(hang for hang in hangs if hang.owner == THE_DISK))
    assert report.hangs == hangs
    assert encoded(held(files)[1])


def test_a_venue_that_serves_a_tape_of_the_past_has_its_time_after_a_restart_too():
    """What it says arrives a day later than it was; the GAP of the time between two runs is no reason to call it late."""
    day = 86_400 * SECOND

    def script(first, *values):
        async def said(arrivals, streams):
            arrivals.changed(StateChange("acme/1", "live", "", 0.0))
            for number, price in enumerate(values, first):
                arrivals.said("acme/1", START + day + number * SECOND, [trade(number, seconds=number, price=price)])
                await asyncio.sleep(0)

        return said

    files = FaultyFiles()
    spoken(files, script(1, 10.0, 11.0))
    report, _ = spoken(files, script(5, 12.0, 13.0))
    ticks, _ = held(files)
    assert [(time - START) // SECOND for time in ticks.time.tolist()] == [1, 2, 5, 5, 6]
    assert report.late_rows == 0
