"""`rxtape explain` and `rxtape whatif`, on a journal of the command line's own."""

import json
from pathlib import Path

import pytest
from cli_folder import filled, problems, rxtape


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with a journal `j` of mine.py, and what it told."""
    monkeypatch.chdir(filled(tmp_path))
    done = rxtape("replay", "ticks.csv", "-s", "mine.py", "--set", "above=11", "-o", "jsonl:alerts.jsonl", "--journal", "j")
    assert done.exit_code == 0, done.output
    return tmp_path


def ids():
    return [json.loads(line)["id"] for line in Path("alerts.jsonl").read_text().splitlines()]


def test_an_alert_of_a_users_file_says_why():
    done = rxtape("explain", ids()[0][:9], "--journal", "j")
    assert done.exit_code == 0, done.output
    assert "the same, to the last bit" in done.stdout
    assert "yes  last > 11.0   12 and 11, by 1" in done.stdout
    told = json.loads(rxtape("explain", ids()[0], "--journal", "j", "--json").stdout)
    assert (told["differences"], told["term"]["holds"], told["recorded"]["id"]) == ([], True, ids()[0])


def test_a_moment_says_why_not():
    done = rxtape("explain", "--symbol", "SPY", "--at", "2013-10-08T08:01:30Z", "--journal", "j")
    assert "NO   last > 11.0   10 and 11, short by 1" in done.stdout
    assert "the rule is inactive" in done.stdout


def test_a_moment_after_the_tape_says_where_it_ends():
    ends = "judged again from j up to frame 2, where it ends at 2013-10-08T08:"
    assert ends in rxtape("explain", "--symbol", "SPY", "--at", "2013-10-09T00:00:00Z", "--journal", "j").stdout
    assert "where it ends" not in rxtape("explain", "--symbol", "SPY", "--at", "2013-10-08T08:01:30Z", "--journal", "j").stdout


def test_an_alert_that_is_not_there_is_told_with_the_newest_that_are():
    (line,) = problems(rxtape("explain", "zzz", "--journal", "j"))
    assert line.startswith(
        f"no alert of j has an id that begins with 'zzz'; its newest of {len(ids())}: {ids()[-1][:8]} raised IBM at 2013-"
    )
    rxtape("replay", "ticks.csv", "-s", "mine.py", "--set", "above=99", "-o", "jsonl:none.jsonl", "--journal", "quiet")
    assert problems(rxtape("explain", "zzz", "--journal", "quiet")) == [
        "no alert of quiet has an id that begins with 'zzz'; it has none at all"
    ]


def test_a_strategy_that_has_moved_can_be_named(folder, monkeypatch):
    alert = ids()[0]
    Path("elsewhere").mkdir()
    Path("elsewhere/moved.py").write_text(Path("mine.py").read_text().replace("above: float = 10.0", "above: float = 11.0"))
    monkeypatch.chdir(folder / "elsewhere")
    done = rxtape("explain", alert, "--journal", "../j")
    assert done.exit_code == 2
    assert "cannot be made again" in done.stderr
    assert "the same, to the last bit" in rxtape("explain", alert, "--journal", "../j", "-s", "moved.py").stdout


def test_what_is_asked_is_one_thing():
    for words in ((), ("",), ("abc", "--symbol", "SPY", "--at", "2013-10-08T08:01:30Z"), ("--symbol", "SPY")):
        (line,) = problems(rxtape("explain", *words, "--journal", "j"))
        assert line.startswith("name an alert, or a moment")


def test_whatif_takes_the_parameters_of_the_journal_and_changes_some():
    done = rxtape("whatif", "jump", "--set", "above=12", "--journal", "j")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].startswith("Jump(above=12.0,")
    assert done.stdout.splitlines()[0].endswith("2 alerts; 1 kept, 1 gained, 1 lost")
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [
        ["gained", "2013-10-08T08:05:00Z", "SPY"], ["lost", "2013-10-08T08:03:00Z", "SPY"],
    ]  # fmt: skip


def test_whatif_says_how_often_a_move_followed():
    done = rxtape("whatif", "jump", "--set", "above=10", "--follow", "0.05", "--within", "2m", "--journal", "j")
    assert "the move followed 100.0% of 2 raised" in done.stdout
    lines = rxtape("whatif", "jump", "--sweep", "above=10,12", "--follow", "0.2", "--within", "2m", "--journal", "j").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["above", "alerts", "kept", "gained", "lost", "followed"],
        ["10", "2", "1", "1", "1", "0.0%", "of", "1"],
        ["12", "2", "1", "1", "1"],
    ]


def test_a_journal_is_replayed_as_it_was_judged_and_by_others():
    before = sorted((path, path.stat().st_mtime_ns) for path in Path("j").iterdir())
    done = rxtape("journal", "replay", "j", "-o", "jsonl:again.jsonl")
    assert done.exit_code == 0, done.output
    assert Path("again.jsonl").read_bytes() == Path("alerts.jsonl").read_bytes()
    rxtape("journal", "replay", "j", "-s", "mine.py", "--set", "above=13", "-o", "jsonl:other.jsonl")
    assert [json.loads(line)["time"] for line in Path("other.jsonl").read_text().splitlines()] == ["2013-10-08T08:05:00Z"]
    assert sorted((path, path.stat().st_mtime_ns) for path in Path("j").iterdir()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("j", "--set", "above=1"), "--set changes a strategy that --strategy names"),
        (("j", "-o", "alerts"), "'alerts' names no sink"),
    ],
)
def test_a_journal_that_cannot_be_replayed_is_told(words, said):
    (line,) = problems(rxtape("journal", "replay", *words))
    assert said in line


def test_whatif_sweeps_as_a_table_and_as_json():
    lines = rxtape("whatif", "jump", "--sweep", "above=10:13:1", "--journal", "j").stdout.splitlines()
    assert lines[0].split() == ["above", "alerts", "kept", "gained", "lost"]
    assert [line.split()[0] for line in lines[1:]] == ["10", "11", "12", "13"]
    assert lines[2].split()[2:] == [lines[2].split()[1], "0", "0"]
    told = [json.loads(line) for line in rxtape("whatif", "jump", "--sweep", "above=10,99", "--journal", "j", "--json").stdout.splitlines()]
    assert [each["parameters"] for each in told] == [{"above": "10"}, {"above": "99"}]
    assert told[1]["alerts"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("jump", "--set", "above"), "sets nothing"),
        (("jump", "--set", "abov=1"), "no parameter of jump named 'abov'"),
        (("jump", "--set", "above=1", "--sweep", "above=1,2"), "by --set and by --sweep"),
        (("nothing",), "no strategy named 'nothing'"),
    ],
)
def test_whatif_says_what_is_wrong(words, said):
    (line,) = problems(rxtape("whatif", *words, "--journal", "j"))
    assert said in line


MOST = """
from pipeline.journal.projections import Projection

