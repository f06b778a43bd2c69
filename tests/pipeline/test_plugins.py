"""Plug-ins: things by name and sinks by URL, and the words for those that are broken."""

import pytest

from pipeline import plugins
from pipeline.delivery import Delivery
from pipeline.errors import SinkError, UnknownName, UsageError
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
    monkeypatch.setattr("pipeline.delivery.open_sink", lambda url: opened if url == "good:" else plugins.open_sink(url))
    with pytest.raises(SinkError):
        Delivery(["good:", f"jsonl:{tmp_path}"], lambda name, error: None)
    assert opened.closed == 1


def test_what_is_no_sink_is_refused():
    for thing in (print, MemorySink):
        with pytest.raises(UsageError, match="is no sink, which has write, flush and close"):
            Delivery([thing], lambda name, error: None)


def test_a_plugin_that_cannot_be_made_is_named(monkeypatch):
    def broken(target: str) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(plugins, "entry_points", lambda group, name=None: [Point("far", "far:Sink", "far", broken)])
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


def test_a_broken_plugin_is_named_and_so_is_a_clash(monkeypatch):
    points = [Point("kite", "kite:Sink", "rxtape-kite", ImportError("no module named wind"))]
    points += [Point("twin", "one:Sink", "one", MemorySink), Point("twin", "two:Sink", "two", MemorySink)]
    monkeypatch.setattr(plugins, "entry_points", lambda group, name=None: [point for point in points if name in (None, point.name)])
    with pytest.raises(UsageError, match=r"'kite' \(kite:Sink, of rxtape-kite\) cannot be loaded: ImportError: no module named wind"):
        plugins.open_sink("kite:")
    with pytest.raises(UsageError, match="'twin' is offered by one and two"):
        plugins.open_sink("twin:")
    assert [(plugin.name, bool(plugin.problem())) for plugin in plugins.plugins("sink")] == [("kite", True), ("twin", True), ("twin", True)]
