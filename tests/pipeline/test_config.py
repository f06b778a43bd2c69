"""Settings: who is heard, and what is wrong with a configuration, all of it at once."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.config import as_toml
from pipeline.config import Config, ConfigError, Value, concealed, load_config, settled
from pipeline.errors import ParameterError
from pipeline.settings import BY_KEY, SETTINGS


def loaded(folder: Path, text: str) -> Config:
    path = folder / "rxtape.toml"
    path.write_text(text)
    return load_config(path)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text).checked()
    return [problem.removeprefix(str(folder) + "/") for problem in caught.value.problems]


GOOD = """
[feed]
files = ["a.csv", "b*.csv"]
columns = { time = "Date+Time", price = "px" }
header = false
names = ["Date", "Time", "px"]

[run]
lateness = "2s"
max_symbols = 10

[[strategy]]
use = "volume_breakout"
name = "fast"
move = 0.02

[[strategy]]
use = "mine.py:Mine"
"""


def test_a_file_says_what_it_says(tmp_path):
    config = loaded(tmp_path, GOOD)
    assert {key: value.value for key, value in config.values.items()} == {
        "feed.files": ("a.csv", "b*.csv"),
        "feed.columns": {"time": "Date+Time", "price": "px"},
        "feed.header": False,
        "feed.names": ("Date", "Time", "px"),
        "run.lateness": "2s",
        "run.max_symbols": 10,
    }
    assert config.values["run.lateness"].origin == f"{tmp_path / 'rxtape.toml'}:9"
    assert [(choice.use, dict(choice.parameters)) for choice in config.strategies] == [
        ("volume_breakout", {"name": "fast", "move": 0.02}),
        ("mine.py:Mine", {}),
    ]


def test_the_command_line_comes_before_the_environment_the_file_and_the_default(tmp_path, monkeypatch):
    config = loaded(tmp_path, '[run]\nlate = "drop"\nlateness = "1s"\non_bad = "skip"\n')
    monkeypatch.setenv("RXTAPE_RUN_LATENESS", "3s")
    monkeypatch.setenv("RXTAPE_RUN_ON_BAD", "fail")
    values = settled(config, {"run.on_bad": "skip"}).values
    assert values["run.late"] == Value("drop", f"{tmp_path / 'rxtape.toml'}:2")
    assert values["run.lateness"] == Value("3s", "environment RXTAPE_RUN_LATENESS")
    assert values["run.on_bad"] == Value("skip", "command line")
    assert values["feed.speed"] == Value("max", "default")
    assert values.keys() == BY_KEY.keys()


def test_fault_73_everything_that_is_wrong_is_told_at_once_with_its_line_and_key(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    text = """[run]
latness = "2s"
late = "clam"
lateness = "-2s"
max_symbols = 0
check_first = "maybe"

[feed]
files = 7
columns = { time = 3 }
price_scale = "much"
tz = "${NO_SUCH_VARIABLE}"
from = "2013-10-07T13:30"
speed = "0x"
delimiter = ";;"

[outptu]
sinks = []

[[strategy]]
move = 0.02
"""
    assert problems(tmp_path, text) == [
        "rxtape.toml:2: run.latness is no setting; did you mean run.lateness?",
        "rxtape.toml:3: run.late = 'clam': expected one of fail, clamp, drop; did you mean 'clamp'?",
        """rxtape.toml:4: run.lateness = '-2s': '-2s' is no length of time; write it like "250ms", "30s", "1m", "1h30m" or "1d\"""",
        "rxtape.toml:5: run.max_symbols = 0: expected a number of at least 1",
        "rxtape.toml:6: run.check_first = 'maybe': expected true or false",
        "rxtape.toml:9: feed.files = 7: expected a list of texts",
        'rxtape.toml:10: feed.columns = {\'time\': 3}: expected a table such as { time = "Date+Time", price = "px" }',
        "rxtape.toml:11: feed.price_scale = 'much': expected a number",
        "rxtape.toml:12: feed.tz asks for the variable NO_SUCH_VARIABLE, which the environment does not have; export NO_SUCH_VARIABLE=...",
        "rxtape.toml:13: feed.from = '2013-10-07T13:30': expected a time with a zone, such as 2013-10-07T13:30:00Z",
        'rxtape.toml:14: feed.speed = \'0x\': expected max, or how many times as fast as it was, such as "1x" or "60x"',
        "rxtape.toml:15: feed.delimiter = ';;': expected one character, such as ; (a tab is \"tab\")",
        "rxtape.toml:17: outptu is no setting; did you mean output?",
        "rxtape.toml:20: strategy 1 has no use = ...; expected a name, file.py or module:Class",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[run", "is no TOML"),
        ("run = 3", "run is no setting"),
        ("strategy = 3", "write each strategy as a table"),
        ("[[strategy]]\nuse = 3", "use = ..."),
    ],
)
def test_what_is_no_configuration(tmp_path, text, said):
    assert said in problems(tmp_path, text)[0]


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"[run]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_config(tmp_path / "latin.toml")


