"""Sinks and their workers: what arrives, how often it is tried, and who pays for a broken one."""

import io
import json
import os
import threading

import pytest

from pipeline.alerts import Alert
from pipeline.delivery import Delivery
from pipeline.errors import ReaderLeft, SinkError, UsageError
from pipeline.sinks import Sink, files
from pipeline.sinks.console import ConsoleSink, neutral
from pipeline.sinks.jsonl import JsonlSink
from pipeline.sinks.memory import MemorySink
from pipeline.sinks.worker import SinkWorker

START = 1_381_219_200_000_000_000


def alerts(count: int, first: int = 0) -> list[Alert]:
    return [Alert("SPY", START + i, f"alert {i}", {"price": float(i)}, strategy="jump", id=f"id{i}") for i in range(first, first + count)]


class Flaky(MemorySink):
    """Raises at every call for which `fails(number of the call)` holds, before or after it has kept the alerts."""

    def __init__(self, fails, after: bool = False, error: type[BaseException] = ValueError) -> None:
        super().__init__()
        self.fails, self.after, self.error, self.calls, self.closed = fails, after, error, 0, 0

    def write(self, alerts) -> None:
        self.calls += 1
        if self.after:
            super().write(alerts)
        if self.fails(self.calls):
            raise self.error("the disk is on fire")
        if not self.after:
            super().write(alerts)

    def close(self) -> None:
        self.closed += 1


class Blocked(MemorySink):
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.let_go = threading.Event(), threading.Event()

    def write(self, alerts) -> None:
        self.entered.set()
        self.let_go.wait()
        super().write(alerts)


def worker_of(sink: Sink, faults: list, **options) -> SinkWorker:
    return SinkWorker(sink, "test", faults.append, sleep=lambda seconds: None, **options)


def test_alerts_arrive_in_order_and_the_sink_is_closed_once():
    sink, faults = Flaky(lambda call: False), []
    worker = worker_of(sink, faults)
    for first in range(0, 50, 5):
        worker.deliver(alerts(5, first))
    worker.flush()
    assert sink.alerts == alerts(50)
    worker.close()
    assert (sink.closed, worker.delivered, worker.undelivered, faults) == (1, 50, 0, [])


def test_fault_60_a_sink_that_raises_one_time_in_three_gets_everything():
    sink, faults = Flaky(lambda call: call % 3 == 0), []
    worker = worker_of(sink, faults)
    for first in range(20):
        worker.deliver(alerts(1, first))
    worker.close()
    assert sink.alerts == alerts(20)
    assert worker.retries > 5
    assert faults == []


@pytest.mark.parametrize("error", [ValueError, StopIteration, SystemExit, OSError])
def test_fault_60_a_sink_that_always_raises_is_cut_off_and_never_called_again(error):
    sink, faults = Flaky(lambda call: True, error=error), []
    worker = worker_of(sink, faults)
    worker.deliver(alerts(3))
    worker.flush()
    worker.deliver(alerts(4))
    worker.flush()
    worker.close()
    assert (sink.calls, sink.closed, worker.undelivered, worker.delivered) == (3, 1, 7, 0)
    assert [type(fault) for fault in faults] == [error]


def test_fault_60_a_sink_that_raises_after_it_has_kept_the_alerts_can_tell_them_by_id():
    sink = Flaky(lambda call: call % 2 == 1, after=True)
    worker = worker_of(sink, [])
    for first in range(10):
        worker.deliver(alerts(1, first))
    worker.close()
    assert len(sink.alerts) > 10
    assert list({alert.id: alert for alert in sink.alerts}.values()) == alerts(10)


def test_fault_60_a_broken_sink_does_not_touch_the_others():
    good, bad, faults = MemorySink(), Flaky(lambda call: call > 2), []
    delivery = Delivery([bad, good], lambda *fault: faults.append(fault), lambda *args: SinkWorker(*args, sleep=lambda _: None))
    for first in range(30):
        delivery.deliver(alerts(1, first))
    assert delivery.close() == {"Flaky": 28}
    assert good.alerts == alerts(30)
    assert bad.alerts == alerts(2)
    assert [(name, str(error)) for name, error in faults] == [("Flaky", "the disk is on fire")]


def test_a_sink_whose_reader_has_left_is_not_tried_again_and_is_owed_nothing():
    sink, faults = Flaky(lambda call: call == 2, error=ReaderLeft), []
    delivery = Delivery([sink], lambda *fault: faults.append(fault), lambda *args: SinkWorker(*args, sleep=lambda _: None))
    for first in range(5):
        delivery.deliver(alerts(1, first))
    assert delivery.close() == {}
    assert (sink.calls, sink.alerts, delivery.unheard) == (2, alerts(1), True)
    assert [type(error) for _, error in faults] == [ReaderLeft]


