"""FAULTS 56: many symbols. State grows with them and keeps its values; past the limit a new one is refused by name."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline import Strategy, alert_when, combine_latest, run
from pipeline.errors import TooManySymbols
from pipeline.ingest import RawRows
from pipeline.operators import column, moving_average, price_change, rolling_max, rolling_median, rolling_std, volume
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks
from strategies.volume_breakout import VolumeBreakout
from strategies.volume_spike import VolumeSpike

ROOT = Path(__file__).parents[2]
START = 1_700_000_000 * 10**9
SECOND = 10**9


def market(rows: int, symbols: int, seed: int = 0) -> Ticks:
    """Trades of many symbols, the popular ones far more often; prices that jump, sizes that swell."""
    rng = np.random.default_rng(seed)
    code = np.minimum(rng.zipf(1.3, rows), symbols).astype(np.int32)
    code[: min(rows, symbols)] = rng.permutation(np.arange(1, symbols + 1))[:rows]
    jumps = np.where(rng.random(rows) < 1e-3, 1.05, 1.0)
    return Ticks.of(
        START + np.arange(rows) * 10**7,
        code,
        SymbolTable(f"S{k}" for k in range(1, symbols + 1)),
        price=np.round((50.0 + code % 100 + rng.normal(0, 0.05, rows)) * jumps, 2),
        size=np.round(rng.lognormal(3, 1, rows) * np.where(jumps > 1.0, 10.0, 1.0)),
    )


class Everything(Strategy):
    """Windows of both kinds, with rings, stacks and trees; a rule with memory."""

    def alerts(self, ticks):
        signals = combine_latest(
            change=ticks.pipe(price_change(2)),
            average=ticks.pipe(moving_average(3)),
            usual=ticks.pipe(column("size"), moving_average("20s")),
            deviation=ticks.pipe(rolling_std(3)),
            middle=ticks.pipe(rolling_median("30s")),
            best=ticks.pipe(rolling_max(4)),
            size_2=ticks.pipe(volume(2)),
        )
        text = "{symbol} {change} {average} {usual} {deviation} {middle} {best} {size_2}"
        return signals.pipe(alert_when(lambda s: (abs(s.change) > 0.01) & (s.size > s.usual), hold="1s", cooldown="9s", message=text))


def spike(ticks: Ticks) -> list[tuple[int, str]]:
    """What VolumeSpike says, by a loop over the rows of each symbol."""
    found = []
    for code in np.unique(ticks.symbol).tolist():
        rows = np.flatnonzero(ticks.symbol == code)
        price, size, time = ticks.price[rows], ticks.size[rows], ticks.time[rows]
        for place in range(9, len(rows)):
            recent = time[: place + 1] > time[place] - 300 * SECOND
            average, usual = price[place - 9 : place + 1].mean(), size[: place + 1][recent].mean()
            if abs(price[place] / average - 1) > 0.01 and size[place] > 2 * usual:
                found.append((int(time[place]), ticks.symbols.name(code)))
    return sorted(found)


def test_fault_56_10_thousand_symbols():
    ticks = market(60_000, 10_000)
    report = run(ticks, VolumeSpike())
    assert (report.exit_code, report.ticks, report.symbols) == (0, 60_000, 10_000)
    assert [(alert.time, alert.symbol) for alert in report.alerts] == spike(ticks)
    assert len(report.alerts) > 10


@given(seed=st.integers(0, 10**6), few=st.integers(1, 20), many=st.sampled_from([62, 63, 64, 65, 127, 128, 500]), cut=st.integers(1, 399))
@settings(max_examples=tries(30), deadline=None)
def test_fault_56_symbols_that_come_in_the_middle_change_nothing_for_the_others(seed, few, many, cut):
    """Few symbols alone, or with many that appear later and make every state grow: the same alerts, to the last bit."""
    ticks = market(400, few, seed)
    rng = np.random.default_rng(seed)
    places = np.sort(rng.integers(cut, 401, many))
    mixed = Ticks.of(
        np.insert(ticks.time, places, ticks.time[np.minimum(places, 399)]),
        np.insert(
            np.array([ticks.symbols.name(code) for code in ticks.symbol.tolist()], dtype=object), places, [f"NEW{n}" for n in range(many)]
        ),
        price=np.insert(ticks.price, places, 10.0),
        size=np.insert(ticks.size, places, 1.0),
    )
    alone = run(ticks, Everything(), VolumeSpike(move=0.001), VolumeBreakout(over="1s", baseline="2s", move=1e-4))
    among = run(mixed, Everything(), VolumeSpike(move=0.001), VolumeBreakout(over="1s", baseline="2s", move=1e-4))
    assert among.symbols == len(set(ticks.symbol.tolist())) + many
    event(f"{min(len(alone.alerts), 10)} alerts or more")
    known = set(ticks.symbols)
    told = [repr((a.id, a.time, a.symbol, a.values, a.message)) for a in among.alerts if a.symbol in known]  # nan is nan
    assert told == [repr((a.id, a.time, a.symbol, a.values, a.message)) for a in alone.alerts]


class Growing:
    """A feed that names a symbol only when it first appears, in small parts: every state grows while the tape runs."""

    name = "growing"

    def __init__(self, ticks: Ticks, rows: int) -> None:
        self.ticks, self.rows_each, self.columns = ticks, rows, frozenset(ticks.columns)

    def rows(self):
        names = list(self.ticks.symbols)
        place_of, seen = np.zeros(len(names) + 1, np.int32), []
        for first in range(0, len(self.ticks), self.rows_each):
            part = self.ticks[first : first + self.rows_each]
            for code in part.symbol.tolist():
                if not place_of[code]:
                    seen.append(names[code - 1])
                    place_of[code] = len(seen)
            columns = {name: column for name, column in part.columns.items() if name != "seq"}
            yield RawRows(
                {**columns, "symbol": place_of[part.symbol]}, tuple(seen), self.name, lambda row, first=first: (self.name, first + row)
            )


@pytest.mark.parametrize("each", [1, 7, 1000])
def test_fault_56_state_grows_from_64_symbols_in_the_middle_of_the_tape_and_keeps_its_values(each):
    ticks = market(3000, 700, seed=4)
    together = run(ticks, Everything(), VolumeSpike(move=0.001))
    growing = run(Growing(ticks, each), Everything(), VolumeSpike(move=0.001))
    assert len(together.alerts) > 50
    assert growing.alerts == together.alerts
    assert growing.symbols == 700


@pytest.mark.parametrize("limit", [63, 64, 100])
def test_fault_56_past_the_limit_a_new_symbol_is_refused_by_name_and_the_rows_before_it_stand(limit):
    ticks = market(3000, 700, seed=4)
    names = [ticks.symbols.name(code) for code in ticks.symbol.tolist()]
    name = list(dict.fromkeys(names))[limit]
    row = names.index(name)
    for each in (1, 50):
        report = run(Growing(ticks, each), Everything(), VolumeSpike(move=0.001), max_symbols=limit)
        assert isinstance(report.incomplete, TooManySymbols)
        assert repr(name) in str(report.incomplete)
        assert f"limit of {limit}; raise it with --max-symbols" in str(report.incomplete)
        assert (report.exit_code, report.ticks, report.symbols) == (3, row, limit)
        assert report.alerts == run(ticks[:row], Everything(), VolumeSpike(move=0.001)).alerts


@pytest.mark.slow
def test_fault_56_a_million_ticks_of_10_thousand_symbols():
    """Against the loop for a sample of the symbols: the most popular, and those beside the powers of two where states grow."""
    ticks = market(1_000_000, 10_000)
    report = run(ticks, VolumeSpike())
    assert (report.exit_code, report.ticks, report.symbols) == (0, 1_000_000, 10_000)
    chosen = [20, 30, 63, 64, 65, 127, 128, 129, 255, 256, 1023, 1024, 4095, 4096, 8191, 8192, 9998, 9999]
    mine = np.isin(ticks.symbol, chosen)
    part = Ticks.of(ticks.time[mine], ticks.symbol[mine], ticks.symbols, price=ticks.price[mine], size=ticks.size[mine])
    names = {ticks.symbols.name(code) for code in chosen}
    assert [(alert.time, alert.symbol) for alert in report.alerts if alert.symbol in names] == spike(part)
    assert len(report.alerts) > 100


MILLION = """
import resource
import numpy as np
from pipeline import run
from pipeline.ingest import RawRows
from strategies.volume_spike import VolumeSpike

