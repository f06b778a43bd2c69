"""The twins of bars, clock, rules and strategies against each other, pandas and examples worked by hand."""

import math
from datetime import UTC, datetime

import pandas as pd
import pytest
import reference as ref
from reference import Row, RuleRow
from reference_examples import gap, heartbeat, random_tape, same, trade

S = 10**9


#   time     0    5    10   15
#   bar 0    [---------)
#   bar 1              [---------)      never reached its end
def test_a_bar_ends_when_the_tape_reaches_its_end() -> None:
    rows = [trade(1, "B", 4, 2), trade(2, "A", 7), trade(9, "B", 1, 6), trade(10, "B", 5), heartbeat(19)]
    want = [(10 * S, "B", 4, 4, 1, 1, 8, 1.75, 2), (10 * S, "A", 7, 7, 7, 7, 1, 7, 1)]
    assert ref.bars(rows, "10s") == want
    assert ref.bars(rows[:3], "10s") == []
    assert len(ref.bars([*rows, gap(20, "A")], "10s")) == 3


def test_bars_are_those_of_pandas() -> None:
    rows = [row for row in random_tape(1, 300, "A") if row.kind == "TRADE"]
    index = pd.to_datetime([row.time for row in rows])
    table = pd.DataFrame({"price": [row.price for row in rows], "size": [row.size for row in rows]}, index=index).resample("5s")
    want = table["price"].ohlc().assign(volume=table["size"].sum(), count=table["size"].count()).dropna().iloc[:-1]
    got = ref.bars(rows, "5s")
    same([[*bar[2:7], bar.count] for bar in got], want)
    assert [bar.time for bar in got] == (want.index.as_unit("ns").asi8 + 5 * S).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_bars_of_bars_are_bars(seed: int) -> None:
    rows = random_tape(seed, 200)
    small = ref.bars(rows, "1s")
    want = ref.bars(rows, "5s")
    got = ref.bars_of_bars(small, "5s", rows[-1].time)
    assert [bar._replace(vwap=0.0) for bar in got] == [bar._replace(vwap=0.0) for bar in want]
    same([bar.vwap for bar in got], [bar.vwap for bar in want])


def test_a_count_bar_is_closed_by_its_last_trade() -> None:
    rows = [trade(0, "A", 1), trade(0, "B", 5), trade(1, "B", 6), trade(1, "A", 3), trade(1, "A", 9), trade(2, "A", 9), heartbeat(2)]
    first = [(S + 1, "B", 5, 6, 5, 6, 2, 5.5, 2), (S + 1, "A", 1, 3, 1, 3, 2, 2, 2)]
    assert ref.count_bars(rows, 2) == first
    last = (2 * S + 1, "A", 9, 9, 9, 9, 2, 9, 2)
    assert ref.count_bars([*rows, heartbeat(2.1)], 2) == [*first, last]
    assert ref.count_bars_of_bars(ref.bars(rows, "1s"), 2, 2 * S) == [
        (2 * S, "B", 5, 6, 5, 6, 2, 5.5, 2),
        (2 * S, "A", 1, 9, 1, 9, 3, 13 / 3, 3),
    ]


def test_the_clock_tells_of_the_active_before_its_time() -> None:
    rows = [heartbeat(0.5), gap(0.6, "B"), trade(0.7, "A", 3, 2), trade(0.8, "B", 8, 1), trade(2, "A", 4, 5), heartbeat(4.3)]
    want = [
        (1 * S, "B", 8, 1, 800_000_000),
        (1 * S, "A", 3, 2, 700_000_000),
        (2 * S, "B", 8, 0, 800_000_000),
        (2 * S, "A", 3, 0, 700_000_000),
        (3 * S, "A", 4, 5, 2 * S),
        (4 * S, "A", 4, 0, 2 * S),
    ]
    assert ref.clock(rows, "1s", "2s") == want
    assert ref.clock(rows[:1], "1s", "2s") == []


