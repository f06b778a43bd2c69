"""Where a sink begins to follow: what it will not have is told, and what it has got is counted as it is."""

import pytest
from faulty_files import FaultyFiles
from journals import opened
from sinks_under_test import OPENED, Kept, alert, follow, ids_in, told

from pipeline.errors import Refused
from pipeline.journal import Content, Keep
from pipeline.journal.cursors import Cursor, Cursors
from pipeline.journal.outbox import Outbox
from pipeline.journal.payloads import alerts_of
from pipeline.journal.repair import repair


def shortened(files):
    """A journal of forty alerts whose first frames retention has removed, and the first that is there."""
    journal = opened(files)
    told(journal, 40)
    journal.retain(Keep(size=1), journal.end)
    assert journal.first > 1
    return journal


def ids(journal):
    return [each.id for frame in journal.read() if frame.content is Content.ALERTS for each in alerts_of(frame)]


@pytest.mark.parametrize("kind", OPENED)
def test_a_new_sink_of_a_log_without_its_beginning_is_told_once_what_it_does_not_get(kind, tmp_path):
    files, path, said = FaultyFiles(), tmp_path / f"alerts.{kind}", []
    for journal in (shortened(files), None):
        there = journal or opened(files)
        follow(there, OPENED[kind](path), kind, say=said.append)
        assert ids_in(kind, path) == ids(there)
        there.close()
    begins = f"the journal, which begins with frame {there.first}: alerts of the frames before, if there were any, are not in it"
    assert said == [f"{kind} is new, and gets what there is from {begins}"]


@pytest.mark.parametrize("kind", OPENED)
def test_nothing_is_said_of_a_new_sink_of_a_whole_log(kind, tmp_path):
    journal, said = opened(FaultyFiles()), []
    told(journal, 9)
    follow(journal, OPENED[kind](tmp_path / f"alerts.{kind}"), kind, say=said.append)
    assert said == []


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "sqlite"])
def test_what_is_gone_is_filled_again_told_and_counted_once(kind, short, tmp_path):
    journal, path, said = shortened(FaultyFiles()) if short else opened(FaultyFiles()), tmp_path / f"alerts.{kind}", []
    if not short:
        told(journal, 12)
    for _ in range(2):
        follower, _, _ = follow(journal, OPENED[kind](path), kind, say=said.append)
        assert follower.cursor.delivered == len(ids(journal)) == len(ids_in(kind, path))
        path.unlink()
        for rest in tmp_path.glob("*-wal"):
            rest.unlink()
    (last,) = said[short:]
    again = "it is filled again" if kind == "sqlite" else "it is written anew"
    assert f"{kind} does not hold any more what it did; {again} from the journal" in last
    assert ("which begins with frame" in last) is short


def test_a_database_put_back_from_a_copy_gets_what_it_lacks_and_that_is_counted_once(tmp_path):
    journal, path = opened(FaultyFiles()), tmp_path / "alerts.sqlite"
    told(journal, 5)
    follow(journal, OPENED["sqlite"](path), "sqlite")
    copy = path.read_bytes()
    told(journal, 12, 6)
    follow(journal, OPENED["sqlite"](path), "sqlite")
    path.write_bytes(copy)
    follower, _, _ = follow(journal, OPENED["sqlite"](path), "sqlite")
    assert follower.cursor.delivered == 12
    assert ids_in("sqlite", path) == [alert(number).id for number in range(1, 13)]


def test_a_database_that_is_moved_away_meanwhile_has_not_got_what_was_written_to_it(tmp_path):
    class MovedAway(OPENED["sqlite"]):
        def write_at(self, alerts, journal, place):
            super().write_at(alerts, journal, place)
            path.rename(tmp_path / "elsewhere.sqlite")

    journal, path = opened(FaultyFiles()), tmp_path / "alerts.sqlite"
    told(journal, 1)
    follower, faults, _ = follow(journal, MovedAway(path), "sqlite")
    assert follower.owed == 1
    assert "is not the database any more that was opened: it was moved or removed" in str(faults[0][1])
    follower, _, _ = follow(journal, OPENED["sqlite"](path), "sqlite")
    assert (follower.owed, follower.cursor.delivered, ids_in("sqlite", path)) == (0, 1, ["id0001"])


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_file_that_is_removed_meanwhile_has_not_got_what_was_written_to_it(kind, tmp_path):
    class Removed(OPENED[kind]):
        def write(self, alerts):
            super().write(alerts)
            path.unlink()

    journal, path = opened(FaultyFiles()), tmp_path / f"alerts.{kind}"
    told(journal, 1)
    follower, faults, _ = follow(journal, Removed(path), kind)
    assert follower.owed == 1
    assert "was removed while it was written to" in str(faults[0][1])
    follower, _, _ = follow(journal, OPENED[kind](path), kind)
    assert (follower.owed, ids_in(kind, path)) == (0, ["id0001"])


