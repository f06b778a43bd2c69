"""Why an alert fired, judged again from the journal: the same bits, the rows behind each value, the terms that hold and that fail."""

from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_tapes import RECORDED
from rules_under_test import Level, level_tape
from runs import Above, Cut, Ups, ticks_of
from tries import tries

from pipeline import Strategy, alert_when, combine_latest, run
from pipeline.alerts import Alert
from pipeline.checks import tape_of
from pipeline.errors import JournalError, UnknownName, UsageError
from pipeline.explain import explain, explain_moment
from pipeline.journal import Content, Journal, Keep, Limits
from pipeline.journal.payloads import alerts_of, alerts_record
from pipeline.journaling import Journaling
from pipeline.operators import moving_average, price_change, volume
from pipeline.retelling import JournalTape, alerts_in
from pipeline.terms import terms_of
from pipeline.whatif import whatif

SECOND = 1_000_000_000


class Everything(Strategy):
    """A rule with a hold, one on bars, one across symbols of a tape."""

    def alerts(self, ticks):
        both = combine_latest(change=ticks.pipe(price_change("5s")), mean=ticks.pipe(moving_average(3)), traded=ticks.pipe(volume("10s")))
        return [
            both.pipe(alert_when(lambda s: (s.price > s.mean) & (s.traded > 5), hold="2s", name="held")),
            both.pipe(alert_when(lambda s: (abs(s.change) > 0.001) | (s.symbol == "A"), name="either")),
        ]


def told(folder, ticks, *strategies, cuts=()):
    """A journal of a run."""
    run(Cut(ticks, *cuts), *strategies, journal=folder)
    return [each.alert for each in alerts_in(JournalTape(folder))]


def made(folder, strategy):
    return lambda alert: explain(alert.id, folder, strategy)


@settings(max_examples=tries(15), deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(1, 119), max_size=4, unique=True).map(sorted))
def test_every_alert_is_found_again_with_the_same_bits_and_its_condition_holds(tmp_path_factory, seed, cuts):
    folder = tmp_path_factory.mktemp("journal")
    strategy = Level(of="row", hold="2s", cooldown="3s") if seed % 2 else Everything()
    ticks = level_tape(seed, 120, 3, unknown=0.0) if seed % 2 else ticks_of(120, seed)
    for alert in told(folder, ticks, strategy, cuts=cuts):
        found = explain(alert.id, folder, strategy)
        assert found.differences == []
        assert msgspec.msgpack.encode(found.found) == msgspec.msgpack.encode(alert)
        assert found.term.holds == (alert.event == "raised")
        assert str(found)