class Endless:
    name, columns = "endless", frozenset(["seq", "time", "symbol", "kind", "price", "size"])
    def __init__(self, distinct, rows): self.distinct, self.total = distinct, rows
    def rows(self):
        names = tuple(f"S{k}" for k in range(self.distinct))
        for first in range(0, self.total, 100_000):
            row = np.arange(first, min(first + 100_000, self.total))
            code = (row % self.distinct + 1).astype(np.int32)
            known = names[: max(int(code.max()), min(first, self.distinct))]
            time, price, size = 1_700_000_000 * 10**9 + row * 10**6, 100.0 + row % 7, 1.0 + row % 3
            if first == 1_500_000:
                self.once = megabytes()
            yield RawRows({"time": time, "symbol": code, "price": price, "size": size}, known)

def megabytes(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
run(Endless(10, 1000), VolumeSpike())
start, feed = megabytes(), Endless(1_000_000, 6_000_000)
report = run(feed, VolumeSpike())
after = megabytes()
refused = run(Endless(1_000_001, 1_000_001), VolumeSpike())
print(report.exit_code, report.symbols, report.ticks, refused.exit_code, refused.ticks, refused.incomplete)
print(round(start), round(feed.once), round(after))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures resident memory")
def test_fault_56_a_million_distinct_symbols_stay_within_a_bound_and_no_more_are_taken():
    done = subprocess.run([sys.executable, "-c", MILLION], capture_output=True, text=True, check=True, cwd=ROOT)
    counts, memory = done.stdout.splitlines()
    assert counts == "0 1000000 6000000 3 1000000 symbol 'S1000000' is one more than the limit of 1,000,000; raise it with --max-symbols"
    start, once, after = map(int, memory.split())
    assert once - start < 900, "a million symbols: ten prices, two windows of sums, and a name, in bytes about 600 each"
    assert after - once < 60, "from then on no symbol is new, and memory stays what it is"
