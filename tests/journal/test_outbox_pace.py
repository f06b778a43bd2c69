"""The outbox: when a cursor moves, how many alerts go into a write, and how long a sink is waited for."""

import threading

import pytest
from faulty_files import FaultyFiles
from journals import opened
from sinks_under_test import Kept, alert, follow, ids_in, told

from pipeline.alerts import Alert
from pipeline.errors import Refused
from pipeline.journal import Keep
from pipeline.journal.alert_sink import Patience
from pipeline.journal.cursors import Cursor, Cursors
from pipeline.journal.dead import DeadLetters
from pipeline.journal.outbox import Outbox
from pipeline.journal.payloads import alerts_of, alerts_record
from pipeline.sinks.sqlite import SqliteSink


def test_the_cursor_moves_only_once_the_sink_is_sure():
    class Unsure(Kept):
        def flush(self):
            raise OSError("not on the disk")

    journal = opened(FaultyFiles())
    Cursors(journal.folder, journal.files).save(Cursor("kept", 1))
    told(journal, 3)
    follower, faults, _ = follow(journal, Unsure())
    assert (follower.cursors.of("kept").frame, follower.owed, len(faults)) == (1, 3, 1)


def test_a_pause_that_a_sink_asks_for_is_kept_to():
    asked = OSError("429")
    asked.retry_after = 77.0
    journal = opened(FaultyFiles())
    Cursors(journal.folder, journal.files).save(Cursor("kept", 1))
    told(journal, 1)
    sink = Kept({1: asked, 2: OSError("down")})
    _, _, pauses = follow(journal, sink, until=1e9, patience=Patience(first=1.0))
    assert pauses[0] == 77.0
    assert pauses[1] <= 2.0


def test_a_dead_letter_is_on_the_disk_when_it_is_told():
    files = FaultyFiles()
    journal = opened(files)
    letters = DeadLetters(Cursors(journal.folder, files).folder, "kept", files)
    Cursors(journal.folder, files).save(Cursor("kept", 1))
    for number in (1, 2):
        letters.add(alert(number), "kept", Refused("no"))
    after = files.after_power_cut()
    assert [letter.alert for letter in DeadLetters(letters.path.parent, "kept", after)] == [alert(1), alert(2)]


def test_a_database_keeps_its_place_with_the_alerts_and_waits_for_the_disk(tmp_path):
    sink = SqliteSink(tmp_path / "alerts.db")
    assert sink._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    sink.write_at([alert(1)], "monday", "7.2")
    with pytest.raises(Exception, match="no id"):
        sink.write_at([alert(2), Alert(symbol="A", time=1)], "monday", "9.0")
    sink.close()
    again = SqliteSink(tmp_path / "alerts.db")
    assert (again.place_of("monday"), again.place_of("tuesday")) == ("7.2", None)
    again.close()


def test_a_place_inside_a_frame_that_retention_removed_is_the_beginning_of_the_log(tmp_path):
    """The cursor was forgotten, so that nothing held the log; the database remembers the second alert of a frame that is gone."""
    journal, path = opened(FaultyFiles()), tmp_path / "alerts.db"
    told(journal, 300)
    journal.retain(Keep(size=1), journal.synced)
    assert journal.first > 2
    sink = SqliteSink(path)
    sink.write_at([], journal.identity.hex(), "2.1")
    sink.close()
    follow(journal, SqliteSink(path), "sqlite")
    there = [each.id for frame in journal.read() for each in alerts_of(frame)]
    assert ids_in("sqlite", path) == there


def test_a_slow_sink_is_given_fewer_at_a_time_and_a_quick_one_more(tmp_path):
    now, sizes = [0.0], []

    class Paced(Kept):
        def write(self, alerts):
            sizes.append(len(alerts))
            now[0] += 0.01 if len(sizes) < 8 else 2.0
            super().write(alerts)

    journal, sink = opened(FaultyFiles()), Paced()
    Cursors(journal.folder, journal.files).save(Cursor("kept", 1))
    journal.append(alerts_record([alert(number) for number in range(400)]), urgent=True)
    follow(journal, sink, clock=lambda: now[0])
    assert sink.written == [alert(number).id for number in range(400)]
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 128, 64, 32, 16, 8, 4, 2, 1, *[1] * (len(sizes) - 15)]


@pytest.mark.parametrize("soon", [False, True])
def test_at_the_end_a_sink_that_takes_alerts_has_all_the_time_unless_somebody_waits(soon, tmp_path):
    journal = opened(folder=tmp_path / "journal")

    class Slow(Kept):
        def write(self, alerts):
            threading.Event().wait(0.02)
            super().write(alerts)

    Cursors(journal.folder, journal.files).save(Cursor("slow", 1))
    for number in range(30):
        journal.append(alerts_record([alert(number)]), urgent=True)
    outbox = Outbox(journal, {"slow": Slow()}, lambda *fault: None, Patience(at_end=0.25))
    assert bool(outbox.close(soon=soon)) == soon
    outbox.followers["slow"]._thread.join()
