"""A GAP at the edges of windows and bars, row by row; and what marks cost: nothing on a tape without gaps."""

import numpy as np
import pytest
from hurtful import hurtful_tape

from pipeline.checks import observe, tape_of
from pipeline.combine import combine_latest
from pipeline.errors import BadRow
from pipeline.graph import Graph
from pipeline.ingest import Ingest, RawRows
from pipeline.operators import last, moving_average, price_change, rolling_min, volume
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind
from pipeline.windows import bars

NS = 1e-9


def marks_at(build, seconds, kinds):
    """The marks of one symbol's rows: T a trade, G a gap."""
    kind = [{"T": Kind.TRADE, "G": Kind.GAP}[each] for each in kinds]
    return "".join(
        "x" if mark else "."
        for mark in observe(build, tape_of(seconds, price=[1.0 if k == "T" else np.nan for k in kinds], kind=kind)).column("marks")
    )


#   time     0    1    2    3    4    5
#   gap           G
#   "3s"          (--------------]            the row at 4 is the first whose window does not span it

EDGES = {
    "a gap at the window's edge has left": (moving_average("3s"), [0, 1, 4 - NS, 4], "TGTT", ".xx."),
    "a gap and a trade of one time": (moving_average("3s"), [0, 1, 1, 4], "TGTT", ".xx."),
    "two rows after a gap": (moving_average(2), [0, 1, 2, 3, 4], "TTGTT", "..xx."),
    "a gap begins anew": (moving_average(2), [0, 1, 2, 3, 4, 5, 6], "TGTGTTT", ".xxxx.."),
    "the earlier price must be from after the gap": (price_change("2s"), [0, 1, 5, 7 - NS, 7], "TGTTT", ".xxx."),
    "a gap before the first row": (last(), [0, 1, 2], "GTT", "x.."),
    "a gap at the end": (last(), [0, 1], "TG", ".x"),
}  # fmt: skip


@pytest.mark.parametrize(("build", "seconds", "kinds", "expected"), EDGES.values(), ids=EDGES)
def test_at_the_edge_of_a_window(build, seconds, kinds, expected):
    assert marks_at(build, seconds, kinds) == expected


def seen_by_the_tape(seconds, kinds):
    """The marks of the last bar of a second, at each row of a symbol: T a trade, G a gap, Q a quote."""
    kind = [{"T": Kind.TRADE, "G": Kind.GAP, "Q": Kind.QUOTE}[each] for each in kinds]
    ticks = tape_of(seconds, price=[1.0 if k == "T" else np.nan for k in kinds], kind=kind)
    joined = observe(lambda t: combine_latest(b=t.pipe(bars("1s"), last()), v=t.pipe(volume("1ns"))).apply(lambda s: s.b), ticks)
    return "".join("x" if mark else "." for mark in joined.column("marks"))


#   bars     0    1    2    3
#            [----)[---)[---)

BARS_SEEN = {
    "a gap in a bar marks the row that it stands at, and the bar": ([0.1, 0.5, 0.9, 1.0, 1.5, 2.0], "TGQQTQ", ".x.xx."),
    "a gap before the first trade of a bar reaches back into the last": ([0.1, 1.0, 1.2, 1.3, 1.5, 2.0, 2.5, 3.0], "TQGQTQTQ", "..xxxxx."),
}


@pytest.mark.parametrize(("seconds", "kinds", "expected"), BARS_SEEN.values(), ids=BARS_SEEN)
def test_what_the_tape_sees_of_a_bar(seconds, kinds, expected):
    assert seen_by_the_tape(seconds, kinds) == expected


def test_a_window_over_what_the_tape_sees_of_bars_is_whole_again_once_the_bar_has_left_it():
    kinds = "TGTTTTT"
    ticks = tape_of(
        [0.1, 0.5, 0.9, 1.5, 2.5, 3.5, 4.5],
        price=[1.0 if k == "T" else np.nan for k in kinds],
        kind=[Kind.TRADE if k == "T" else Kind.GAP for k in kinds],
    )

    def lowest(t):
        return combine_latest(b=t.pipe(bars("1s"), last()), v=t.pipe(volume("1ns"))).apply(lambda s: s.b).pipe(rolling_min(2))

    assert "".join("x" if mark else "." for mark in observe(lowest, ticks).column("marks")) == ".xxxx.."


def test_a_gap_of_no_symbol_is_refused_at_the_gate():
    rows = RawRows({"time": tape_of(price=[1.0]).time, "symbol": np.zeros(1, "i4"), "kind": np.array([Kind.GAP], "i1")}, ())
    with pytest.raises(BadRow, match="symbol"):
        list(Ingest(SymbolTable()).accept(rows))


def test_a_gap_of_no_symbol_marks_nothing():
    ticks = tape_of([0, 1, 2], ["A", "", "A"], price=[1.0, np.nan, 2.0], kind=[Kind.TRADE, Kind.GAP, Kind.TRADE])
    assert not observe(moving_average(2), ticks).column("marks").any()


# What it costs: nothing on a tape without gaps.


def test_a_tape_without_gaps_makes_no_marks(monkeypatch):
    def refuse(*_):
        raise AssertionError("looked for marks")

    monkeypatch.setattr("pipeline.stage.Stage.marks", refuse)
    observe(lambda t: t.pipe(last()) - t.pipe(moving_average(3)), hurtful_tape(1, 50, trades_only=True), [10, 20])


def test_marks_stop_costing_once_the_gap_has_gone_by(monkeypatch):
    calls = []
    kernel = __import__("pipeline.gaps", fromlist=["marked"]).marked
    monkeypatch.setattr("pipeline.gaps.marked", lambda *arguments: (calls.append(1), kernel(*arguments)))
    ticks = tape_of(price=[1.0, np.nan, *[1.0] * 8], kind=[Kind.TRADE, Kind.GAP, *[Kind.TRADE] * 8])
    observe(moving_average(3), ticks, range(1, 10))
    assert len(calls) == 4


def test_a_graph_without_gaps_says_so():
    assert Graph(SymbolTable()).gaps is False
