"""What holds for every sink: each alert once, in order, whatever fails between; any text; and what a rerun does."""

import errno
import os
import sqlite3
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from alert_files import READERS, expected
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline.alerts import Alert
from pipeline.errors import SinkError
from pipeline.plugins import open_sink, plugins
from pipeline.sinks import Sink
from pipeline.sinks.callback import CallbackSink
from pipeline.sinks.csv import harmless, original
from pipeline.sinks.memory import MemorySink
from pipeline.sinks.parquet import ParquetSink

START = 1_381_219_200_000_000_000
DOCUMENT = Path(__file__).parents[2] / "docs" / "sinks.md"


def alerts(count: int, first: int = 0) -> list[Alert]:
    return [Alert("SPY", START + i, f"alert {i}", {"price": float(i)}, strategy="jump", id=f"id{i}") for i in range(first, first + count)]


def sink_of(scheme: str, path: Path) -> Sink:
    """A sink by its URL; a Parquet file with small row groups, so that some are full."""
    return ParquetSink(path, rows_a_group=5) if scheme == "parquet" else open_sink(f"{scheme}:{path}")


# Random failures.


class Trouble:
    """Says of each dangerous step whether it fails; in the end none does."""

    def __init__(self, plan: list[bool]) -> None:
        self.plan = plan[::-1]

    def strikes(self) -> bool:
        return bool(self.plan) and self.plan.pop()


