"""Plug-ins: things by name and sinks by URL, and the words for those that are broken."""

import os
from importlib.metadata import entry_points

import numpy as np
import pytest
from cli_folder import START, filled, problems, rxtape
from csv_files import all_rows_of

from feeds.files import file
from pipeline import plugins
from pipeline.delivery import Delivery
from pipeline.errors import InputError, SinkError, UnknownName, UsageError
from pipeline.ingest import RawRows
from pipeline.sinks.console import ConsoleSink
from pipeline.sinks.memory import MemorySink


def test_sinks_by_url(tmp_path):
    assert isinstance(plugins.open_sink("memory:"), MemorySink)
    assert isinstance(plugins.open_sink("console"), ConsoleSink)
    made = plugins.open_sink(f"jsonl:{tmp_path / 'a:b.jsonl'}")
    made.close()
    assert (tmp_path / "a:b.jsonl").exists()
    with pytest.raises(UnknownName, match="no sink named 'jsnol'; did you mean 'jsonl'"):
        plugins.open_sink("jsnol:alerts.jsonl")
    with pytest.raises(UsageError, match=r"such as jsonl:alerts\.jsonl"):
        plugins.open_sink("alerts.jsonl")


def test_when_one_sink_cannot_be_opened_the_others_are_closed_again(tmp_path, monkeypatch):
    class Closeable(MemorySink):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    opened = Closeable()
    monkeypatch.setattr("pipeline.delivery.open_sink", lambda url: opened if url == "memory:" else plugins.open_sink(url))
    with pytest.raises(SinkError):
        Delivery(["memory:", f"jsonl:{tmp_path}"], lambda name, error: None)
    assert opened.closed == 1


def test_what_is_no_sink_is_refused():
    for thing in (print, MemorySink):
        with pytest.raises(UsageError, match="is no sink, which has write, flush and close"):
            Delivery([thing], lambda name, error: None)


def test_a_plugin_that_cannot_be_made_is_named(monkeypatch):
    def broken(target: str) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(plugins, "offered", lambda group: [Point("far", "far:Sink", "far", broken)])
    with pytest.raises(SinkError, match="far:away cannot be opened: ConnectionError: no route to host"):
        plugins.open_sink("far:away")


class Point:
    """An entry point of some package."""

    def __init__(self, name: str, value: str, package: str, loaded: object) -> None:
        self.name, self.value, self.loaded = name, value, loaded
        self.dist = type("Distribution", (), {"name": package})

    def load(self) -> object:
        if isinstance(self.loaded, BaseException):
            raise self.loaded
        return self.loaded


class Ramp:
    """A feed of trades, one a second; the argument says how many."""

    name, columns = "ramp", frozenset({"seq", "time", "symbol", "kind", "price"})

    def __init__(self, rows: str = "3") -> None:
        self.count = int(rows)

    def rows(self):
        time = START + np.arange(self.count) * 10**9
        yield RawRows({"time": time, "symbol": np.ones(self.count, np.int32), "price": 10.0 + np.arange(self.count)}, ("R",), self.name)


@pytest.fixture
def ramp(monkeypatch):
    """The feeds that there are, and two more."""
    points = [Point("ramp", "ramp:Ramp", "rxtape-ramp", Ramp), Point("nothing", "ramp:nothing", "rxtape-ramp", lambda: 5)]

    def known(group):
        return [*entry_points(group=group), *(points if group == "rxtape.feeds" else [])]

    monkeypatch.setattr(plugins, "offered", known)


def test_feeds_by_url(ramp):
    assert [plugins.open_feed(url).count for url in ("ramp:", "ramp:5")] == [3, 5]
    assert "price" in plugins.open_feed("synthetic:").columns
    with pytest.raises(UsageError, match="there is no file rmap:5, and no feed named 'rmap'; did you mean 'ramp'"):
        plugins.open_feed("rmap:5")
    with pytest.raises(InputError, match="ramp:many cannot be opened: ValueError"):
        plugins.open_feed("ramp:many")
    with pytest.raises(UsageError, match="nothing: gives int, which is no feed"):
        plugins.open_feed("nothing:")


def test_a_feed_stands_among_files_and_is_narrowed_as_they_are(ramp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ticks.csv").write_text(f"time,symbol,price\n{START + 1},SPY,1\n{START + 1500000000},SPY,2\n")
    price = [row["price"] for row in all_rows_of(file(["ramp:4", "ticks.csv"]))[0]]
    assert price == [10.0, 1.0, 11.0, 2.0, 12.0, 13.0]
    assert [row["price"] for row in all_rows_of(file("ramp:4", start=START + 10**9, until=START + 3 * 10**9))[0]] == [11.0, 12.0]
    with pytest.raises(UsageError, match="ramp:4 is no file, and --tz and --no-header would say how one is read; leave that out"):
        file("ramp:4", tz="UTC", header=False)
    with pytest.raises(UsageError, match="ramp:4 is named twice"):
        file(["ramp:4", "ramp:4"])


def test_a_file_comes_before_a_feed_of_that_name(ramp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ramp:4").write_text(f"time,symbol,price\n{START},SPY,1\n")
    assert len(all_rows_of(file("ramp:4"))[0]) == 1
    assert not plugins.names_feed("ramp:4")
    assert plugins.names_feed("ramp:day*")


def test_the_command_line_replays_a_feed_by_its_name(ramp, tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    done = rxtape("replay", "ramp:5", "-s", "mine.py")
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 1
    assert "5 of 1 symbols" in done.stderr
    assert "5: 5 trades" in rxtape("inspect", "ramp:5").stdout
    (said,) = problems(rxtape("replay", "rmap:5", "-s", "mine.py"))
    assert said.startswith("there is no file rmap:5, and no feed named 'rmap'; did you mean 'ramp'?")


def test_a_broken_plugin_is_named_and_so_is_a_clash(monkeypatch):
    points = [Point("kite", "kite:Sink", "rxtape-kite", ImportError("no module named wind"))]
    points += [Point("twin", "one:Sink", "one", MemorySink), Point("twin", "two:Sink", "two", MemorySink)]
    monkeypatch.setattr(plugins, "offered", lambda group: points)
    with pytest.raises(UsageError, match=r"'kite' \(kite:Sink, of rxtape-kite\) cannot be loaded: ImportError: no module named wind"):
        plugins.open_sink("kite:")
    with pytest.raises(UsageError, match="'twin' is offered by one and two"):
        plugins.open_sink("twin:")
    assert [(plugin.name, bool(plugin.problem())) for plugin in plugins.plugins("sink")] == [("kite", True), ("twin", True), ("twin", True)]


def test_a_package_that_is_installed_meanwhile_is_known_at_once(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    assert "late" not in [plugin.name for plugin in plugins.plugins("sink")]
    (tmp_path / "late.py").write_text("from pipeline.sinks.memory import MemorySink as Late\n")
    (info := tmp_path / "late-1.0.dist-info").mkdir()
    (info / "METADATA").write_text("Name: late\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rxtape.sinks]\nlate = late:Late\n")
    os.utime(tmp_path, ns=(0, os.stat(tmp_path).st_mtime_ns + 1))
    assert isinstance(plugins.open_sink("late:"), MemorySink)
