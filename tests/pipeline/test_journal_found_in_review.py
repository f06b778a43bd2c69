"""What a hostile reader of the journal had found, each once more."""

import os
import sqlite3
from pathlib import Path

import pytest
from cli_folder import filled, rxtape
from reactivex import operators as ops
from runs import Above, Cut, ticks_of

from feeds.streams import paced
from pipeline import Strategy, alert_when, combine_latest, run
from pipeline.alerts import Alert
from pipeline.checks import tape_of
from pipeline.doors import each_tick
from pipeline.errors import Refused, UsageError
from pipeline.explain import explain
from pipeline.feed import recorded
from pipeline.incidents import Incidents
from pipeline.incidents.opening import OURS
from pipeline.journal import Content, Journal, Keep, Limits, Record
from pipeline.journal.inventory import verify
from pipeline.journal.payloads import alerts_of, alerts_record
from pipeline.journal.repair import repair
from pipeline.journaling import Journaling
from pipeline.operators import last
from pipeline.retelling import JournalTape
from pipeline.running import Run
from pipeline.sinks.memory import MemorySink
from pipeline.sinks.sqlite import SqliteSink
from pipeline.sinks.webhook import WebhookSink
from pipeline.whatif import whatif

STEPS = tape_of(seconds=[0, 0, 0, 0, 1, 1], price=[99.0, 101.0, 99.0, 101.0, 102.0, 99.0])


class Flip(Strategy):
    """Raised above a level."""

    level: float = 100.0

    def alerts(self, ticks):
        return combine_latest(price=ticks.pipe(last())).pipe(alert_when(lambda s: s.price > self.level, message="{symbol} {price}"))


class Changing(Strategy):
    """Changes the alerts of a rule with Rx."""

    values: bool = True

    def alerts(self, ticks):
        def changed(alerts):
            if self.values:
                return [alert.completed(values=alert.values | {"big": True}, message="half \ud83d") for alert in alerts]
            return [alert.completed(strategy="desk 7") for alert in alerts]

        return Flip().alerts(ticks).pipe(ops.map(changed))


class Filtered(Strategy):
    """A level by plain Rx."""

    level: float = 100.0

    def alerts(self, ticks):
        high = ops.filter(lambda tick: tick.price > self.level)
        return ticks.pipe(each_tick(), high, ops.map(lambda tick: Alert(tick.symbol, tick.time, "high")))


class AtTheEnd(Strategy):
    """One alert, when the tape ends."""

    def alerts(self, ticks):
        return ticks.pipe(each_tick(), ops.last(), ops.map(lambda tick: Alert(tick.symbol, tick.time, "the end")))


def lived(folder, strategy, ticks=STEPS, sinks=(), **how):
    """The alerts that a run told, and what it said."""
    said = []
    made = Run(Cut(ticks), strategy, journal=Journaling(folder, **how))
    made.on_oddity = lambda what: said.append(str(what))
    return list(made.go(sinks).alerts), said


def without_alerts(folder):
    """The log as it is when a run is killed after its rows, and before its alerts."""
    with Journal.open(folder) as journal:
        frames = [frame.seq for frame in journal.read() if frame.content is Content.ALERTS]
    repair(folder, frames[0] - 1)


@pytest.mark.parametrize("values", [True, False])
def test_alerts_that_rx_has_changed_are_written_down_and_read_again(tmp_path, values):
    alerts, _ = lived(tmp_path / "j", Changing(values=values))
    assert len(alerts) == 4
    assert {alert.strategy for alert in alerts} == {"changing"}
    assert verify(tmp_path / "j").counts["alerts"] == 4
    without_alerts(tmp_path / "j")
    assert lived(tmp_path / "j", Changing(values=values))[0] == alerts


def test_columns_that_have_changed_are_exported_in_files_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    filled(tmp_path)
    rows = ["1704189600000,A,99", "1704189601000,A,101", "1704189602000,A,99"]
    for columns, more, count in (("time,symbol,price", "", 2), ("time,symbol,price,size", ",1", 3)):
        Path("t.csv").write_text("\n".join([columns, *(row + more for row in rows[:count])]) + "\n")
        assert rxtape("replay", "t.csv", "-s", "mine.py", "--journal", "k").exit_code == 0
    done = rxtape("journal", "export", "k", "-o", "out")
    assert done.exit_code == 0, done.output
    assert len(list(Path("out").glob("tape-*.arrow"))) == 2


