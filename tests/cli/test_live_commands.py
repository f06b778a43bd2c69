"""`rxtape live` and `rxtape record`, with connections that follow a script."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from cli_folder import filled, problems, rxtape
from scripted_venue import START, Script, Time, trade

from feeds.live import opening
from feeds.live.arrivals import StateChange
from pipeline.errors import UsageError

RULE = '''from pipeline import Strategy, alert_when, combine_latest
from pipeline.operators import moving_average


class Above(Strategy):
    """The price is above its average."""

    def alerts(self, ticks):
        average = ticks.pipe(moving_average(2))
        return combine_latest(average=average).pipe(alert_when(lambda s: s.price > s.average, message="{symbol} {price:.1f}"))
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    Path("above.py").write_text(RULE)
    return tmp_path


@pytest.fixture
def scripted(monkeypatch):
    """Let every connection follow a script."""

    def use(script):
        monkeypatch.setattr(opening, "connecting", lambda stale_after, hours="": Script(script, Time()))

    return use


async def rising(arrivals, streams):
    arrivals.changed(StateChange("binance/1", "live", "", 0.0))
    now = arrivals._clock()
    for number in range(1, 4):
        said = trade(number, "SPYUSDT", price=float(number), seconds=(now - START) / 1e9)
        arrivals.said("binance/1", now, [said])
        await asyncio.sleep(0)


def test_alerts_go_to_standard_output_and_health_to_standard_error(folder, scripted):
    scripted(rising)
    done = rxtape("live", "binance:spyusdt", "-s", "above.py")
    assert done.exit_code == 0, done.output
    assert "SPYUSDT 2.0" in done.stdout
    assert "rxtape: binance/1 is LIVE" in done.stderr
    assert "ticks" in done.stderr


def test_json_is_a_line_an_alert(folder, scripted, capfd):
    scripted(rising)
    done = rxtape("live", "binance:SPYUSDT", "-s", "above.py", "--json")
    (alert,) = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert (alert["symbol"], alert["event"]) == ("SPYUSDT", "raised")
    assert json.loads(done.stderr.splitlines()[-1])["ticks"] == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_fault_5_a_signal_stops_listening_judges_what_waits_and_ends_with_0(folder, scripted, number, request):
    # one that the program ignores, as in the background of a shell, is ignored by design
    kept = signal.signal(number, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(number, kept))

    async def until_stopped(arrivals, streams):
        await rising(arrivals, streams)
        os.kill(os.getpid(), number)
        arrivals.said("binance/1", arrivals._clock(), [trade(4, "SPYUSDT", price=9.0, seconds=(arrivals._clock() - START) / 1e9)])
        await opening_script.closed.wait()

    scripted(until_stopped)
    script = opening.connecting(30.0)
    opening_script = script
    opening.connecting = lambda stale_after, hours="": script
    before = signal.getsignal(number)
    done = rxtape("live", "binance:SPYUSDT", "-s", "above.py", "-o", "jsonl:alerts.jsonl")
    assert done.exit_code == 0, done.output
    assert "4 of 1 symbols" in done.stderr
    assert len(Path("alerts.jsonl").read_text().splitlines()) == 1
    assert signal.getsignal(number) is before


def test_what_was_recorded_replays_the_same_alerts(folder, scripted, capfd):
    scripted(rising)
    first = rxtape("live", "binance:SPYUSDT", "-s", "above.py", "--record", "tape", "--json")
    told = capfd.readouterr().out
    again = rxtape("replay", "tape", "-s", "above.py", "--json")
    assert first.exit_code == again.exit_code == 0, again.output
    assert told == capfd.readouterr().out != ""


def test_a_venue_of_json_is_named_in_the_configuration(folder, scripted):
    asked = []

    async def script(arrivals, streams):
        asked.extend(streams)

    scripted(script)
    Path("rxtape.toml").write_text(
        '[venue.mine]\nurl = "wss://mine.example/ws"\n[venue.mine.trade]\nsymbol = "s"\nprice = "p"\nsize = "q"\n'
    )
    done = rxtape("live", "mine:BTC", "-s", "above.py", "--config", "rxtape.toml")
    assert done.exit_code == 0, done.output
    assert [stream.symbol for stream in asked] == ["BTC"]
    assert rxtape("live", "json:wss://host/path#BTC", "-s", "above.py").exit_code == 0


def test_record_says_how_to_replay(folder, scripted):
    scripted(rising)
    done = rxtape("record", "binance:SPYUSDT", "-o", "tape")
    assert done.exit_code == 0, done.output
    assert "replay it with: rxtape replay tape" in done.stderr
    assert rxtape("replay", "tape", "-s", "above.py").exit_code == 0


@pytest.mark.slow
def test_the_live_demo_says_over_a_socket_what_the_replay_says(folder):
    replayed, lived = rxtape("demo", "-o", "replayed.jsonl"), rxtape("demo", "--live", "-o", "lived.jsonl")
    assert replayed.exit_code == lived.exit_code == 0, lived.output
    of_replay, of_live = (Path(name).read_text().splitlines() for name in ("replayed.jsonl", "lived.jsonl"))
    assert len(of_live) == 14
    assert of_live == of_replay


def test_a_venue_that_refuses_access_later_ends_with_2_and_what_was_heard(folder, scripted):
    async def refused_later(arrivals, streams):
        await rising(arrivals, streams)
        raise UsageError("binance: the venue refuses access: HTTP 401")

    scripted(refused_later)
    done = rxtape("live", "binance:SPYUSDT", "-s", "above.py", "-o", "jsonl:alerts.jsonl")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, "rxtape: binance: the venue refuses access: HTTP 401")
    assert "3 of 1 symbols" in done.stderr
    assert len(Path("alerts.jsonl").read_text().splitlines()) == 1


def test_a_journal_is_the_recording_of_a_run_over_restarts(folder, scripted):
    words = ("live", "binance:SPYUSDT", "-s", "above.py", "--journal", "kept", "-o", "jsonl:alerts.jsonl")
    for _ in range(2):
        scripted(rising)
        done = rxtape(*words)
        assert done.exit_code == 0, done.output
    assert rxtape("journal", "export", "kept", "-o", "tape").exit_code == 0
    assert rxtape("replay", "tape", "-s", "above.py", "-o", "jsonl:again.jsonl").exit_code == 0
    assert Path("again.jsonl").read_text() == Path("alerts.jsonl").read_text() != ""
    refused = rxtape(*words, "--record", "other")
    assert refused.exit_code == 2
    assert "a journal holds the tape as well, over restarts: leave out record" in refused.stderr


def test_a_recording_in_which_nothing_was_heard_says_so(folder, scripted):
    async def silent(arrivals, streams):
        await asyncio.sleep(0)

    scripted(silent)
    done = rxtape("record", "binance:SPYUSDT", "-o", "tape", "--for", "30s")
    assert done.stderr.splitlines()[-1] == "rxtape: nothing was heard, so there is no tape in tape"


def test_a_venue_that_refuses_access_ends_with_2_and_its_reason(folder, scripted):
    async def refused(arrivals, streams):
        raise UsageError("binance: the venue refuses access: HTTP 401")

    scripted(refused)
    done = rxtape("live", "binance:SPYUSDT", "-s", "above.py")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, "rxtape: binance: the venue refuses access: HTTP 401")


WRONG = {
    ("live",): "no venue named; write rxtape live binance:BTCUSDT,ETHUSDT --strategy volume_breakout",
    ("live", "binance"): "'binance' names no venue with symbols; write it as venue:SYMBOL,SYMBOL, such as binance:BTCUSDT,ETHUSDT",
    ("live", "binanse:BTCUSDT"): "no venue named 'binanse'; did you mean 'binance'?",
    ("live", "binance:A1", "--url", "http://x"): "url: 'http://x' is no address of a websocket; expected one such as wss://host/path",
    ("live", "binance:AAA", "binance:BBB"): "binance is named twice; write its symbols together: binance:ONE,TWO",
    ("live", "json:wss://host/path"): "'json:wss://host/path' names no venue with symbols; write it as venue:SYMBOL,SYMBOL, such as json:",
    ("live", "mine:A", "--config", "mine.toml"): "no venue named 'mine'; did you mean 'mina'?",
    ("live", "json:ws://host:99999/#A"): "json: 'ws://host:99999/' is no address of a websocket; expected one such as wss://host/path",
    ("live", "json:ws://[::1/?token=abc#A"): "json: 'ws://[::1/' is no address of a websocket; expected one such as wss://host/path",
    ("live", "json:wss://a/#A", "json:wss://b/#B"): "json is named twice; give each a table [venue.NAME] of the configuration",
    ("live", "binance:AAA", "kraken:B/C", "--url", "ws://127.0.0.1:1"): "ws://127.0.0.1:1 is one address, and 2 venues are named;",
    ("live", "binance:AAA", "--stale-after", "0s"): "stale_after='0s': expected a length of time above 0",
    ("live", "binance:AAA", "--hours", "9-17"): "hours='9-17': expected such as 'Mon-Fri 09:30-16:00 America/New_York'",
    ("record", "binance:AAA", "-o", "tape", "--for", "-1"): "--for -1: expected a length of time above 0, such as 90s or 1h",
    ("record", "binance:AAA", "-o", "tape", "--for", "nan"): "--for nan: expected a length of time above 0, such as 90s or 1h",
    ("record", "binance:BTCUSDT"): "no folder named; write -o FOLDER for the tape",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_is_wrong_is_told_in_one_line(folder, words):
    Path("mine.toml").write_text('[venue.mina]\nurl = "wss://a/"\n')
    said = problems(rxtape(*words, *(["-s", "above.py"] if words[0] == "live" else [])))
    assert any(line.startswith(WRONG[words]) for line in said), said
