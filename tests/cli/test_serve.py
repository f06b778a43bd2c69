"""`rxtape serve`: what it prints where, how it ends, and a tape that a client in another process reads."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_folder import START, filled, problems, row, rxtape
from served_tapes import subscribed
from websockets.sync.client import connect

COMMAND = "from pipeline.__main__ import main; main()"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    return tmp_path


@pytest.fixture
def somebody(monkeypatch):
    """A client that subscribes to everything as soon as a server listens, on a clock that does not wait; the frames it reads."""
    return subscribed(monkeypatch)


def test_the_line_to_paste_is_on_standard_output_and_everything_else_beside_it(folder, somebody):
    done = rxtape("serve", "ticks.csv", "--as", "binance")
    assert done.exit_code == 0, done.output
    url = done.stdout.split()[4]
    assert done.stdout == f"rxtape live binance:IBM,SPY --url {url} --strategy volume_breakout\n"
    assert url.startswith("ws://127.0.0.1:")
    said = done.stderr.splitlines()
    assert said[0].startswith(f"rxtape: ticks.csv is served as binance at {url}; the tape begins when a client has subscribed")
    assert "rxtape: the tape does not tell who took the initiative in a trade, and binance must: all are said to be bought" in said
    assert said[-1] == "rxtape: 6 rows served to 1 client"


@pytest.mark.parametrize("exchange", ["binance", "coinbase"])
def test_the_whole_tape_is_served(folder, somebody, exchange):
    assert rxtape("serve", "ticks.csv", "--as", exchange, "--speed", "max").exit_code == 0
    frames = [frame.get("data", frame) for frame in somebody]
    assert [float(frame.get("p", frame.get("price"))) for frame in frames if "t" in frame or frame.get("type") == "match"] == [
        *range(9, 15)
    ]


def test_symbols_that_are_spelt_otherwise_are_told(folder, somebody):
    Path("ticks.csv").write_text("timestamp,symbol,price,size\n" + row(0, "BRK.B", 1))
    done = rxtape("serve", "ticks.csv", "--as", "binance")
    assert "rxtape: symbols as binance spells them: BRK.B is BRKB" in done.stderr
    assert done.stdout.startswith("rxtape live binance:BRKB --url")


def test_a_tape_of_quotes_gets_a_strategy_of_quotes(folder, somebody):
    Path("quotes.csv").write_text(f"timestamp,symbol,bid,ask\n{START},EURUSD,1.3,1.4\n")
    done = rxtape("serve", "quotes.csv", "--as", "binance")
    assert done.stdout.endswith(" --strategy spread_widening\n")
    assert "initiative" not in done.stderr


def test_dropping_is_told(folder, somebody):
    done = rxtape("serve", "ticks.csv", "--as", "binance", "--speed", "max", "--drop-after", "4", "--refuse-for", "1ms")
    assert "rxtape: connections cut after 4 rows; new ones are refused for 0.001 s" in done.stderr
    assert "rxtape: 6 rows served to 2 clients" in done.stderr
    assert [float(frame["data"]["p"]) for frame in somebody if frame["stream"].endswith("@trade")] == [*range(9, 15)]


def test_bad_rows_end_the_tape_or_are_left_out_and_told(folder, somebody):
    with Path("ticks.csv").open("a") as file:
        file.write(row(6, "SPY", "abc") + row(7, "SPY", 16))
    done = rxtape("serve", "ticks.csv", "--as", "binance")
    assert done.exit_code == 3
    assert done.stderr.splitlines()[-1] == "rxtape: ticks.csv:8 column price: 'abc' is not a number"
    done = rxtape("serve", "ticks.csv", "--as", "binance", "--on-bad", "skip")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (0, "rxtape: 7 rows served to 1 client, 1 left out")
    assert "rxtape: left out: ticks.csv:8 column price: 'abc' is not a number" in done.stderr


def test_late_rows_end_the_tape_or_are_left_out_and_told(folder, somebody):
    with Path("ticks.csv").open("a") as file:
        file.write(row(0, "SPY", 99))
    assert rxtape("serve", "ticks.csv", "--as", "binance").exit_code == 3
    done = rxtape("serve", "ticks.csv", "--as", "binance", "--late", "drop")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (0, "rxtape: 6 rows served to 1 client, 1 left out")
    assert "rxtape: left out: ticks.csv:8 is too late" in done.stderr


WRONG = {
    ("serve", "ticks.csv"): "missing option '--as'",
    ("serve", "--as", "binance"): "no file named; write rxtape serve ticks.csv --as binance",
    ("serve", "ticks.csv", "--as", "binnace"): "no server named 'binnace'; did you mean 'binance'?",
    ("serve", "ticks.csv", "--as", "binance", "--speed", "fast"): "--speed = 'fast': expected max, or how many times as fast",
    ("serve", "ticks.csv", "--as", "binance", "--port", "99999"): "invalid value for '--port'",
    ("serve", "ticks.csv", "--as", "binance", "--refuse-for", "soon"): "'soon' is no length of time",
    (
        "serve",
        "ticks.csv",
        "--as",
        "binance",
        "--refuse-for",
        "5s",
    ): "--refuse-for says how long connections are refused after --drop-after;",
    ("serve", "ticks.csv", "--as", "binance", "--drop-after", "0"): "invalid value for '--drop-after'",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage_is_one_line(words, folder):
    (said,) = problems(rxtape(*words))
    assert said.startswith(WRONG[words])


def test_a_symbol_that_cannot_be_spelt_is_named_before_anything_is_served(folder):
    Path("ticks.csv").write_text("timestamp,symbol,price,size\n" + row(0, "%%", 1))
    (said,) = problems(rxtape("serve", "ticks.csv", "--as", "coinbase"))
    assert said.startswith("symbol '%%' cannot be spelt as Coinbase spells products")


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": folder}
    return subprocess.Popen([sys.executable, "-c", COMMAND, "serve", "ticks.csv", "--as", "binance", *arguments], **pipes)


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_fault_5_a_signal_closes_every_connection_and_says_no_word_of_python(name, folder):
    server = started(folder, "--speed", "1x")
    url = server.stdout.readline().split()[4]
    with connect(f"{url}/ws/ibm@trade", proxy=None) as client:
        assert json.loads(client.recv())["t"] == 1
        os.kill(server.pid, signal.Signals[name])
        assert list(client) == []
        assert (client.close_code, client.close_reason) == (1001, "the server stops")
    said, complained = server.communicate()
    assert (server.returncode, said) == (128 + signal.Signals[name], "")
    assert "Traceback" not in complained
    assert complained.splitlines()[-1] == "rxtape: 1 row served to 1 client"


def test_fault_5_ctrl_c_before_anybody_has_come_is_quiet(folder):
    server = started(folder)
    assert server.stdout.readline()
    os.kill(server.pid, signal.SIGINT)
    said, complained = server.communicate()
    assert (server.returncode, said) == (130, "")
    assert complained.splitlines()[-1] == "rxtape: 0 rows served to 0 clients"


def test_a_port_that_is_given_is_used_and_one_that_is_taken_is_told(folder):
    server = started(folder)
    port = server.stdout.readline().split()[4].rpartition(":")[2]
    done = rxtape("serve", "ticks.csv", "--as", "binance", "--port", port)
    os.kill(server.pid, signal.SIGINT)
    server.communicate()
    assert done.exit_code == 2
    assert done.stderr.startswith(f"rxtape: port {port} cannot be listened on: ")