class TroubledDatabase:
    """A connection that may fail in the middle of a transaction, or at its end."""

    def __init__(self, db: sqlite3.Connection, trouble: Trouble) -> None:
        self.db, self.trouble = db, trouble
        self.execute, self.close = db.execute, db.close

    def executemany(self, sql: str, rows: list) -> None:
        half = self.trouble.strikes()
        self.db.executemany(sql, rows[: len(rows) // 2] if half else rows)
        if half or self.trouble.strikes():
            raise sqlite3.OperationalError("database or disk is full")

    def __enter__(self) -> None:
        self.db.__enter__()

    def __exit__(self, *error: object) -> None:
        self.db.__exit__(*error)


@contextmanager
def troubled_disk(trouble: Trouble):
    """Writes may stop half way."""
    write = os.write

    def flaky(file: int, data: bytes) -> int:
        if not trouble.strikes():
            return write(file, data)
        write(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with patch.object(os, "write", flaky):
        yield


def until_it_works(call, *arguments) -> None:
    while True:
        try:
            return call(*arguments)
        except (OSError, sqlite3.OperationalError):
            continue


STEPS = st.lists(st.one_of(st.integers(1, 12), st.just("flush")), min_size=1, max_size=12)
PLANS = st.lists(st.booleans(), max_size=40)


def put_through(sink: Sink, steps: list[int | str], trouble: Trouble) -> list[Alert]:
    """Write, each time until it works, flush now and then, and close; what was written."""
    given: list[Alert] = []
    with troubled_disk(trouble):
        for step in steps:
            if step == "flush":
                with suppress(OSError):  # what was taken stays taken, whether or not it is flushed again
                    sink.flush()
            else:
                some = alerts(step, len(given))
                until_it_works(sink.write, some)
                given += some
        until_it_works(sink.flush)
        sink.close()
    return given


@pytest.mark.parametrize("scheme", READERS)
@given(steps=STEPS, plan=PLANS)
@example(steps=[5, "flush", 7, "flush", 1], plan=[True, False] * 20)
@example(steps=[3, "flush", 4], plan=[False, True])
@settings(deadline=None, max_examples=tries(60))
def test_whatever_fails_between_a_file_holds_every_alert_once_and_in_order(scheme, steps, plan):
    with TemporaryDirectory() as folder:
        path, trouble = Path(folder, f"alerts.{scheme}"), Trouble(plan)
        sink = sink_of(scheme, path)
        if scheme == "sqlite":
            sink._db = TroubledDatabase(sink._db, trouble)
        given_alerts = put_through(sink, steps, trouble)
        assert READERS[scheme](path) == [expected(alert) for alert in given_alerts]
        assert os.listdir(folder) == [path.name]


def test_a_transaction_that_fails_half_way_leaves_no_row(tmp_path):
    sink = open_sink(f"sqlite:{tmp_path / 'alerts.db'}")
    sink.write(alerts(2))
    sink._db = TroubledDatabase(sink._db, Trouble([True]))
    with pytest.raises(sqlite3.OperationalError):
        sink.write(alerts(4, 2))
    assert READERS["sqlite"](tmp_path / "alerts.db") == [expected(alert) for alert in alerts(2)]
    sink.close()


@given(steps=STEPS, plan=PLANS)
@settings(deadline=None)
def test_whatever_a_function_raises_it_takes_every_alert_once_and_in_order(steps, plan):
    trouble, taken = Trouble(plan), []

    def take(alert: Alert) -> None:
        if trouble.strikes():
            raise OSError("the line is busy")
        taken.append(alert)

    assert put_through(CallbackSink(take), steps, trouble) == taken


@given(steps=STEPS)
def test_memory_holds_every_alert_once_and_in_order(steps):
    sink = MemorySink()
    assert put_through(sink, steps, Trouble([])) == sink.alerts


@pytest.mark.parametrize("scheme", ["jsonl", "csv", "parquet"])
def test_a_sink_that_is_closed_without_a_flush_keeps_what_it_took(scheme, tmp_path):
    path = tmp_path / "alerts"
    sink = sink_of(scheme, path)
    sink.write(alerts(7))
    sink.close()
    assert READERS[scheme](path) == [expected(alert) for alert in alerts(7)]


# Any text.


TEXT = st.text(max_size=12)
ANY_ALERT = st.builds(
    Alert,
    symbol=TEXT,
    time=st.integers(-(2**62), 2**63 - 1),
    message=st.one_of(TEXT, st.sampled_from(["=1+1", "'=1", "''", "\r\n", "a\x00b", "\u2028", "\x85x", '"', ",", "\ufeff", "\U000e0001"])),
    values=st.dictionaries(TEXT, st.floats()),
    event=TEXT,
    severity=TEXT,
    strategy=TEXT,
    rule=TEXT,
    degraded=st.booleans(),
)


@pytest.mark.parametrize("scheme", READERS)
@given(found=st.lists(ANY_ALERT, min_size=1, max_size=6))
@settings(deadline=None, max_examples=tries(60))
def test_any_text_and_number_comes_back_from_the_file(scheme, found):
    found = [alert.completed(id=f"id{place}") for place, alert in enumerate(found)]
    with TemporaryDirectory() as folder:
        path = Path(folder, "alerts")
        sink = sink_of(scheme, path)
        sink.write(found)
        sink.flush()
        sink.close()
        assert READERS[scheme](path) == [expected(alert) for alert in found]


@pytest.mark.parametrize("scheme", READERS)
def test_half_a_surrogate_pair_is_written_out_and_costs_no_sink(scheme, tmp_path):
    sink = sink_of(scheme, tmp_path / "alerts")
    sink.write([Alert("A\ud83d", START, "up \ude80", {"x\ud83d": 1.0}, id="1")])
    sink.close()
    (row,) = READERS[scheme](tmp_path / "alerts")
    assert (row[1], row[5], row[6]) == ("A\\ud83d", "up \\ude80", {"x\\ud83d": 1.0})


@given(TEXT)
def test_what_is_put_before_a_formula_can_be_taken_off(text):
    assert original(harmless(text)) == text
    assert harmless(text)[:1] not in tuple("=+-@\t\r\n")


# A rerun.


@pytest.mark.parametrize("scheme", ["jsonl", "csv", "parquet"])
def test_a_run_replaces_the_file_once_it_has_something_to_put_there(scheme, tmp_path):
    path = tmp_path / "alerts"
    path.write_text("old")
    path.chmod(0o640)
    sink_of(scheme, path).close()
    assert path.read_text() == "old"
    with sink_closing(scheme, path) as sink:
        sink.write(alerts(3))
    with sink_closing(scheme, path) as sink:
        sink.write(alerts(2, 8))
    assert READERS[scheme](path) == [expected(alert) for alert in alerts(2, 8)]
    with sink_closing(scheme, path):
        pass
    assert READERS[scheme](path) == []
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["alerts"]


@contextmanager
def sink_closing(scheme: str, path: Path):
    sink = sink_of(scheme, path)
    yield sink
    sink.flush()
    sink.close()


@pytest.mark.parametrize("scheme", ["jsonl", "csv", "parquet"])
def test_a_run_that_cannot_write_leaves_the_old_file(scheme, tmp_path, monkeypatch):
    path = tmp_path / "alerts"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    sink = sink_of(scheme, path)
    with pytest.raises(OSError, match="No space"):
        sink.write(alerts(2))
    sink.close()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["alerts"]


def test_a_database_takes_each_alert_once_over_any_number_of_runs(tmp_path):
    path = tmp_path / "alerts.db"
    for found in (alerts(3), alerts(3), alerts(4, 2), [alerts(1)[0].completed(message="changed")]):
        with sink_closing("sqlite", path) as sink:
            sink.write(found)
            sink.write(found)
    assert READERS["sqlite"](path) == [expected(alert) for alert in alerts(6)]
    assert os.listdir(tmp_path) == ["alerts.db"]


def test_a_failed_sync_is_never_made_good_by_trying_again(tmp_path, monkeypatch):
    sink = open_sink(f"jsonl:{tmp_path / 'alerts'}")
    sink.write(alerts(1))
    answers = iter([OSError(errno.EIO, "Input/output error")])
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(next(answers)) if answers.__length_hint__() else None)
    for _ in range(3):
        with pytest.raises(SinkError, match=r"cannot be synced: .*nobody knows what of it is on the disk"):
            sink.flush()
    sink.close()


# The page.


def test_every_sink_is_on_the_reference_page():
    page = DOCUMENT.read_text()
    names = {plugin.name for plugin in plugins("sink") if plugin.package == "rxtape"}
    assert [name for name in sorted(names) if f"\n## `{name}:" not in page] == []
