"""What is said of the mistakes that people make when they write their first rules: what was found, and what to write."""

import json
import re

import numpy as np
import pytest
from reactivex import operators as ops
from runs import Above, ticks_of

from pipeline import Strategy, alert_when, combine_latest, frame, run
from pipeline.doors import each_tick
from pipeline.errors import BuildError, ParameterError, UsageError
from pipeline.functions import nearest_argument
from pipeline.operators import ema, last
from pipeline.sinks.memory import MemorySink


class Rule(Strategy):
    """Does as a test says."""

    move: float = 0.1
    over: str = "1m"

    def alerts(self, ticks):
        return MADE[self.name](ticks)


def prices(ticks):
    return combine_latest(last=ticks.pipe(last()))


MADE = {
    "cleared": lambda t: prices(t).pipe(alert_when(lambda s: s.last > 1, cleared=lambda s: s.last < 1)),
    "a span": lambda t: combine_latest(fast=t.pipe(ema(spam=3))).pipe(alert_when(lambda s: s.fast > 1)),
    "text": lambda t: prices(t).pipe(alert_when("last > 1")),
    "text to clear": lambda t: prices(t).pipe(alert_when(lambda s: s.last > 1, clear="last < 1")),
    "and": lambda t: prices(t).pipe(alert_when(lambda s: s.last > 1 and s.price > 2)),
    "no brackets": lambda t: prices(t).pipe(alert_when(lambda s: (s.last + 1) & (s.price > 2))),
    "a number": lambda t: prices(t).pipe(alert_when(lambda s: -abs(s.last - s.price) * 2)),
}
SAID = {
    "cleared": "did you mean clear=?",
    "a span": "did you mean span=?",
    "text": "alert_when: condition is 'last > 1'; expected a function of the rows, such as lambda s: s.price > 10",
    "text to clear": "alert_when: clear is 'last < 1'; expected a function of the rows",
    "and": "in the condition: last > 1 is a column, neither true nor false",
    "no brackets": "one side of (last + 1) & (price > 2) is none",
    "a number": "the condition gives the number (-(abs(last - price))) * 2; expected a comparison",
}


@pytest.mark.parametrize("mistake", MADE)
def test_a_rule_that_cannot_work_says_what_to_write(mistake):
    with pytest.raises(BuildError, match=re.escape(SAID[mistake])):
        run(ticks_of(), Rule(name=mistake))


def test_arguments_of_functions_that_are_not_ours_are_left_to_python():
    assert nearest_argument(TypeError("f() got an unexpected keyword argument 'x'")) == ""
    assert nearest_argument(ValueError("alert_when() got an unexpected keyword argument 'cleared'")) == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([Above()], "give them one by one"),
        ("volume_breakout", "make one: from strategies.volume_breakout import VolumeBreakout, then VolumeBreakout()"),
        ("mine.py", "an object of a class of yours"),
        (Above, "make one: Above()"),
    ],
)
def test_what_is_no_strategy_says_how_to_make_one(wrong, said):
    with pytest.raises(BuildError, match=re.escape(said)):
        run(ticks_of(), wrong)


def test_parameters_have_names():
    with pytest.raises(ParameterError, match=re.escape("Rule(0.2, '5m'): parameters are given by name, Rule(move=0.2, over='5m')")):
        Rule(0.2, "5m")


def test_an_operator_of_a_frame_is_called():
    with pytest.raises(BuildError, match=re.escape("frame: fast is ema without calling it; call it, as in fast=ema(span")):
        frame(ticks_of(), fast=ema)


def test_one_sink_may_stand_alone(tmp_path):
    report, sink = run(ticks_of(), Above(), sinks=f"jsonl:{tmp_path / 'a.jsonl'}"), MemorySink()
    run(ticks_of(), Above(), sinks=sink)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [alert.id for alert in sink.alerts] == [alert.id for alert in report.alerts]
    with pytest.raises(UsageError, match="names no sink"):
        run(ticks_of(), Above(), sinks="a.jsonl")


BY_THE_BATCH = [ops.map(lambda ticks: ticks.price), ops.filter(lambda ticks: ticks.price > 1), ops.map(np.sum)]


@pytest.mark.parametrize("operator", BY_THE_BATCH)
def test_rx_on_whole_batches_says_how_to_have_single_ticks(operator):
    class Plain(Strategy):
        door: bool = False

        def alerts(self, ticks):
            return ticks.pipe(each_tick(), operator) if self.door else ticks.pipe(operator)

    hint = "write ticks.pipe(each_tick(), ...)"
    assert hint in str(run(ticks_of(), Plain()).quarantined[0])
    assert all(hint not in str(fault) for fault in run(ticks_of(), Plain(door=True)).quarantined)
