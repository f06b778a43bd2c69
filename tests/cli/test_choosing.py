"""Strategies and parameters as they are chosen on the command line."""

import pytest

from pipeline.cli.choice import chosen_strategies
from pipeline.errors import UsageError
from strategies.volume_breakout import VolumeBreakout
from strategies.volume_spike import VolumeSpike

RULE = """
from datetime import timedelta
from typing import Literal
from pipeline import Strategy

class Rule(Strategy):
    symbol: str
    way: Literal["up", "down"] = "up"
    over: timedelta = timedelta(minutes=1)
    others: tuple[str, ...] = ()
    most: int | None = None
"""


@pytest.fixture(autouse=True)
def rule(tmp_path, monkeypatch):
    (tmp_path / "rule.py").write_text(RULE)
    monkeypatch.chdir(tmp_path)


CHOSEN = [
    (["volume_spike"], [], [VolumeSpike()]),
    (["volume_spike"], ["move=0.02"], [VolumeSpike(move=0.02)]),
    (["volume_spike"], ["volume_spike.move=0.02", "average=5"], [VolumeSpike(move=0.02, average=5)]),
    (["volume_spike", "volume_breakout"], ["volume_breakout.move=0.02"], [VolumeSpike(), VolumeBreakout(move=0.02)]),
    (
        ["fast=volume_spike", "slow=volume_spike"],
        ["fast.average=5", "slow.average=50"],
        [VolumeSpike(name="fast", average=5), VolumeSpike(name="slow", average=50)],
    ),
    (["volume_spike", "slow=volume_spike"], ["slow.average=50"], [VolumeSpike(), VolumeSpike(name="slow", average=50)]),
    (["one=strategies.volume_spike:VolumeSpike"], ["one.move=1"], [VolumeSpike(name="one", move=1)]),
    (["volume_spike"], ["name=mine"], [VolumeSpike(name="mine")]),
]


@pytest.mark.parametrize(("names", "settings", "strategies"), CHOSEN)
def test_strategies_are_chosen_with_their_parameters(names, settings, strategies):
    assert chosen_strategies(names, settings) == strategies


def test_parameters_of_every_type():
    settings = ["symbol=SPY", "way=down", "over=5m", "others=IBM,QQQ", "most=3"]
    (made,) = chosen_strategies(["rule.py"], settings)
    assert repr(made) == "Rule(symbol='SPY', way='down', over=datetime.timedelta(seconds=300), others=('IBM', 'QQQ'), most=3)"


def test_one_file_twice_is_read_once():
    one, two = chosen_strategies(["one=rule.py", "two=./rule.py"], ["one.symbol=A", "two.symbol=B"])
    assert (one.name, two.name) == ("one", "two")
    one, two = chosen_strategies(["one=rule.py", "two=rule.py"], ["one.symbol=A", "two.symbol=B"])
    assert type(one) is type(two)


WRONG = {
    "no value": (["volume_spike"], ["move"], "--set move: expected PARAMETER=VALUE or NAME.PARAMETER=VALUE"),
    "no name": (["volume_spike"], ["=3"], "expected PARAMETER=VALUE"),
    "a typo": (["volume_spike"], ["mvoe=1"], "no parameter of volume_spike named 'mvoe'; did you mean 'move'?"),
    "a typo of two": (
        ["volume_spike", "volume_breakout"],
        ["basline=1m"],
        "no parameter of volume_spike or volume_breakout named 'basline'; did you mean 'baseline'?",
    ),
    "one of two has it": (
        ["volume_spike", "volume_breakout"],
        ["baseline=1m"],
        "--set baseline=1m: which strategy? Write volume_breakout.baseline=1m",
    ),
    "both have it": (
        ["volume_spike", "volume_breakout"],
        ["move=1"],
        "which strategy? Write volume_spike.move=1 or volume_breakout.move=1",
    ),
    "another strategy's": (
        ["volume_spike", "volume_breakout"],
        ["volume_spike.baseline=1m"],
        "no parameter of volume_spike named 'baseline'",
    ),
    "an unknown strategy": (
        ["volume_spike"],
        ["volume_spkie.move=1"],
        "no chosen strategy named 'volume_spkie'; did you mean 'volume_spike'?",
    ),
    "twice": (["volume_spike"], ["move=1", "volume_spike.move=2"], "volume_spike.move is set twice: to '1' and to '2'"),
    "a name twice": (["a=volume_spike"], ["name=b"], "the name is given already, by --strategy a=volume_spike"),
    "one class twice": (
        ["volume_spike", "volume_spike"],
        [],
        "are named 'volume_spike': volume_spike and volume_spike; give one another name, --strategy volume_spike2=volume_spike",
    ),
    "a label twice": (["a=volume_spike", "a=volume_breakout"], [], "two strategies are named 'a'"),
    "a wrong type": (["volume_spike"], ["average=2.5"], "volume_spike.average = '2.5'; expected a whole number such as 10"),
    "a wrong type, by label": (["fast=volume_spike"], ["average=x"], "fast.average = 'x'; expected a whole number such as 10"),
    "not finite": (["volume_spike"], ["move=nan"], "volume_spike.move = 'nan'; expected a finite number such as 0.02"),
    "not given": (["rule.py"], [], "rule.symbol has no default: give it with --set rule.symbol=...; expected text"),
    "no such strategy": (["volume_spkie"], [], "no strategy named 'volume_spkie'; did you mean 'volume_spike'?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_chosen_is_said(case):
    names, settings, words = WRONG[case]
    with pytest.raises(UsageError) as raised:
        chosen_strategies(names, settings)
    assert words in str(raised.value)
