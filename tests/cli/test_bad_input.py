"""Bad and late rows on the command line: the message says what to write, and what it says works."""

import json
import re
from pathlib import Path

import pytest
from cli_folder import MINUTE, START, filled, problems, row, rxtape


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    return tmp_path


def add(*rows: str) -> None:
    with Path("ticks.csv").open("a") as file:
        file.writelines(rows)


def replay(*options: str):
    return rxtape("replay", "ticks.csv", "-s", "mine.py", *options)


BAD = row(7, "SPY", 9).rpartition(",")[0] + ",-1\n"
LATE = [row(10, "SPY", 15), row(9, "IBM", 15), row(11, "QQQ", 15)]


def test_a_late_row_ends_the_run_with_every_way_on_and_each_works(folder):
    add(*LATE)
    done = replay()
    assert done.exit_code == 3
    said = next(line for line in done.stderr.splitlines() if line.startswith("INCOMPLETE"))
    assert "ticks.csv:9 column time: 60 s older than the row before it" in said
    assert len(done.stdout.splitlines()) == 2
    ways = re.findall(r"--[a-z]+(?: (?:clamp|drop|\d+s))?", said)
    assert ways == ["--sort", "--lateness 2s", "--late clamp", "--late drop"]
    for way in ("--sort", "--lateness 60s", "--late clamp", "--late drop"):
        going_on = replay(*way.split())
        assert going_on.exit_code == 0, way
        assert len(going_on.stdout.splitlines()) == 3
    assert "1, 1 of them dropped" in going_on.stderr


def test_fault_35_of_a_row_that_cannot_be_read_nobody_knows_where_sorting_would_put_it(folder):
    """Were what sorts before the row's neighbour judged, it might be judged otherwise once the row is put right: law 7."""
    add(row(20, "SPY", "abc"), row(9, "IBM", 15))
    for span in ((), ("--from", "2013-10-08T08:02:00Z", "--until", "2013-10-08T08:04:00Z")):
        done = replay("--sort", *span)
        assert (done.exit_code, done.stdout) == (3, "")
        assert "INCOMPLETE   ticks.csv:8 column price: 'abc' is not a number" in done.stderr
    done = replay("--sort", "--on-bad", "skip")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 2
    add(BAD, row(30, "QQQ", 20))
    Path("ticks.csv").write_text(Path("ticks.csv").read_text().replace(",abc,", ",9,"))
    done = replay("--sort")
    assert (done.exit_code, len(done.stdout.splitlines())) == (3, 2), "a bad value has a time: what is before it stands"


def test_a_bad_row_ends_the_run_and_the_message_offers_to_skip_it(folder):
    add(BAD, row(8, "SPY", 15), row(9, "QQQ", 20))
    done = replay()
    assert done.exit_code == 3
    assert len(done.stdout.splitlines()) == 2
    assert "INCOMPLETE   ticks.csv:8 column size: -1.0 " in done.stderr
    assert "--on-bad skip" in done.stderr.splitlines()[-1]
    done = replay("--on-bad", "skip")
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 3
    assert "bad rows     1" in done.stderr
    assert done.stderr.splitlines()[-1] == "rxtape: the rows set aside are in ticks.csv.quarantine.jsonl"
    (aside,) = map(json.loads, Path("ticks.csv.quarantine.jsonl").read_text().splitlines())
    assert (aside["source"], aside["line"], aside["column"], aside["value"]) == ("ticks.csv", 8, "size", -1.0)


def test_the_rows_set_aside_go_where_they_are_told(folder):
    add(BAD, *LATE)
    done = replay("--on-bad", "skip", "--late", "drop", "--quarantine", "odd.jsonl", "--json")
    assert done.exit_code == 0
    assert [json.loads(line)["line"] for line in Path("odd.jsonl").read_text().splitlines()] == [8, 10]
    summary = json.loads(done.stderr.splitlines()[-1])
    assert (summary["bad_rows"], summary["dropped_rows"]) == (1, 1)