def test_the_clock_reports_all_volume_though_it_misses_times() -> None:
    rows = [trade(0.1, "A", 1, 2), trade(0.9, "A", 1, 3), trade(2.9, "A", 1, 4), heartbeat(9)]
    assert [(row.time // S, row.size) for row in ref.clock(rows, "1s", "500ms")] == [(1, 5), (3, 4)]


def rows_of(text: str, symbol: str = "A") -> list[RuleRow]:
    """One row per letter and second: T true, F false, ? not known, . no row."""
    return [RuleRow(i * S, symbol, letter == "T", known=letter != "?") for i, letter in enumerate(text) if letter != "."]


def told(events: list[ref.Event]) -> list[tuple[float, str, int]]:
    return [(event.time / S, event.event, event.ordinal) for event in events]


def test_a_rule_tells_of_edges_only() -> None:
    assert told(ref.rule(rows_of("FTTFFT"))) == [(1, "raised", 0), (3, "cleared", 0), (5, "raised", 0)]


def test_what_is_not_known_changes_nothing() -> None:
    assert told(ref.rule(rows_of("?T?F?"))) == [(1, "raised", 0), (3, "cleared", 0)]
    assert told(ref.rule(rows_of("T?..F"), hold="3s")) == [(3, "raised", -1), (4, "cleared", 0)]


def test_a_rule_with_its_own_clear_stays_until_then() -> None:
    rows = [row._replace(clear=i == 3) for i, row in enumerate(rows_of("TFTTT"))]
    assert told(ref.rule(rows)) == [(0, "raised", 0), (3, "cleared", 0), (4, "raised", 0)]


def test_a_hold_ends_at_its_time_before_the_rows_of_that_time() -> None:
    assert told(ref.rule(rows_of("T.F"), hold="2s")) == [(2, "raised", -1), (2, "cleared", 0)]
    assert told(ref.rule(rows_of("TF.."), hold="2s")) == []
    assert told(ref.rule(rows_of("TFTT"), hold="2s")) == []
    assert told(ref.rule(rows_of("TFTT"), until=4 * S, hold="2s")) == [(4, "raised", -1)]


def test_a_hold_ends_though_its_symbol_is_quiet() -> None:
    rows = [*rows_of("T"), RuleRow(3 * S, "B", False), RuleRow(4 * S, "A", False)]
    assert told(ref.rule(rows, hold="2s")) == [(2, "raised", -1), (4, "cleared", 0)]
    assert told(ref.rule([*rows_of("T"), RuleRow(3 * S, None, False)], hold="2s")) == [(2, "raised", -1)]


def test_a_raise_waits_for_the_end_of_the_cooldown() -> None:
    assert told(ref.rule(rows_of("TFT..F"), cooldown="4s")) == [(0, "raised", 0), (1, "cleared", 0), (4, "raised", -1), (5, "cleared", 0)]
    assert told(ref.rule(rows_of("TFTF.T"), cooldown="4s")) == [(0, "raised", 0), (1, "cleared", 0), (5, "raised", 0)]


def test_a_row_at_the_end_of_the_cooldown_raises_itself() -> None:
    assert told(ref.rule(rows_of("TF.T"), cooldown="3s")) == [(0, "raised", 0), (1, "cleared", 0), (3, "raised", 0)]


def test_a_cooldown_starts_at_the_raise_not_at_the_clear() -> None:
    assert told(ref.rule(rows_of("TTTFT"), cooldown="2s"))[-1] == (4, "raised", 0)


def test_a_hold_runs_while_the_rule_cools_down() -> None:
    rows = rows_of("T.FT....")
    assert told(ref.rule(rows, until=9 * S, hold="1s", cooldown="5s")) == [(1, "raised", -1), (2, "cleared", 0), (6, "raised", -1)]
    assert told(ref.rule(rows_of("T.FT"), until=9 * S, hold="2s", cooldown="3s"))[-1] == (5, "raised", -1)


def test_deadlines_of_several_symbols_come_in_the_order_of_their_time() -> None:
    # B was raised at 1 s and cools down until 5 s; C and A began to be true at 4 s and are held until 5 s
    letters = {0: "B", 2: "B-", 3: "B", 4: "C A"}
    rows = [RuleRow(t * S, name[0], not name.endswith("-")) for t, names in letters.items() for name in names.split()]
    events = ref.rule(rows, until=5 * S, hold="1s", cooldown="4s")
    assert [(event.time / S, event.symbol, event.event) for event in events[2:]] == [
        (5, "B", "raised"),
        (5, "C", "raised"),
        (5, "A", "raised"),
    ]


def test_who_was_raised_first_is_raised_first_when_both_have_cooled_down() -> None:
    steps = [(0, "A", True), (0, "B", True), (1, "A", False), (1, "B", False), (2, "B", True), (3, "A", True)]
    rows = [RuleRow(t * S, symbol, cond) for t, symbol, cond in steps]
    assert [event[:2] for event in ref.rule(rows, until=4 * S, cooldown="4s")[4:]] == [(4 * S, "A"), (4 * S, "B")]


def test_an_ordinal_counts_the_rows_of_the_symbol_at_that_time() -> None:
    conditions = [("A", False), ("B", True), ("A", True), ("A", False)]
    rows = [RuleRow(S, symbol, cond) for symbol, cond in conditions]
    want = [(S, "B", "raised", 0), (S, "A", "raised", 1), (S, "A", "cleared", 2)]
    assert ref.rule(rows) == want


def test_every_row_raises_but_for_the_cooldown() -> None:
    assert told(ref.rule(rows_of("TTFT?"), every=True)) == [(0, "raised", 0), (1, "raised", 0), (3, "raised", 0)]
    assert told(ref.rule(rows_of("TTTTT"), every=True, cooldown="2s")) == [(0, "raised", 0), (2, "raised", 0), (4, "raised", 0)]


def breakout_by_definition(rows: list[Row], move: float, over: str, average: int, baseline: str) -> list[tuple[int, str, str]]:
    price, size = ref.inputs_of(rows, "price"), ref.inputs_of(rows, "size")
    signals = zip(
        price,
        ref.price_change(price, over),
        ref.moving_average(price, average),
        ref.volume(size, over),
        ref.volume_baseline(size, over, baseline),
        strict=True,
    )
    judged = []
    for row, change, mean, recent, usual in signals:
        cond = abs(change) > move and (row.x - mean) * change > 0 and recent > 2.0 * usual
        known = row.fresh and not any(map(math.isnan, (change, mean, recent, usual)))
        judged.append(RuleRow(row.time, row.symbol, cond, abs(change) < move / 2, known))
    return [event[:3] for event in ref.rule(judged)]


@pytest.mark.parametrize("seed", range(5))
def test_the_flagship_is_its_operators_and_a_rule(seed: int) -> None:
    rows = random_tape(seed, 400)
    want = breakout_by_definition(rows, 0.004, "3s", 3, "6s")
    assert len(want) > 4
    assert ref.volume_breakout(rows, move=0.004, over="3s", average=3, baseline="6s") == want


@pytest.mark.parametrize("seed", range(5))
def test_a_volume_spike_is_its_operators_and_a_rule(seed: int) -> None:
    rows = random_tape(seed, 400)
    price, size = ref.inputs_of(rows, "price"), ref.inputs_of(rows, "size")
    means, usual = ref.moving_average(price, 4), ref.moving_average(size, "9s")
    columns = list(zip(price, means, size, usual, strict=True))
    judged = [
        RuleRow(p.time, p.symbol, abs(p.x / m - 1) > 0.003 and z.x > 1.5 * u, known=p.fresh and not math.isnan(m)) for p, m, z, u in columns
    ]
    for every in (True, False):
        want = [event[:3] for event in ref.rule(judged, every=every)]
        assert len(want) > 4
        assert ref.volume_spike(rows, 0.003, average=4, multiple=1.5, over="9s", every=every) == want


def test_the_flagship_by_hand() -> None:
    start = round(datetime(2024, 1, 2, tzinfo=UTC).timestamp())
    quiet = [trade(start + 30 * i, "A", 100, 10) for i in range(14)]
    jump = [trade(start + 420, "A", 101.5, 90), trade(start + 430, "A", 101.6, 1), trade(start + 490, "A", 101.5, 1)]
    assert ref.volume_breakout([*quiet, *jump]) == [((start + 420) * S, "A", "raised"), ((start + 490) * S, "A", "cleared")]
