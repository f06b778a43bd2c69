"""Where sinks may write: bad paths are refused before anything is read, and no file is written by two."""

import os
import sqlite3
import tempfile
from pathlib import Path

import pytest
from alert_files import READERS
from runs import Above, Cut, ticks_of

from pipeline import Alert, run
from pipeline.errors import InputError, RxtapeError, SinkError, UsageError
from pipeline.plugins import open_sink
from pipeline.sinks.parquet import ParquetSink
from pipeline.sinks.rows import COLUMNS
from pipeline.sinks.sqlite import APPLICATION, SCHEMA

FILES = pytest.mark.parametrize("scheme", READERS)


# FAULTS 24: paths that cannot be written.


class Untouched:
    """A feed that must not be read."""

    name, columns = "untouched", frozenset({"seq", "time", "symbol", "kind", "price"})

    def rows(self):
        raise AssertionError("the feed was read")


def refused(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    """Paths that no user may write, root included, and what is said of them."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return {
        "missing folder": (tmp_path / "absent" / "a", "No such file or directory; make the folder first"),
        "a folder": (tmp_path, "Is a directory; name a file in it"),
        "a file as a folder": (tmp_path / "file" / "a", "Not a directory"),
        "a link to itself": (tmp_path / "loop", "Too many levels of symbolic links"),
        "a read-only folder": (Path("/proc/alerts"), "cannot be opened for writing"),
        "a name too long": (tmp_path / ("a" * 300), "File name too long"),
    }


@FILES
@pytest.mark.parametrize(
    "case", ["missing folder", "a folder", "a file as a folder", "a link to itself", "a read-only folder", "a name too long"]
)
def test_fault_24_a_path_that_cannot_be_written_is_refused_before_anything_is_read(scheme, case, tmp_path):
    path, reason = refused(tmp_path)[case]
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(SinkError) as found:
        run(Untouched(), Above(), sinks=[f"{scheme}:{path}"])
    assert reason in str(found.value)
    assert str(path) in str(found.value)
    assert "\n" not in str(found.value)
    assert found.value.exit_code == 1
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    "url", ["jsonl:", "csv:", "parquet:", "sqlite:", "sqlite:-", "parquet:-", "jsonl:a\0b", "console:a", "callback:", "callback:os"]
)
def test_fault_24_a_url_that_names_nothing_is_wrong_usage(url):
    with pytest.raises(UsageError, match=r"write \w+:") as found:
        run(Untouched(), Above(), sinks=[url])
    assert found.value.exit_code == 2


def test_what_a_killed_run_left_beside_a_parquet_file_goes_and_what_another_writes_stays(tmp_path):
    left, mine = tmp_path / ".a.parquet.0123abcd.part", tmp_path / ".a.parquet.notes.part"
    for path in (left, mine):
        path.write_bytes(b"PAR1")
        os.utime(path, (1, 1))
    (young := tmp_path / ".a.parquet.0123abce.part").touch()
    first = ParquetSink(tmp_path / "a.parquet")
    (his,) = {*tmp_path.iterdir()} - {mine, young}
    os.utime(his, (1, 1))
    second = ParquetSink(tmp_path / "a.parquet")
    assert {mine, his} < {*tmp_path.iterdir()}
    for sink in (first, second):
        sink.write([Alert("A", 1)])
        sink.close()
    assert {path.name for path in tmp_path.iterdir()} == {"a.parquet", mine.name, young.name}


def test_a_file_without_a_name_is_written_to(tmp_path):
    with tempfile.TemporaryFile() as file:
        run(ticks_of(60), Above(), sinks=[f"jsonl:/proc/self/fd/{file.fileno()}"])
        assert os.fstat(file.fileno()).st_size > 0


@pytest.mark.parametrize("scheme", ["parquet", "sqlite"])
def test_fault_24_a_device_is_no_place_for_a_file_of_parts(scheme):
    with pytest.raises(SinkError, match="/dev/null cannot be opened for writing: it is no regular file"):
        open_sink(f"{scheme}:/dev/null")


@FILES
def test_fault_24_a_link_stays_and_what_it_leads_to_is_written(scheme, tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link", tmp_path / "there" / "alerts"
    link.symlink_to(target)
    report = run(ticks_of(), Above(), sinks=[f"{scheme}:{link}"])
    assert link.is_symlink()
    assert len(READERS[scheme](target)) == report.alert_count > 0


@FILES
def test_two_outputs_to_one_file_are_refused_by_any_of_its_names(scheme, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "alerts")
    for other in (f"{scheme}:{tmp_path / 'alerts'}", f"csv:{tmp_path / 'link'}", f"jsonl:{tmp_path}/../{tmp_path.name}/alerts"):
        with pytest.raises(UsageError, match="are the same file"):
            run(Untouched(), Above(), sinks=[f"{scheme}:{tmp_path / 'alerts'}", other])
    for pair in (["console:", "jsonl:-"], ["csv:-", "jsonl:-"], ["console:", "console:"]):
        with pytest.raises(UsageError, match="are the same file, standard output"):
            run(Untouched(), Above(), sinks=pair)


@FILES
def test_an_output_never_takes_the_place_of_the_input(scheme, tmp_path):
    ticks = tmp_path / "ticks.csv"
    ticks.write_text("time,symbol,price\n1381219200000,SPY,10\n")
    feed = Untouched()
    feed.path = ticks
    with pytest.raises(RxtapeError):
        run(feed, Above(), sinks=[f"{scheme}:{ticks}"])
    with pytest.raises(UsageError, match=r"the quarantine file and jsonl:.* are the same file"):
        run(Untouched(), Above(), sinks=[f"jsonl:{tmp_path / 'late'}"], late="drop", quarantine=tmp_path / "late")
    assert ticks.read_text().startswith("time,symbol,price\n1381")


# A database that is not ours.


def test_a_database_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "alerts.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE alerts (id TEXT)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(SinkError, match=r"a database of something else \(tables: alerts\)"):
        open_sink(f"sqlite:{path}")
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "alerts.db"
    path.write_text("time,symbol\n" * 100)
    with pytest.raises(SinkError, match="cannot be used as a database: file is not a database"):
        open_sink(f"sqlite:{path}")
    assert path.read_text() == "time,symbol\n" * 100


def test_a_database_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "alerts.db"
    run(ticks_of(), Above(), sinks=[f"sqlite:{path}"])
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    db.close()
    with pytest.raises(SinkError, match=rf"newer rxtape \(schema {SCHEMA + 1}, this one knows {SCHEMA}\)"):
        open_sink(f"sqlite:{path}")


def test_a_database_of_an_older_version_is_brought_up_to_date(tmp_path):
    path, older = tmp_path / "alerts.db", tmp_path / "older.db"
    run(ticks_of(), Above(), sinks=[f"sqlite:{path}"])
    db = sqlite3.connect(older)
    columns = [name for name in COLUMNS if name != "degraded"]
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute("PRAGMA user_version = 1")
    table = ", ".join(f'"{name}" TEXT' for name in columns)
    db.execute(f"CREATE TABLE alerts ({table}, PRIMARY KEY (id))")
    db.execute("INSERT INTO alerts (id) VALUES ('kept')")
    db.commit()
    db.close()
    run(ticks_of(), Above(), sinks=[f"sqlite:{older}"])
    db = sqlite3.connect(older)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    found = db.execute("SELECT id, degraded FROM alerts ORDER BY rowid").fetchall()
    db.close()
    assert found[0] == ("kept", 0)
    assert found[1:] == [(row[COLUMNS.index("id")], 0) for row in READERS["sqlite"](path)]


def test_an_alert_without_an_id_is_refused_by_a_database(tmp_path):
    sink = open_sink(f"sqlite:{tmp_path / 'alerts.db'}")
    with pytest.raises(SinkError, match="has no id"):
        sink.write([Alert("SPY", 1)])
    sink.close()


# What an earlier run has left stays, where a run ends without an alert and before the end of its input.

ENDED = {
    "damage": {"error": InputError("the file is truncated")},
    "an interruption": {"error": KeyboardInterrupt()},
    "damage, looked for first": {"error": InputError("the file is truncated"), "check_first": True},
    "the end": {},
}


@FILES
@pytest.mark.parametrize("ending", ENDED)
def test_alerts_of_an_earlier_run_are_replaced_by_those_of_a_whole_run_alone(scheme, ending, tmp_path):
    path = tmp_path / "alerts"
    earlier = run(ticks_of(), Above(), sinks=[f"{scheme}:{path}"])
    before = READERS[scheme](path)
    assert len(before) == earlier.alert_count > 0
    told = dict(ENDED[ending])
    feed = Cut(ticks_of(2 if "error" in told and "check_first" not in told else 60), error=told.pop("error", None))
    strategy = Above(margin=0.0 if told else 1e9)
    report = run(feed, strategy, sinks=[f"{scheme}:{path}"], **told)
    assert report.alert_count == 0
    assert READERS[scheme](path) == (before if ending != "the end" or scheme == "sqlite" else [])