def test_the_rows_behind_a_value_are_those_of_its_window(tmp_path):
    ticks = tape_of(range(12), symbol=["A", "B"] * 6, price=[float(n) for n in range(12)], size=[n + 1.0 for n in range(12)])
    alerts = told(tmp_path / "j", ticks, Everything())
    last = [alert for alert in alerts if alert.rule == "either" and alert.symbol == "B"][-1]
    found = explain(last.id, tmp_path / "j", Everything())
    row = found.row
    (mean,) = found.windows["mean"]
    assert (mean.rows, mean.first[0], mean.last[0]) == (min(3, row // 2 + 1), max(row - 4, 1), row)
    (traded,) = found.windows["traded"]
    inside = [n for n in range(1, row + 1, 2) if n > row - 10]
    assert (traded.rows, traded.first[0], traded.last[0]) == (len(inside), inside[0], row)
    assert found.values["traded"] == sum(n + 1 for n in inside)


def test_why_nothing_fired_names_the_term_that_failed_and_by_how_much(tmp_path):
    ticks = tape_of([0, 1, 2, 3], price=[100.0, 100.0, 100.0, 100.05], size=[1.0, 1.0, 1.0, 7.0])
    told(tmp_path / "j", ticks, Everything())
    start = int(ticks.time[0])
    (held,) = explain_moment("A", start + int(2.5 * SECOND), tmp_path / "j", given=Everything(), rule="held")
    assert [(each.text, each.holds, each.short) for each in held.term.comparisons()] == [
        ("price > mean", False, 0.0),
        ("traded > 5", False, 2.0),
    ]
    assert held.state == "the rule is inactive"
    (later,) = explain_moment("A", start + 3 * SECOND, tmp_path / "j", given=Everything(), rule="held")
    assert later.term.holds
    assert later.state.startswith("the rule is pending: met, and its hold runs until 2024-01-02T00:00:05Z")
    (early,) = explain_moment("A", start, tmp_path / "j", given=Everything(), rule="held")
    assert np.isnan(early.values["mean"])
    assert "1 of 3 rows" in str(early)
    assert "a value is not known" in str(early)


def test_a_value_that_was_tampered_with_is_told(tmp_path):
    alerts = told(tmp_path / "j", ticks_of(60), Above())
    with Journal.open(tmp_path / "j") as journal:
        (last,) = [frame for frame in journal.read() if frame.content is Content.ALERTS][-1:]
        forged = [msgspec.structs.replace(alert, values={**alert.values, "average": 1.0}) for alert in alerts_of(last)]
        journal.append(alerts_record(forged), urgent=True)
    assert forged[-1].id == alerts[-1].id
    found = explain(alerts[-1].id, tmp_path / "j", Above())
    assert len(found.differences) == 1
    assert found.differences[0].startswith("value average: recorded 1.0, now ")
    assert "NOT the same:" in str(found)


def test_what_cannot_be_explained_says_why(tmp_path):
    told(tmp_path / "j", ticks_of(60), Ups(), Above())
    ups = next(each.alert for each in alerts_in(JournalTape(tmp_path / "j")) if each.alert.strategy == "ups")
    with pytest.raises(UsageError, match="makes the alerts of rule by hand"):
        explain(ups.id, tmp_path / "j", Ups())
    with pytest.raises(UsageError, match="no alert of"):
        explain("nothing", tmp_path / "j")
    with pytest.raises(UsageError, match="an alert's id is empty"):
        explain("", tmp_path / "j")
    ((letter, count),) = Counter(each.alert.id[0] for each in alerts_in(JournalTape(tmp_path / "j"))).most_common(1)
    with pytest.raises(UsageError, match=f"{count} alerts of .* begin with {letter}: .*write more of the id"):
        explain(letter, tmp_path / "j")
    with pytest.raises(UnknownName, match="no symbol with a row"):
        list(explain_moment("ZZZ", 1 << 62, tmp_path / "j", given=Above()))
    with pytest.raises(UnknownName, match="no rule that can be looked into named 'nope'"):
        list(explain_moment("A", 1 << 62, tmp_path / "j", "above", "nope"))
    with pytest.raises(UnknownName, match="no strategy of the journal named 'abov'"):
        list(explain_moment("A", 1 << 62, tmp_path / "j", "abov"))


def test_terms_are_told_as_they_were_written():
    values = {"x": 2.0, "y": 3.0}
    either = terms_of(lambda s: (s.x > 5) | ~(s.y < 4), values, "SPY")
    assert (either.how, either.holds, [part.text for part in either.parts]) == ("any of", False, ["x > 5", "~(y < 4)"])
    chain = terms_of(lambda s: (s.x > 1) & (s.y > 1) & (s.symbol != "IBM") & s.up, {**values, "up": 1.0}, "SPY", {"up": True})
    assert (chain.how, chain.holds, len(chain.parts)) == ("all of", True, 4)
    assert terms_of(lambda s: np.maximum(s.x, s.y) - 1 >= 2, values, "SPY").short == 0.0
    assert terms_of(lambda s: s.symbol.isin(["SPY"]), values, "SPY").holds


@pytest.fixture
def shortened(tmp_path, monkeypatch):
    """A journal of which retention has removed the beginning, and its alerts as they were told."""
    monkeypatch.setattr("pipeline.journaling.IN_REPLAY", Limits(segment_bytes=4096))
    how = Journaling(tmp_path / "j", snapshot_rows=100, keep=Keep(size=1))
    report = run(Cut(ticks_of(900), *range(20, 900, 20)), Above(), journal=how)
    assert JournalTape(tmp_path / "j").shortened
    return tmp_path / "j", list(report.alerts)


def test_of_a_journal_whose_beginning_is_gone_the_rest_is_explained_from_a_snapshot(shortened):
    folder, alerts = shortened
    left = [each.alert for each in alerts_in(JournalTape(folder))]
    assert 0 < len(left) < len(alerts)
    found = explain(left[-1].id, folder, Above())
    assert found.differences == []
    assert found.recorded == alerts[-1]
    for name in sorted(name for name in (folder).iterdir() if name.suffix == ".snapshot")[:-1]:
        name.unlink()
    with pytest.raises(JournalError, match="cannot be judged again: the log of"):
        explain(left[0].id, folder, Above())
    with pytest.raises(UsageError):
        explain(alerts[0].id, folder, Above())


def test_a_journal_whose_beginning_is_gone_goes_on(shortened):
    folder, alerts = shortened
    how = Journaling(folder, snapshot_rows=100, keep=Keep(size=1))
    more = run(ticks_of(900), Above(), journal=how)
    assert (more.ticks, len(more.alerts)) == (0, 0)
    (found,) = whatif(folder, [Above()])
    assert found.kept
    assert {alert.id for alert in found.kept} <= {alert.id for alert in alerts}
    assert len(found.gained) < 5  # while the windows fill


@pytest.mark.slow
def test_every_alert_of_a_real_day_is_found_again(tmp_path):
    from feeds.recorded import csv
    from strategies.volume_breakout import VolumeBreakout

    path = RECORDED / "us_equities_20131008.csv.gz"
    if not path.exists():
        pytest.skip("the tapes are not there")
    run(csv(path), VolumeBreakout(move=0.003), journal=tmp_path / "j")
    found = [explain(each.alert.id, tmp_path / "j") for each in alerts_in(JournalTape(tmp_path / "j"))]
    assert len(found) == 29
    assert not [each for each in found if each.differences or each.term.holds != (each.recorded.event == "raised")]
    assert isinstance(found[0].recorded, Alert)
