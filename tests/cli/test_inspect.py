"""`rxtape inspect`: what it says of a file, and that the command it prints, and the file it writes, replay it."""

import gzip
import json
import shlex
from pathlib import Path

import pytest
from cli_folder import START, filled, problems, row, rxtape
from recorded_tapes import RECORDED

from pipeline.cli.inspecting import BEGIN_WITH
from pipeline.plugins import load
from pipeline.strategy import Strategy


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    return tmp_path


def printed_command(done) -> list[str]:
    """The words of the command to replay it, without `rxtape`."""
    lines = done.stdout.splitlines()
    return shlex.split(lines[lines.index("replay it with") + 1])[1:]


def test_it_tells_rows_symbols_span_order_oddities_and_the_first_rows(folder):
    with Path("ticks.csv").open("a") as file:
        file.writelines([row(8, "SPY", 140), row(7, "SPY", 141)])
    done = rxtape("inspect", "ticks.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "file         ticks.csv",
        "rows         8: 8 trades",
        "symbols      2: SPY 5, IBM 3",
        "span         2013-10-08T08:00:00Z to 2013-10-08T08:08:00Z (8.0 minutes)",
        "order        1 row late, by up to 60 s",
        "columns      time = timestamp, symbol = symbol, price = price, size = size",
        "delimiter    ,",
        "time_unit    ns",
        "",
        "1 out of order",
        "    ticks.csv:9 60 s older than a row before it",
        "1 price jumps",
        "    ticks.csv:8 SPY 140 after 14",
        "",
        "line                  time  symbol  price  size",
        "   2  2013-10-08T08:00:00Z     IBM    9.0   1.0",
        "   3  2013-10-08T08:01:00Z     SPY   10.0   2.0",
        "   4  2013-10-08T08:02:00Z     IBM   11.0   3.0",
        "   5  2013-10-08T08:03:00Z     SPY   12.0   4.0",
        "   6  2013-10-08T08:04:00Z     IBM   13.0   5.0",
        "",
        "replay it with",
        "    rxtape replay ticks.csv --sort --strategy volume_breakout",
    ]
    assert rxtape(*printed_command(done)).exit_code == 0


