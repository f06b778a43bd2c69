"""`rxtape journal` on the golden journal: what it tells, what it refuses, and that what it takes out is what went in."""

import json
import shutil
from pathlib import Path

import pytest
from cli_folder import problems, rxtape

from pipeline.journal import Content, Journal
from pipeline.journal.payloads import ticks_of
from pipeline.symbols import SymbolTable

GOLDEN = Path(__file__).parents[1] / "journal" / "golden" / "0.1"
FIRST, SECOND = "00000000000000000001.log", "00000000000000000005.log"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with a journal `j`."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(GOLDEN, "j")
    return tmp_path / "j"


def flip(name: str, at: int) -> None:
    data = bytearray(Path("j", name).read_bytes())
    data[at] ^= 1
    Path("j", name).write_bytes(data)


def refused(*words: str, code: int = 3) -> str:
    """The one line that refuses."""
    done = rxtape("journal", *words)
    assert done.exit_code == code, done.output
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("rxtape: ")
    return line


def test_ls_tells_segments_snapshots_and_the_head():
    done = rxtape("journal", "ls", "j")
    assert done.exit_code == 0
    assert f"{FIRST}  frames 1 to 4" in done.stdout
    assert "00000000000000000007.snapshot  after frame 7, row 60 comes next" in done.stdout
    told = json.loads(rxtape("journal", "ls", "j", "--json").stdout)
    assert (told["acknowledged"], [part["last"] for part in told["segments"]]) == (7, [4, 6, 7])
    assert told["head"] in done.stdout


def test_verify_counts_and_a_noted_head_still_holds_after_more_was_written():
    done = rxtape("journal", "verify", "j")
    assert done.exit_code == 0
    assert "good: 7 frames" in done.stdout
    assert "60 rows" in done.stdout
    head = done.stdout.split("head ")[1].split()[0]
    with Journal.open("j") as journal:
        journal.append(next(journal.read(3)))
    assert rxtape("journal", "verify", "j", "--head", head).exit_code == 0
    assert "is not the log that was noted" in refused("verify", "j", "--head", f"7:{64 * chr(48)}")
    assert "the log ends with frame 8" in refused("verify", "j", "--head", f"9:{64 * chr(48)}")
    assert "write SEQ:DIGEST" in refused("verify", "j", "--head", "last", code=2)


def test_one_flipped_byte_in_the_middle_is_refused_with_file_and_offset_and_repair_keeps_what_is_before_it():
    flip(FIRST, 1000)
    line = refused("verify", "j")
    assert f"j/{FIRST} at byte " in line
    assert "the last good frame is 1" in line
    assert "`rxtape journal repair j --to 1`" in line
    assert "good up to frame 1 only" in refused("repair", "j", "--to", "4", code=1)
    done = rxtape("journal", "repair", "j", "--to", "1")
    assert done.exit_code == 0
    assert {line for line in done.stdout.splitlines() if "set aside" in line} == {
        f"set aside: j/{path.name}" for path in Path("j").glob("*.cut")
    }
    assert rxtape("journal", "verify", "j").exit_code == 0
    with Journal.open("j") as journal:
        assert journal.end == 1


def test_a_damaged_snapshot_is_told_and_is_no_damage_of_the_log():
    flip("00000000000000000007.snapshot", 900)
    done = rxtape("journal", "verify", "j")
    assert done.exit_code == 3
    assert "00000000000000000007.snapshot  is passed over: its bytes do not agree" in done.stdout
    assert "after frame 5" in rxtape("journal", "ls", "j").stdout


def test_a_torn_tail_is_told_and_is_no_damage():
    with Path("j", "00000000000000000007.log").open("ab") as file:
        file.write(b"half a frame")
    done = rxtape("journal", "verify", "j")
    assert done.exit_code == 0
    assert "the torn tail, 12 bytes after frame 7" in done.stdout


def test_what_is_exported_is_what_was_journaled():
    done = rxtape("journal", "export", "j", "-o", "out")
    assert done.exit_code == 0, done.output
    assert done.stdout == "60 rows and 6 alerts are in out\n"
    from feeds.files import file

    columns = [rows.columns for rows in file("out").rows()]
    times = [time for part in columns for time in part["time"].tolist()]
    symbols = SymbolTable()
    with Journal.open("j") as journal:
        kept = [ticks_of(frame, symbols) for frame in journal.read() if frame.content is Content.TICKS]
    assert times == [time for ticks in kept for time in ticks.time.tolist()]
    alerts = [json.loads(line) for line in Path("out", "alerts.jsonl").read_text().splitlines()]
    assert [alert["message"] for alert in alerts] == ["übung {x}", ""] * 3
    assert "holds a tape already" in problems(rxtape("journal", "export", "j", "-o", "out"))[0]
    assert "is the journal itself" in problems(rxtape("journal", "export", "j", "-o", "j"))[0]


def test_a_folder_without_a_journal_is_refused():
    Path("empty").mkdir()
    assert "holds no journal" in refused("ls", "empty", code=2)
    assert "there is no folder nowhere" in refused("verify", "nowhere", code=2)
    Path("file").write_text("")
    for folder, what in (("nowhere", "there is no folder nowhere"), ("file", "file is no folder"), ("empty", "empty holds no journal")):
        assert what in refused("repair", folder, "--to", "1", code=2)
        assert what in problems(rxtape("explain", "1b98652", "--journal", folder))[0]
    assert not list(Path("empty").iterdir())


def test_symbols_cannot_command_the_terminal(folder):
    (folder / "evil\x1b[2J.snapshot").write_text("")
    assert "\x1b" not in rxtape("journal", "ls", "j").stdout