def test_what_a_file_that_cannot_be_ended_has_not_got_waits():
    class Whole(Kept):
        anew, fails = True, True

        def flush(self):
            if self.fails:
                raise OSError("no room")

    journal = opened(FaultyFiles())
    told(journal, 5)
    sink = Whole()
    follower, _, _ = follow(journal, sink)
    cursor = Cursors(journal.folder, journal.files).of("kept")
    assert (cursor.frame, cursor.delivered, cursor.status, follower.taken) == (1, 0, "waits", 0)
    sink.fails = False
    follower, _, _ = follow(journal, sink)
    cursor = Cursors(journal.folder, journal.files).of("kept")
    assert (cursor.frame, cursor.delivered, cursor.status, follower.taken) == (journal.end + 1, 5, "well", 5)


def test_a_log_keeps_all_for_a_sink_that_is_written_anew_also_while_that_is_absent():
    journal = opened(FaultyFiles())
    Cursors(journal.folder, journal.files).save(Cursor("parquet:a", 7, anew=True))
    assert Outbox(journal, {}, print).least() == -1
    Cursors(journal.folder, journal.files).save(Cursor("parquet:a", 7, anew=True, status="left"))
    assert Outbox(journal, {}, print).least() > journal.end


@pytest.mark.parametrize("to", range(1, 6))
def test_what_a_repair_cuts_has_been_delivered_to_nobody(to, tmp_path):
    files = FaultyFiles()
    journal = opened(files)
    told(journal, 9)
    Cursors(journal.folder, files).save(Cursor("kept", 1))
    follow(journal, Kept(), "kept")
    Cursors(journal.folder, files).save(Cursor("half", 3, 1, delivered=4))  # the first frames have two, three and one
    Cursors(journal.folder, files).save(Cursor("behind", 1))
    journal.close()
    repair(journal.folder, to, files=files)
    files.held.clear()
    left = len(ids(opened(files, acknowledged=Cursors(journal.folder, files).seen())))
    delivered = {each.sink: each.delivered for each in Cursors(journal.folder, files).all()}
    assert delivered == {"kept": left, "half": min(left, 4), "behind": 0}


def test_a_database_that_is_forgotten_after_a_repair_gets_what_comes(tmp_path):
    """Its place is further than the log, whose numbers other alerts have now."""
    files, path = FaultyFiles(), tmp_path / "alerts.sqlite"
    journal = opened(files)
    told(journal, 9)
    follow(journal, OPENED["sqlite"](path), "sqlite")
    journal.close()
    repair(journal.folder, 2, files=files)
    Cursors(journal.folder, files).forget("sqlite")
    files.held.clear()
    journal = opened(files)
    told(journal, 21, 20)
    follow(journal, OPENED["sqlite"](path), "sqlite")
    assert ids_in("sqlite", path)[9:] == ["id0020", "id0021"]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_file_of_which_a_repair_has_cut_everything_is_told_and_kept(kind, tmp_path):
    files, path, said = FaultyFiles(), tmp_path / f"alerts.{kind}", []
    journal = shortened(files)
    end = journal.end
    Cursors(journal.folder, files).save(Cursor(kind, end + 1))
    told(journal, 45, 41)
    sink = OPENED[kind](path)
    sink.write([alert(number) for number in range(41, 46)])
    sink.flush()
    Cursors(journal.folder, files).save(Cursor(kind, journal.end + 1, position=sink.position(), delivered=5))
    sink.close()
    journal.close()
    repair(journal.folder, end, files=files)
    assert Cursors(journal.folder, files).of(kind).delivered == 0
    files.held.clear()
    follow(opened(files), OPENED[kind](path), kind, say=said.append)
    assert len(said) == 1
    assert "goes back with the journal, which was repaired; it is written anew" in said[0]
    assert ids_in(kind, tmp_path / f"alerts.{kind}.1") == [f"id00{number}" for number in range(41, 46)]


def test_what_was_refused_was_not_delivered_also_to_a_repair():
    files = FaultyFiles()
    journal = opened(files)
    told(journal, 9)
    Cursors(journal.folder, files).save(Cursor("kept", 1))

    class Choosy(Kept):
        def write(self, alerts):
            if any(each.id > "id0006" for each in alerts):
                raise Refused("400 Bad Request")
            super().write(alerts)

    follow(journal, Choosy(), "kept")
    assert Cursors(journal.folder, files).of("kept").delivered == 6
    journal.close()
    repair(journal.folder, 3, files=files)
    files.held.clear()
    assert Cursors(journal.folder, files).of("kept").delivered == len(ids(opened(files))) == 5