def test_pauses_grow_and_are_jittered():
    pauses = []
    worker = SinkWorker(Flaky(lambda call: True), "test", lambda error: None, attempts=5, sleep=pauses.append)
    worker.deliver(alerts(1))
    worker.close()
    assert len(pauses) == 4
    for pause, longest in zip(pauses, (0.05, 0.2, 0.8, 2.0), strict=True):
        assert longest / 2 <= pause <= longest


def test_a_full_queue_holds_the_graph_back_until_the_sink_has_room():
    class Watching(MemorySink):
        depths: tuple[int, ...] = ()

        def write(self, alerts) -> None:
            self.depths += (worker.queued,)
            super().write(alerts)

    sink = Watching()
    worker = worker_of(sink, [], capacity=10)
    for first in range(0, 1000, 5):
        worker.deliver(alerts(5, first))
    worker.close()
    assert sink.alerts == alerts(1000)
    assert max(sink.depths) <= 10


def test_a_sink_that_takes_nothing_is_given_up_after_some_patience():
    sink, faults = Blocked(), []
    worker = worker_of(sink, faults, capacity=1, patience=0.01)
    worker.deliver(alerts(1))
    sink.entered.wait()
    worker.deliver(alerts(1, 1))
    worker.deliver(alerts(1, 2))
    sink.let_go.set()
    worker.close()
    assert [str(fault) for fault in faults] == ["took nothing for 0.01 s"]
    assert worker.undelivered == 3


def test_a_fault_in_flush_or_close_is_reported():
    class Unflushable(MemorySink):
        def flush(self) -> None:
            raise OSError("no space")

    class Uncloseable(MemorySink):
        def close(self) -> None:
            raise OSError("gone")

    for sink, text in ((Unflushable(), "no space"), (Uncloseable(), "gone")):
        faults = []
        worker = worker_of(sink, faults)
        worker.deliver(alerts(1))
        worker.flush()
        worker.close()
        assert [str(fault) for fault in faults] == [text]


# JSON lines.


def test_jsonl_holds_one_object_a_line_whatever_the_message_says(tmp_path):
    path = tmp_path / "alerts.jsonl"
    sink = JsonlSink(path)
    nasty = Alert("S\u202ePY", START, 'a\nb\r\n"c"\x1b[31m\0', {"x": float("nan"), "y": float("inf"), "z": 1.5}, strategy="jump", id="1")
    sink.write([nasty, *alerts(2)])
    sink.flush()
    sink.close()
    read = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    assert len(read) == 3
    assert read[0]["message"] == nasty.message
    assert read[0]["values"] == {"x": None, "y": None, "z": 1.5}
    assert list(read[0]) == list(nasty.as_dict())


def test_jsonl_replaces_an_old_file_only_when_it_is_used(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_text("old\n")
    JsonlSink(path).close()
    assert path.read_text() == "old\n"
    sink = JsonlSink(path)
    sink.flush()
    assert path.read_text() == ""
    sink.close()


def test_a_write_that_fails_half_way_leaves_no_half_line(tmp_path, monkeypatch):
    path, sink, faults = tmp_path / "alerts.jsonl", None, []
    real, calls = os.write, []

    def short_then_full(file, data):
        calls.append(len(data))
        if len(calls) % 3 == 2:
            return real(file, data[:7])
        if len(calls) % 3 == 0:
            raise OSError(28, "No space left on device")
        return real(file, data)

    sink = JsonlSink(path)
    monkeypatch.setattr(files.os, "write", short_then_full)
    worker = worker_of(sink, faults)
    for first in range(9):
        worker.deliver(alerts(1, first))
        worker.flush()
    worker.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [f"id{i}" for i in range(9)]
    assert worker.retries > 0
    assert faults == []


def test_jsonl_that_cannot_be_opened(tmp_path):
    for path, reason in ((tmp_path / "absent" / "a.jsonl", "No such file"), (tmp_path, "directory")):
        with pytest.raises(SinkError, match=reason):
            JsonlSink(path)
    with pytest.raises(UsageError, match=r"jsonl: names no file; write jsonl:alerts\.jsonl"):
        JsonlSink("")


# The console.


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_console_prints_plain_lines_into_a_pipe(capsys):
    ConsoleSink().write([Alert("SPY", START, "x\n\x1b[2J\u202e\x9b", strategy="jump")])
    out = capsys.readouterr().out
    assert out == "2013-10-08T08:00:00Z  SPY  jump  raised  x\\n\\x1b[2J\\u202e\\x9b\n"


def test_the_console_takes_nothing_for_markup_on_a_terminal(capsys):
    ConsoleSink(out=Terminal()).write([Alert("[red]", START, "[bold]:smile: 5 > 4", strategy="jump", severity="critical")])
    assert "[red]  jump  raised  [bold]:smile: 5 > 4" in capsys.readouterr().out


def test_neutral_keeps_every_printable_letter():
    assert neutral("Ünï ¥ €  日本") == "Ünï ¥ €  日本"
    assert neutral("a\u2028b\x7f") == "a\\u2028b\\x7f"
