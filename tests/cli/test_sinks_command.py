"""`rxtape sinks`: what waits is told, delivered and forgotten."""

import json
from pathlib import Path

import pytest
from cli_folder import filled, problems, rxtape

from pipeline.alerts import Alert
from pipeline.errors import Refused
from pipeline.journal import Journal
from pipeline.journal.cursors import Cursor, Cursors
from pipeline.journal.dead import DeadLetters
from pipeline.journal.payloads import alerts_record

NAME = "jsonl:alerts.jsonl"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with a journal `j` of three alerts, of which a sink has got one, and refused another."""
    monkeypatch.chdir(filled(tmp_path))
    with Journal.open("j") as journal:
        journal.append(alerts_record([alert(1), alert(2)]))
        journal.append(alerts_record([alert(3)]))
    cursors = Cursors("j")
    cursors.save(Cursor(NAME, 1, 1, status="waits", error="OSError: no room", delivered=1, dead=1))
    DeadLetters(cursors.folder, cursors.path_of(NAME).stem, cursors.files).add(alert(9), NAME, Refused("400 Bad Request"))
    return tmp_path


def alert(number):
    return Alert("SPY", number, id=f"id{number}")


def ids():
    return [json.loads(line)["id"] for line in Path("alerts.jsonl").read_text().splitlines()]


def test_status_tells_what_waits_and_what_is_wrong():
    done = rxtape("sinks", "status", "--journal", "j")
    assert done.stdout == f"{NAME}  waits, 1 delivered, 2 waiting, 1 refused, frame 1 is next; OSError: no room\n"
    (line,) = rxtape("sinks", "status", "--journal", "j", "--json").stdout.splitlines()
    assert json.loads(line)["waiting"] == 2


def test_retry_delivers_what_waits_and_what_was_refused():
    done = rxtape("sinks", "retry", "--journal", "j", "-o", "sqlite:alerts.db")
    assert done.exit_code == 2
    assert "did you mean" in done.stderr or NAME in done.stderr
    cursors = Cursors("j")
    cursors.save(Cursor("memory:", 1, 1, delivered=1))
    letters = DeadLetters(cursors.folder, cursors.path_of("memory:").stem, cursors.files)
    letters.add(alert(8), "memory:", Refused("400 Bad Request"))
    done = rxtape("sinks", "retry", "--journal", "j", "-o", "memory:")
    assert (done.exit_code, done.stdout) == (0, "memory:  2 alerts were taken, 1 of 1 that it had refused; 0 wait\n")
    assert not list(letters)


def refusing(alerts):
    raise Refused("410 Gone")


def test_what_is_refused_again_stays_with_its_time_and_its_attempts(monkeypatch):
    cursors = Cursors("j")
    cursors.save(Cursor(f"callback:{__name__}:refusing", 3))
    letters = DeadLetters(cursors.folder, cursors.path_of(f"callback:{__name__}:refusing").stem, cursors.files, lambda: 5)
    letters.add(alert(8), "callback", Refused("400 Bad Request"))
    assert [(letter.time, letter.attempts) for letter in letters] == [(5, 1)]
    for turn in (2, 3):
        done = rxtape("sinks", "retry", "--journal", "j", "-o", f"callback:{__name__}:refusing")
        assert done.exit_code == 1
        (letter,) = letters
        assert (letter.error, letter.attempts, letter.time > 5) == ("Refused: 410 Gone", turn, True)


def test_retry_takes_journal_and_sinks_from_the_file_of_the_run(monkeypatch):
    monkeypatch.setenv("PLACE", "a-secret-place")
    Cursors("j").save(Cursor("jsonl:${PLACE}.jsonl", 1))
    Path("rxtape.toml").write_text('[journal]\nfolder = "j"\n[output]\nsinks = ["jsonl:${PLACE}.jsonl"]\n')
    done = rxtape("sinks", "retry", "--config", "rxtape.toml")
    assert (done.exit_code, done.stdout) == (0, "jsonl:${PLACE}.jsonl  3 alerts were taken; 0 wait\n")
    assert len(Path("a-secret-place.jsonl").read_text().splitlines()) == 3
    (said,) = problems(rxtape("sinks", "retry", "--journal", "j"))
    assert said.startswith("name the journal and a sink of it")


def test_after_a_retry_every_cursor_is_where_it_should_be():
    cursors = Cursors("j")
    cursors.save(Cursor("memory:", 1, 1, delivered=1))
    assert rxtape("sinks", "retry", "--journal", "j", "-o", "memory:").exit_code == 0
    assert [each.frame for each in Cursors("j").all()] == [1, 3]


def test_a_file_of_which_nothing_is_known_is_written_from_the_log():
    done = rxtape("sinks", "retry", "--journal", "j", "-o", NAME)
    assert (done.exit_code, done.stdout) == (1, f"{NAME}  3 alerts were taken, 0 of 1 that it had refused; 0 wait\n")
    assert ids() == ["id1", "id2", "id3"]
    assert rxtape("sinks", "status", "--journal", "j").stdout.startswith(f"{NAME}  well, ")


def test_retry_needs_the_journal_for_itself():
    with Journal.open("j"):
        done = rxtape("sinks", "retry", "--journal", "j", "-o", NAME)
    assert done.exit_code == 1
    assert "is locked by" in done.stderr


def test_forget_drops_a_cursor():
    (said,) = problems(rxtape("sinks", "forget", "jsonl:alert.jsonl", "--journal", "j"))
    assert NAME in said
    assert rxtape("sinks", "forget", NAME, "--journal", "j").exit_code == 0
    assert rxtape("sinks", "status", "--journal", "j").stdout == ""


def failing(alert):
    TAKEN.append(alert.id)
    if alert.id == "id7":
        raise KeyError("anything")


TAKEN: list[str] = []


def test_a_letter_is_gone_as_soon_as_it_is_taken_and_any_fault_is_kept_with_its_own():
    name = f"callback:{__name__}:failing"
    cursors = Cursors("j")
    cursors.save(Cursor(name, 3))
    letters = DeadLetters(cursors.folder, cursors.path_of(name).stem, cursors.files)
    for number in (6, 7, 8):
        letters.add(alert(number), name, Refused("400 Bad Request"))
    done = rxtape("sinks", "retry", "--journal", "j", "-o", name)
    assert (done.exit_code, done.stdout) == (1, f"{name}  0 alerts were taken, 2 of 3 that it had refused; 0 wait\n")
    assert [(letter.alert.id, letter.error, letter.attempts) for letter in letters] == [("id7", "KeyError: 'anything'", 2)]
    assert TAKEN == ["id6", "id7", "id8"]


def test_where_there_is_no_journal_or_no_such_sink_nothing_is_made():
    Path("other").mkdir()
    before = sorted(Path().rglob("*"))
    for words in (
        ["--journal", "other", "-o", NAME],
        ["--journal", "j", "-o", "jsonl:new.jsonl"],
        ["--journal", "j", "-o", "sqlite:new.db"],
    ):
        assert rxtape("sinks", "retry", *words).exit_code in (1, 2)
    for words in (["x", "--journal", "other"], ["x", "--journal", "none"]):
        assert rxtape("sinks", "forget", *words).exit_code in (1, 2)
    assert sorted(Path().rglob("*")) == before


def test_forget_needs_the_journal_for_itself():
    with Journal.open("j"):
        done = rxtape("sinks", "forget", NAME, "--journal", "j")
    assert "is locked by" in done.stderr
    assert Cursors("j").of(NAME) is not None