class Most(Projection):
    def begin(self):
        return {"rows": 0}

    def rows(self, ticks):
        self.state["rows"] += len(ticks)

    def result(self):
        return [self.state]
"""


def test_a_users_projection_runs_over_an_old_journal():
    Path("most.py").write_text(MOST)
    for words in (("most.py",), ("most.py:Most", "--keep"), ("most.py:Most", "--keep"), ("most.py", "--rebuild")):
        assert rxtape("journal", "project", *words, "--journal", "j").stdout.split() == ["rows", "6"]
    done = rxtape("journal", "project", "outcomes", "--set", "follow=0.5", "--journal", "j", "--json")
    assert json.loads(done.stdout)["alerts"] == len(ids())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("outcome",), "no projection named 'outcome'; did you mean 'outcomes'?"),
        (("mine.py",), "mine.py has 0 projections (none); write mine.py:Class"),
        (("outcomes", "--set", "folow=1"), "no parameter of outcomes named"),
        (("outcomes", "--set", "within=soon"), "outcomes cannot be made"),
    ],
)
def test_a_projection_that_cannot_be_had_is_told(words, said):
    (line,) = problems(rxtape("journal", "project", *words, "--journal", "j"))
    assert said.split(";")[0] in line


def test_an_id_takes_no_moment_no_rule_and_no_name_of_a_strategy():
    for more in (["--strategy", "volume_breakot"], ["--rule", "rul"], ["--symbol", "SPY"], ["--at", "2013-10-08T15:48:40Z"]):
        done = rxtape("explain", "1b98652", "--journal", "nowhere", *more)
        assert done.exit_code == 2
        assert "leave the others out" in done.stderr