NAMES = {
    "plain.csv": ([], "volume_breakout"),
    "with space & 'quotes'.csv": (["--time-unit", "ns"], "volume_breakout"),
    "priced.csv": (["--from", "2013-10-08T08:02:00Z"], "new_high_low"),
    "quoted.csv": (["--sort"], "spread_widening"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_command_it_prints_replays_the_file_as_it_was_read(folder, name):
    options, strategy = NAMES[name]
    text = Path("ticks.csv").read_text()
    if name == "priced.csv":
        text = "".join(line.rpartition(",")[0] + "\n" for line in text.splitlines())
    if name == "quoted.csv":
        text = text.replace("price,size", "bid,ask")
    Path(name).write_text(text)
    found = rxtape("inspect", name, *options)
    assert found.exit_code == 0, found.output
    words = printed_command(found)
    assert words == ["replay", name, *options, "--strategy", strategy]
    done = rxtape(*words, "--json")
    rows = json.loads(rxtape("inspect", name, *options, "--json").stdout)["rows"]
    assert (done.exit_code, json.loads(done.stderr.splitlines()[-1])["ticks"]) == (0, rows)


def test_what_it_writes_replays_the_same(folder):
    options = ["--until", "2013-10-08T08:05:00Z", "--time-unit", "ns"]
    done = rxtape("inspect", "ticks.csv", *options, "--write", "rxtape.toml")
    assert done.exit_code == 0, done.output
    words = shlex.split(done.stderr.partition("replay it with ")[2])[1:]
    assert words == ["replay", "--config", "rxtape.toml", "--strategy", "volume_breakout"]
    mine = ["-s", "mine.py", "--set", "above=9.5"]
    assert rxtape("replay", "-c", "rxtape.toml", *mine).stdout == rxtape("replay", "ticks.csv", *options, *mine).stdout != ""
    before = Path("rxtape.toml").read_text()
    assert problems(rxtape("inspect", "nothing.csv", "--write", "rxtape.toml")) == ["there is no file nothing.csv"]
    refused = rxtape("inspect", "ticks.csv", "--write", "rxtape.toml")
    assert refused.exit_code == 2
    assert refused.stderr == "rxtape: rxtape.toml is there already; remove it, or write to another file\n"
    assert Path("rxtape.toml").read_text() == before


def test_how_a_feed_says_it_is_read_is_shown_and_written(folder, monkeypatch):
    kind = type(load("feed", "file")(["ticks.csv"]))
    monkeypatch.setattr(kind, "read_as", {"time_unit": "ns", "columns": {"time": "timestamp"}, "rows_skipped": 3}, raising=False)
    done = rxtape("inspect", "ticks.csv", "--write", "rxtape.toml")
    assert "time_unit    ns\ncolumns      time = timestamp\nrows_skipped 3\n" in done.stdout
    assert Path("rxtape.toml").read_text() == ('[feed]\nfiles = ["ticks.csv"]\ntime_unit = "ns"\ncolumns = { time = "timestamp" }\n')


def test_bad_rows_are_told_with_their_places_and_the_command_goes_on_after_them(folder):
    with Path("ticks.csv").open("a") as file:
        file.writelines(["tomorrow,SPY,1,1\n", row(9, "SPY", 14)])
    done = rxtape("inspect", "ticks.csv")
    assert done.exit_code == 3
    assert "rows         7: 7 trades; 1 refused" in done.stdout
    assert "1 refused\n    ticks.csv:8 column timestamp: 'tomorrow'" in done.stdout
    assert printed_command(done) == ["replay", "ticks.csv", "--on-bad", "skip", "--strategy", "volume_breakout"]


def test_a_damaged_file_is_told_as_far_as_it_goes(folder):
    packed = gzip.compress(Path("ticks.csv").read_bytes())
    Path("ticks.csv.gz").write_bytes(packed[:-6])
    done = rxtape("inspect", "ticks.csv.gz")
    assert done.exit_code == 3
    assert "rows         6: 6 trades" in done.stdout
    assert "DAMAGED      ticks.csv.gz: the gzip data ends in the middle" in done.stdout


def test_nothing_to_look_at_is_wrong_usage(folder):
    assert problems(rxtape("inspect")) == ["no file named; write rxtape inspect ticks.csv"]
    assert problems(rxtape("inspect", "absent.csv")) == ["there is no file absent.csv"]


VENUES = {
    "tapes/us_equities_20131007.csv.gz": "SPY",
    "tapes/eurusd_quotes_20140502_payrolls.csv.gz": "EURUSD",
    "ticks/nautilus/tardis/bitmex_trades_XBTUSD.csv": "XBTUSD",
}


@pytest.mark.parametrize("path", VENUES)
def test_files_of_three_venues_are_told_and_replayed(path, folder):
    file = RECORDED.parent / path
    if not file.exists():
        pytest.skip(f"{file} is not here")
    head = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    Path("some.csv").write_bytes(b"\n".join(head.split(b"\n")[:2_000]) + b"\n")
    done = rxtape("inspect", "some.csv")
    assert done.exit_code == 0, done.output
    assert VENUES[path] in done.stdout
    assert rxtape(*printed_command(done)).exit_code == 0


def test_the_suggested_strategies_exist():
    for name in BEGIN_WITH:
        assert isinstance(load("strategy", name)(), Strategy)


def test_a_symbol_from_the_name_of_the_file_is_said_to_be_one(folder):
    Path("AAPL.csv").write_text(f"time,price\n{START},10\n")
    lines = rxtape("inspect", "AAPL.csv", "--write", "aapl.toml").stdout.splitlines()
    assert "symbol       AAPL, from the file's name; --symbol says otherwise" in lines
    assert 'symbol = "AAPL"' in Path("aapl.toml").read_text().splitlines()
    assert "symbol       SPY" in rxtape("inspect", "AAPL.csv", "--symbol", "SPY").stdout.splitlines()