def test_text_of_the_command_line_is_read_as_the_setting_asks():
    said = {"feed.columns": "time=Date+Time, price=px", "feed.names": "a, b", "run.max_symbols": "5", "feed.sort": "yes"}
    values = settled(Config(), said).values
    assert [values[key].value for key in said] == [{"time": "Date+Time", "price": "px"}, ("a", "b"), 5, True]
    with pytest.raises(ConfigError, match="a column is given twice"):
        settled(Config(), {"feed.columns": "time=a,time=b"}).checked()
    with pytest.raises(ConfigError) as caught:
        settled(Config(), {"feed.columns": "time", "run.max_symbols": "x"}).checked()
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("said", ["B=buy, S=sell,any=unknown", {"B": 1, "S": -1, "any": 0}, {"B": "buy", "S": "Sell", "any": "0"}])
def test_words_of_sides_are_told_by_name_or_number(said):
    assert settled(Config(), {"feed.sides": said}).checked().values["feed.sides"].value == {"B": 1, "S": -1, "any": 0}
    with pytest.raises(ConfigError, match="--sides = 'B=up': expected buy, sell or unknown for each word, such as B=buy,S=sell"):
        settled(Config(), {"feed.sides": "B=up"}).checked()


def test_what_the_environment_filled_in_is_shown_as_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY", "s3cret")
    config = loaded(tmp_path, '[output]\nsinks = ["jsonl:${CANARY}.jsonl"]\n')
    assert config.values["output.sinks"].value == ("jsonl:s3cret.jsonl",)
    assert "s3cret" not in as_toml(settled(config, {}).values, origin=True)


def test_a_variable_that_looks_like_a_setting_and_is_none_is_a_problem(monkeypatch):
    monkeypatch.setenv("RXTAPE_FEED_TZZ", "UTC")
    monkeypatch.setenv("RXTAPE_KERNEL_CACHE", "no section of settings")
    monkeypatch.setenv("RXTAPE_FEED_TZ", "America/NewYork")
    assert [problem.text for problem in settled(Config(), {}).problems] == [
        "RXTAPE_FEED_TZZ in the environment is no setting; did you mean RXTAPE_FEED_TZ?",
        "RXTAPE_FEED_TZ = 'America/NewYork': there is no such time zone; did you mean America/New_York?",
    ]


@pytest.mark.parametrize(("name", "meant"), [("RXTAPE_TZ", "FEED_TZ"), ("RXTAPE_ON_BAD", "RUN_ON_BAD"), ("RXTAPE_FED_TZ", "FEED_TZ")])
def test_a_variable_without_its_section_says_what_it_may_mean(monkeypatch, name, meant):
    monkeypatch.setenv(name, "UTC")
    (problem,) = settled(Config(), {}).problems
    assert problem.text == f"{name} in the environment is no setting; did you mean RXTAPE_{meant}?"


def test_a_date_of_toml_is_a_day_and_no_time(tmp_path):
    config = loaded(tmp_path, "[feed]\nday = 2013-10-07\nfrom = 2013-10-07\n")
    assert config.values["feed.day"].value == "2013-10-07"
    (problem,) = config.problems
    assert "feed.from = '2013-10-07': expected a time with a zone, such as 2013-10-07T00:00:00Z" in problem.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("kafka://me:hush@host/alerts", "kafka://me:***@host/alerts"),
        ("webhook:https://host/x?token=abc&n=1", "webhook:https://host/***"),
        ("an s3cret in words", "an ${CANARY} in words"),
        ("jsonl:a@b.jsonl", "jsonl:a@b.jsonl"),
    ],
)
def test_secrets_are_concealed(text, shown):
    assert concealed(text, {"CANARY": "s3cret"}) == shown


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=10)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "feed.files": st.lists(TEXT, min_size=1, max_size=3).map(tuple),
        "feed.columns": st.dictionaries(TEXT.filter(bool), TEXT, min_size=1, max_size=3),
        "feed.sides": st.dictionaries(TEXT.filter(bool), st.sampled_from([-1, 0, 1]), min_size=1, max_size=3),
        "feed.symbol": TEXT,
        "feed.sort": st.booleans(),
        "feed.price_scale": st.floats(1e-9, 1e9),
        "run.max_symbols": st.integers(1, 10**6),
        "run.late": st.sampled_from(["fail", "clamp", "drop"]),
    },
)


@given(SAID)
def test_what_config_show_writes_is_read_back(said):
    values = settled(Config(), said).values
    written = tomllib.loads(as_toml(values, origin=True))
    for setting in SETTINGS:
        section, _, name = setting.key.partition(".")
        if values[setting.key].value is None:
            assert name not in written[section]
        else:
            assert setting.read(written[section][name]) == values[setting.key].value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_every_setting_refuses_what_it_is_not(setting):
    with pytest.raises(ParameterError, match=setting.key.replace(".", "[.]")):
        setting.read({"a": [1]} if setting.kind != "texts" else 3)