def test_no_run_loses_the_rows_that_another_has_set_aside(folder):
    add(BAD)
    for turn, suffix in enumerate(("", ".2", ".3")):
        done = replay("--on-bad", "skip", *(["--json"] if turn == 2 else []))
        name = f"ticks.csv.quarantine{suffix}.jsonl"
        assert name in done.stderr.splitlines()[-1]
        assert json.loads(Path(name).read_text())["line"] == 8
    Path("other").mkdir()
    Path("other/ticks.csv").write_text(Path("ticks.csv").read_text().replace(BAD, row(7, "SPY", 9) + BAD))
    assert rxtape("replay", "other/ticks.csv", "-s", "mine.py", "--on-bad", "skip").exit_code == 0
    lines = [json.loads(path.read_text())["line"] for path in sorted(Path().glob("*.quarantine*.jsonl"))]
    assert sorted(lines) == [8, 8, 8, 9]


def test_a_run_that_sets_nothing_aside_leaves_no_file(folder):
    assert replay("--on-bad", "skip").exit_code == 0
    assert problems(replay("--on-bad", "skip", "-o", "jsonl:ticks.csv")) != []
    assert not list(Path().glob("*quarantine*"))


def test_a_quarantine_that_is_named_is_replaced_and_that_is_said(folder):
    add(BAD)
    said = "the rows that odd.jsonl held of an earlier run are replaced"
    assert said not in replay("--on-bad", "skip", "--quarantine", "odd.jsonl").stderr
    assert said in replay("--on-bad", "skip", "--quarantine", "odd.jsonl").stderr
    assert len(Path("odd.jsonl").read_text().splitlines()) == 1


def test_rows_set_aside_before_the_input_ends_early_are_told_too(folder):
    add(BAD, *LATE)
    done = replay("--on-bad", "skip")
    assert done.exit_code == 3
    assert done.stderr.splitlines()[-1] == "rxtape: the rows set aside are in ticks.csv.quarantine.jsonl"


def test_a_symbol_to_draw_that_the_tape_does_not_have_is_told_after_the_result(folder):
    done = replay("--plot", "out.png", "--plot-symbol", "SPYY")
    assert done.exit_code == 2
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr.splitlines()[-1] == "rxtape: no symbol of the tape named 'SPYY'; did you mean 'SPY'? There are: IBM, SPY"
    add(BAD)
    done = replay("--plot", "out.png", "--plot-symbol", "SPYY")
    assert done.exit_code == 3
    assert "did you mean 'SPY'?" in done.stderr.splitlines()[-1]


def test_a_quarantine_that_cannot_be(folder):
    before = Path("ticks.csv").read_bytes()
    assert problems(replay("--quarantine", "odd.jsonl")) == [
        "--quarantine is for rows that are set aside: write --on-bad skip or --late drop beside it"
    ]
    assert "the feed and the quarantine file are the same file" in problems(replay("--on-bad", "skip", "--quarantine", "./ticks.csv"))[0]
    assert "are the same file" in problems(replay("-o", "jsonl:ticks.csv"))[0]
    assert Path("ticks.csv").read_bytes() == before


@pytest.mark.parametrize("rows", [[BAD], LATE])
def test_check_first_reads_everything_before_any_alert_leaves(folder, rows):
    add(*rows)
    done = replay("--check-first", "-o", "console:")
    assert done.exit_code == 3
    assert done.stdout == ""
    assert "INCOMPLETE" in done.stderr
    Path("ticks.csv").write_text("".join(Path("ticks.csv").read_text().splitlines(keepends=True)[:7]))
    assert len(replay("--check-first").stdout.splitlines()) == 2


def test_several_files_and_globs_are_one_tape(folder):
    whole = replay().stdout
    head, *rows = Path("ticks.csv").read_text().splitlines(keepends=True)
    for name, part in (("a.csv", rows[::2]), ("b.csv", rows[1::2])):
        Path(name).write_text(head + "".join(part))
    assert rxtape("replay", "a.csv", "b.csv", "-s", "mine.py").stdout == whole
    assert rxtape("replay", "[ab].csv", "-s", "mine.py").stdout == whole != ""


def test_files_that_cannot_be_meant_are_refused(folder):
    said = "ticks.csv is named twice, so its ticks would count twice; name it once"
    assert problems(rxtape("replay", "ticks.csv", "ticks.csv", "-s", "mine.py")) == [said]
    assert problems(rxtape("replay", "*.csv", "./ticks.csv", "-s", "mine.py")) == [said]
    said = "volume_spike is a strategy, and no file; write --strategy volume_spike"
    assert problems(rxtape("replay", "ticks.csv", "volume_spike", "-s", "mine.py")) == [said]