@pytest.mark.parametrize("kind", [Flip, Filtered])
def test_alerts_of_the_past_are_told_by_no_later_run_of_a_changed_strategy(tmp_path, kind):
    assert lived(tmp_path / "j", kind(level=1000.0))[0] == []
    for turn in range(3):
        for snapshot in (tmp_path / "j").glob("*.snapshot"):
            snapshot.unlink()
        alerts, said = lived(tmp_path / "j", kind())
        assert alerts == []
        assert ("is judged again from its start" in "".join(said)) == (turn == 0)


def test_what_a_killed_run_of_a_changed_strategy_may_have_owed_is_said(tmp_path):
    lived(tmp_path / "j", Flip())
    without_alerts(tmp_path / "j")
    alerts, said = lived(tmp_path / "j", Flip(level=99.5))
    assert alerts == []
    assert any("judged by strategies that have changed since, have no alerts on the log" in each for each in said)


def test_a_secret_parameter_that_has_changed_is_noticed_and_not_written_down(tmp_path):
    class Secret(Flip):
        name_of: str = ""

    def conceal(text):
        return text.replace("s3cret", "***").replace("0ther", "***")

    folder = tmp_path / "j"
    lived(folder, Secret(name_of="s3cret"), conceal=conceal)
    assert lived(folder, Secret(name_of="s3cret"), conceal=conceal) == ([], [])
    _, said = lived(folder, Secret(name_of="0ther"), conceal=conceal)
    assert "is judged again from its start" in said[0]
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"s3cret" not in written
    assert b"0ther" not in written


def test_alerts_of_one_time_are_compared_one_by_one(tmp_path):
    told, _ = lived(tmp_path / "j", Flip())
    (same,) = whatif(tmp_path / "j", [Flip()])
    (other,) = whatif(tmp_path / "j", [Flip(level=101.5)])
    assert (same.alerts, len(same.kept), len(same.lost)) == (len(told), len(told), 0)
    assert (other.alerts, len(other.kept) + len(other.lost)) == (2, len(told))


