"""What if: the tape of a journal under other parameters, against a replay of the same tape and against what was recorded."""

import pytest
from runs import Above, ticks_of

from pipeline import run
from pipeline.errors import ParameterError, UnknownName, UsageError
from pipeline.whatif import grid, key_of, steps, whatif


@pytest.fixture
def journal(tmp_path):
    """A journal of a run of `Above`."""
    run(ticks_of(300), Above(margin=0.5), journal=tmp_path / "j")
    return tmp_path / "j"


def keys(alerts):
    return {key_of(alert) for alert in alerts}


@pytest.mark.parametrize("margin", [0.1, 0.5, 0.9, 50.0])
def test_gained_lost_and_kept_are_the_difference_of_two_replays(journal, margin):
    (found,) = whatif(journal, [Above(margin=margin)])
    before, after = keys(run(ticks_of(300), Above(margin=0.5)).alerts), keys(run(ticks_of(300), Above(margin=margin)).alerts)
    assert keys(found.gained) == after - before
    assert keys(found.lost) == before - after
    assert keys(found.kept) == after & before
    assert found.alerts == len(after)


def test_a_sweep_in_one_pass_is_each_of_its_settings_alone(journal):
    margins = [0.0, 0.3, 0.5, 0.8]
    together = whatif(journal, [Above(margin=margin) for margin in margins])
    for margin, found in zip(margins, together, strict=True):
        (alone,) = whatif(journal, [Above(margin=margin)])
        assert [keys(part) for part in (found.gained, found.lost, found.kept)] == [
            keys(part) for part in (alone.gained, alone.lost, alone.kept)
        ]


def test_another_name_is_compared_with_the_strategy_of_the_same_class(journal):
    (found,) = whatif(journal, [Above(margin=0.5, name="other")])
    assert (found.gained, found.lost) == ((), ())


def test_what_there_is_nothing_to_compare_with_is_refused(journal):
    from strategies.volume_breakout import VolumeBreakout

    with pytest.raises(UsageError, match="volume_breakout is no strategy of this journal; there are above"):
        whatif(journal, [VolumeBreakout()])
    with pytest.raises(UsageError, match="201 combinations"):
        whatif(journal, [Above()] * 201)
    with pytest.raises(UsageError, match="1,001 combinations"):
        grid({"margin": steps("0:1:0.001")})
    with pytest.raises(UnknownName, match="no strategy of this journal named 'abov'; did you mean 'above'"):
        whatif(journal, [Above()], against="abov")


@pytest.mark.parametrize("text", ["1:2", "1:2:0", "2:1:0.5", "a:b:c", "0:1e9:1"])
def test_a_sweep_that_does_not_end_is_refused(text):
    with pytest.raises(ParameterError, match="from:to:step"):
        steps(text)


def test_sweeps_are_exact_decimals_in_every_combination():
    assert steps("0.1:0.5:0.1") == ["0.1", "0.2", "0.3", "0.4", "0.5"]
    assert steps("3:1:-1") == ["3", "2", "1"]
    assert len(grid({"a": steps("1:3:1"), "b": ["x", "y"]})) == 6
    assert grid({}) == [{}]