def test_a_file_that_is_no_tape_is_bad_input_alone_and_one_problem_among_others(folder):
    Path("other.csv").write_text("a,b\n1,2\n")
    done = rxtape("replay", "other.csv", "-s", "mine.py")
    assert done.exit_code == 3
    assert done.stderr.startswith("rxtape: other.csv: there is no column time, price")
    words, header = problems(rxtape("replay", "other.csv", "-s", "volume_brekout"))
    assert words.startswith("no strategy named 'volume_brekout'")
    assert header.startswith("other.csv: there is no column time, price")


def test_fault_65_what_a_file_says_cannot_command_the_terminal(folder):
    hurt = "\x1b]0;owned\x07\u202e\x9b31m"
    add(row(7, f"X{hurt}", 99), row(6, "SPY", 9))
    for command in (["replay", "ticks.csv", "-s", "mine.py"], ["inspect", "ticks.csv"]):
        done = rxtape(*command)
        assert "\\x1b" in done.output
        assert not [char for char in done.output if not (char.isprintable() or char == "\n")]
    for text in (f"no{hurt}", f"mine.py:{hurt}"):
        done = rxtape("replay", "ticks.csv", "-s", text, "--tz", hurt, f"--{hurt}")
        assert not [char for char in done.output if not (char.isprintable() or char == "\n")]
        done = rxtape("replay", f"{hurt}.csv", "-s", text, "--tz", hurt, "-o", hurt)
        assert len(problems(done)) == 3
        assert not [char for char in done.output if not (char.isprintable() or char == "\n")]


# What is nearly right on the command line: what it says to write works.


def test_files_that_are_not_there_are_all_named_at_once(folder):
    (said,) = problems(rxtape("replay", "a.csv", "ticks.csv", "b.csv", "-s", "mine.py"))
    assert said == "there are no files a.csv, b.csv"


def test_a_tape_without_sizes_says_how_to_name_them_and_that_works(folder):
    text = Path("ticks.csv").read_text().replace(",size", ",shares")
    Path("ticks.csv").write_text(text)
    (said,) = problems(rxtape("replay", "ticks.csv", "-s", "volume_breakout"))
    assert "needs sizes, and this tape has none: say which column of the file they are, as in --columns size=shares" in said
    assert rxtape("replay", "ticks.csv", "-s", "volume_breakout", "--columns", "size=shares").exit_code == 0


def test_a_strategy_of_trades_on_quotes_names_those_for_quotes_and_they_work(folder):
    Path("ticks.csv").write_text("time,symbol,bid,ask\n1381219200,SPY,10,11\n")
    (said,) = problems(rxtape("replay", "ticks.csv", "-s", "volume_breakout"))
    names = said.rpartition("strategies for quotes are ")[2].split(" and ")
    assert len(names) == 2
    for name in names:
        assert rxtape("replay", "ticks.csv", "-s", name).exit_code == 0


def test_values_with_quotes_too_many_or_too_few_say_which(folder):
    Path("rxtape.toml").write_text('[[strategy]]\nuse = "volume_breakout"\nover = 60\nmove = "0.01"\n')
    over, move = problems(rxtape("replay", "ticks.csv", "--config", "rxtape.toml"))
    assert 'a length of time with its unit: "60s"' in over
    assert "write 0.01 without quotes" in move


def test_rows_are_set_aside_in_the_order_of_their_lines_whoever_refused_them(folder):
    negative = BAD.replace(str(START + 7 * MINUTE), str(START + 11 * MINUTE))
    add(row(10, "SPY", 15), row(9, "IBM", 15), negative, row(12, "SPY", "abc"), row(8, "IBM", 15))
    done = replay("--on-bad", "skip", "--late", "drop", "--quarantine", "odd.jsonl")
    assert done.exit_code == 0
    aside = [json.loads(line) for line in Path("odd.jsonl").read_text().splitlines()]
    assert [each["line"] for each in aside] == [9, 10, 11, 12]
    assert len({each["reason"] for each in aside}) == 4