def test_a_half_letter_in_a_row_that_is_set_aside_is_written_out(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    good = '{"time":1704189600000,"symbol":"A","price":99}\n'
    Path("half.jsonl").write_text(good + '{"time":1704189601000,"symbol":"x\\ud83d","price":99}\n' + good)
    done = rxtape("replay", "half.jsonl", "-s", "mine.py", "--on-bad", "skip", "--quarantine", "bad.jsonl")
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "ud83d" in Path("bad.jsonl").read_text()


def test_a_file_in_the_place_of_a_journal_is_told_in_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    for place, code in (("ticks.csv", 2), (os.devnull, 2), ("ticks.csv/sub", 1)):
        done = rxtape("replay", "ticks.csv", "-s", "mine.py", "--journal", place)
        assert (done.exit_code, done.stderr.count("\n")) == (code, 1)
        assert "cannot be used as a journal" in done.stderr


def test_a_sink_that_is_forgotten_after_a_repair_gets_all_that_it_has_not(tmp_path):
    database, folder = tmp_path / "a.db", tmp_path / "j"
    ticks = ticks_of(300)
    lived(folder, Above(), ticks, [SqliteSink(database)])
    rows = next(frame.seq for frame in JournalTape(folder).frames() if frame.content is Content.TICKS)
    repair(folder, rows - 1)
    alerts, _ = lived(folder, Above(margin=0.1), ticks)
    (folder / "cursors" / next(name for name in os.listdir(folder / "cursors") if name.startswith("SqliteSink"))).unlink()
    lived(folder, Above(margin=0.1), ticks, [SqliteSink(database)])
    ids = {name for (name,) in sqlite3.connect(database).execute("SELECT id FROM alerts")}
    assert {alert.id for alert in alerts} <= ids


def test_alerts_at_the_end_of_a_tape_are_no_alarm(tmp_path):
    assert len(lived(tmp_path / "j", AtTheEnd())[0]) == 1
    assert lived(tmp_path / "j", AtTheEnd())[1] == []


def test_values_that_were_taken_from_a_recorded_alert_are_missed(tmp_path):
    lived(tmp_path / "j", Flip())
    with Journal.open(tmp_path / "j") as journal, Journal.open(tmp_path / "k") as copy:
        for frame in journal.read():
            if frame.content is Content.ALERTS:
                copy.append(alerts_record([alert.completed(values={}) for alert in alerts_of(frame)]), urgent=True)
            else:
                copy.append(Record(frame.content, frame.payload, frame.version))
    found = next(alerts_of(frame) for frame in JournalTape(tmp_path / "k").frames() if frame.content is Content.ALERTS)
    assert any(
        line.startswith("value price: recorded None, now 101.0") for line in explain(found[0].id, tmp_path / "k", Flip()).differences
    )


@pytest.mark.parametrize("name", ["00000000000000000001.log", "ACKNOWLEDGED", "alerts.jsonl"])
def test_no_output_lies_in_the_journals_folder(tmp_path, name):
    folder = tmp_path / "j"
    lived(folder, Flip())
    with pytest.raises(UsageError, match="would lie in the journal"):
        run(STEPS, Flip(), journal=folder, sinks=[f"jsonl:{folder / name}"])
    with pytest.raises(UsageError, match="would lie in the journal"):
        run(JournalTape(folder), Flip(), sinks=[f"jsonl:{folder / name}"])
    assert verify(folder).counts["alerts"] == 4


def test_a_quarantine_file_in_the_journals_folder_is_refused_as_such_before_a_journal_begins(tmp_path):
    with pytest.raises(UsageError, match="the quarantine file would lie in the journal"):
        run(STEPS, Flip(), journal=tmp_path, on_bad="skip", quarantine=tmp_path / "bad.jsonl")
    assert list(tmp_path.iterdir()) == []
    assert run(STEPS, Flip(), journal=tmp_path, on_bad="skip", quarantine=f"{tmp_path}.jsonl").alerts


@pytest.fixture
def shortened(tmp_path):
    """A journal of which the first frames are gone, and the alerts of its run in a file."""
    ticks, folder, file = ticks_of(3_000), tmp_path / "j", tmp_path / "alerts.jsonl"

    def again():
        said = []
        how = Journaling(folder, snapshot_rows=300, snapshot_every="1d", keep=Keep(size=30_000))
        made = Run(Cut(ticks, *range(50, 3_000, 50)), Above(), journal=how)
        made.on_oddity = lambda what: said.append(str(what))
        made.go([f"jsonl:{file}"])
        return said

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipeline.journaling.IN_REPLAY", Limits(group_bytes=1 << 12, segment_bytes=1 << 13))
        again()
    assert JournalTape(folder).shortened
    return folder, file, again


def test_a_file_that_cannot_be_written_whole_any_more_is_kept(shortened):
    _, file, again = shortened
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    (said,) = again()
    assert "does not hold any more what it did; it is written anew from the journal, which begins with frame" in said
    assert said.endswith(f"alerts of the frames before, if there were any, are in {file}.1 only")
    assert Path(f"{file}.1").read_bytes() == b"".join(lines[:-1])
    assert 0 < file.read_bytes().count(b"\n") < len(lines)
    assert again() == []


def test_a_repair_after_which_no_run_could_go_on_is_refused(shortened):
    folder, file, again = shortened
    min(folder.glob("*.snapshot")).unlink()
    found = verify(folder)
    oldest = min(kept.seq for kept in found.snapshots.values())
    assert found.first < oldest
    before = file.read_bytes()
    with pytest.raises(UsageError, match="no run could go on after repair"):
        repair(folder, oldest - 1)
    assert again() == []
    assert file.read_bytes() == before


class Choosy(MemorySink):
    """Refuses every alert of B."""

    idempotent = True

    def write(self, alerts):
        if any(alert.symbol == "B" for alert in alerts):
            raise Refused("400: no B")
        super().write(alerts)


def test_alerts_that_a_sink_refuses_are_in_the_report(tmp_path):
    said = []
    made = Run(Cut(ticks_of(200)), Above(), journal=tmp_path / "j")
    made.on_oddity = lambda what: said.append(str(what))
    report = made.go([sink := Choosy()])
    refused = sum(alert.symbol == "B" for alert in report.alerts)
    assert report.undelivered == {"Choosy": refused}
    assert report.exit_code == 1
    assert len(sink.alerts) == len(report.alerts) - refused
    assert said == ["Choosy refuses alerts, the first one with: 400: no B; they are set aside (rxtape sinks status)"]


def test_a_paced_run_that_goes_on_waits_for_new_rows_only(tmp_path):
    waited = []
    ticks = tape_of(seconds=[0, 100, 200, 300], price=[99.0, 101.0, 99.0, 101.0])

    def life(rows):
        now = [0.0]

        def sleep(seconds):
            waited.append(seconds)
            now[0] += seconds

        return run(paced(recorded(ticks[:rows]), 1.0, lambda: now[0], sleep), Flip(), journal=tmp_path / "j").ticks

    assert life(2) == 2
    assert sum(waited) == pytest.approx(100)
    waited.clear()
    assert life(4) == 2
    assert sum(waited) == pytest.approx(100)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("replay", "ticks.csv", "-s", "mine.py", "--journal", ""), 2, "the folder of the journal is an empty text"),
        (("journal", "project", "outcomes", "--set", "follow=x", "--journal", "k"), 2, "follow: found 'x', expected a share above 0"),
        (("journal", "project", "outcomes", "--set", "folow=0.1", "--journal", "k"), 2, "named 'folow'; did you mean 'follow'?"),
        (("whatif", "flip", "--within", "1m", "--journal", "k"), 2, "write --follow too"),
        (("incidents", "escalate", "aa52", "--by", " ", "--incidents", "i.db"), 2, "--by is an empty text"),
        (("journal", "project", "mine_too.py:Broken", "--journal", "k"), 1, "fails: ZeroDivisionError: division by zero (mine_too.py:4)"),
    ],
)
def test_slips_are_told_in_a_line(tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(filled(tmp_path))
    run(STEPS, Flip(), journal="k")
    text = "from pipeline.journal.projections import Projection\nclass Broken(Projection):\n    def rows(self, ticks):\n        1 / 0\n"
    Path("mine_too.py").write_text(text)
    done = rxtape(*words)
    assert (done.exit_code, done.stderr.count("\n")) == (code, 1)
    assert said in done.stderr


def test_a_file_of_incidents_whose_maker_was_killed_is_finished(tmp_path):
    Incidents(tmp_path / "whole.db").close()
    with sqlite3.connect(tmp_path / "whole.db") as whole:
        made = dict(whole.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    assert set(made) == OURS
    for count in range(len(made)):
        with sqlite3.connect(tmp_path / f"{count}.db") as part:
            for sql in list(made.values())[:count]:
                part.execute(sql)
        with Incidents(tmp_path / f"{count}.db") as incidents:
            assert incidents.current() == []


def test_a_bad_snapshot_is_not_counted_among_the_good(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lived("j", Flip())
    (good,) = Path("j").glob("*.snapshot")
    good.write_bytes(good.read_bytes()[:-1])
    done = rxtape("journal", "verify", "j")
    assert done.exit_code == 3
    assert " segments, 0 snapshots" in done.stdout


def test_the_one_who_acknowledged_is_not_the_one_who_resolved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lived("j", Flip(), sinks=["incidents:i.db"])
    name = rxtape("incidents", "list", "--incidents", "i.db").stdout.split()[0]
    for act, by, said in (("ack", "ada", "cleared, acknowledged by ada"), ("resolve", "bob", "resolved, acknowledged by ada")):
        assert f"{name}  {said}  " in rxtape("incidents", act, name, "--by", by, "--incidents", "i.db").stdout


@pytest.mark.parametrize(
    ("target", "said"), [("https://h.example/x#allow=all", "#allow=private is all that there is"), ("https://me@h.example/x", "has a user")]
)
def test_what_a_webhook_would_pass_over_is_refused(target, said):
    with pytest.raises(UsageError, match=said):
        WebhookSink(target)
