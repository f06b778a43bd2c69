"""What a report notes: what was never known, symbols that never came, and spans beside the input; and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import START, Cut, every_cut, ticks_of

from feeds.streams import between
from pipeline import Strategy, alert_when, combine_latest, run
from pipeline.feed import recorded
from pipeline.notes import notes_on
from pipeline.operators import moving_average, of

ROWS = 12


class Averages(Strategy):
    """The price beyond the averages of several widths."""

    widths: tuple[int, ...]

    def alerts(self, ticks):
        signals = {f"of_{width}": ticks.pipe(moving_average(width)) for width in self.widths}
        return combine_latest(**signals).pipe(alert_when(lambda s: sum(s.price - getattr(s, name) for name in signals) > 0))


class Named(Strategy):
    """Names symbols in every way there is."""

    one: str
    other: str
    third: str

    def alerts(self, ticks):
        signals = combine_latest(third=ticks.pipe(of(self.third)))
        return signals.pipe(alert_when(lambda s: (s.symbol == self.one) & ~s.symbol.isin([self.other]) & (s.price > 0)))


def noted(report) -> list[str]:
    return [name for name, _ in report.notes]


@settings(deadline=None)
@given(st.sets(st.integers(1, ROWS + 3), min_size=1, max_size=4), st.sets(st.integers(1, ROWS - 1)))
def test_what_was_never_known_is_told_and_nothing_else_whatever_the_batches(widths, cuts):
    report = run(Cut(ticks_of(ROWS, symbols="A"), *sorted(cuts)), Averages(widths=tuple(sorted(widths))))
    told = [value.partition(" had no value")[0] for name, value in report.notes if name == "never known"]
    expected = ", ".join(sorted(f"of_{width}" for width in widths if width > ROWS))
    assert told == ([f"averages: {expected}"] if expected else [])
    assert all(note in report.facts() for note in report.notes)


@pytest.mark.parametrize("names", [("A", "B", "C"), ("A", "X", "C"), ("X", "Y", "Z"), ("a", "B", "C")])
def test_a_symbol_that_is_named_and_never_comes_is_told(names):
    report = run(Cut(ticks_of(), *every_cut(60)), Named(one=names[0], other=names[1], third=names[2]))
    told = [value.partition(" ")[0] for name, value in report.notes if name == "no symbol"]
    assert told == sorted(set(names) - set("ABC"))
    if names[0] == "a":
        assert report.notes[0][1].endswith("did you mean A?")


def test_a_run_without_ticks_or_cut_short_notes_nothing():
    assert noted(run(ticks_of(0), Averages(widths=(99,)))) == []
    report = run(ticks_of(5), Averages(widths=(99,)))
    assert noted(report) == ["never known"]
    report.stopped_by = 2
    assert notes_on(None, report) == []


@pytest.mark.parametrize(
    ("start", "until", "name"),
    [(60, 90, "from"), (-90, 0, "until"), (-90, -80, "until"), (0, 1, None), (59, 90, None), (-1, 90, None)],
)
def test_a_span_beside_the_input_is_told(start, until, name):
    second = 1_000_000_000
    ticks = ticks_of(60, symbols="A")
    first, last = int(ticks.columns["time"][0]), int(ticks.columns["time"][-1])
    at = {0: first, 1: first + 1, 59: last, 60: last + 1}
    span = [at.get(edge, START + edge * second * 100) for edge in (start, until)]
    report = run(between(recorded(ticks), *span), Averages(widths=(1,)))
    told = [fact for fact, _ in report.facts() if fact in ("from", "until", "span")]
    assert told == ([name] if name else [])
    assert bool(report.ticks) == (name is None)
