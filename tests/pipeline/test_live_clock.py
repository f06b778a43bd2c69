"""The clock that stands still while the whole tape is dead: its rows, and the laws."""

import numpy as np
import pytest
from hurtful import cuts, hurtful_tape, reference_rows, tapes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_arrivals import live_clock as twin
from tries import tries

from pipeline.checks import LAWS, observe, rows_of
from pipeline.errors import ParameterError
from pipeline.operators import age, live_clock, mid, volume

quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))
LAWFUL = {
    "live clock": live_clock("1s", "20s", "2s"),
    "of quotes": lambda t: t.pipe(mid(), live_clock("1s", "20s", "2s")),
    "age by it": lambda t: t.pipe(live_clock("1s", "20s", "2s"), age()),
    "volume by it": lambda t: t.pipe(live_clock("1s", "20s", "2s"), volume("3s")),
}


@pytest.mark.parametrize(("every", "active", "alive"), [("1s", "5m", "5s"), ("2s", "20s", "2s")])
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 60), at=cuts(60))
@quick
def test_live_clock_agrees_with_its_definition(every, active, alive, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    seen = observe(live_clock(every, active, alive), ticks, at)
    expected = twin(reference_rows(ticks), every, active, alive)
    names = ticks.symbols.names(seen.column("symbol").tolist())
    found = zip(seen.column("time").tolist(), names, seen.column("price").tolist(), seen.column("seen").tolist(), strict=True)
    assert list(found) == [(row.time, row.symbol, row.price, row.seen) for row in expected]
    np.testing.assert_allclose(seen.column("size"), [row.size for row in expected], rtol=1e-12)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("build", LAWFUL.values(), ids=LAWFUL)
@given(ticks=tapes(most_rows=70), at=cuts(70))
@quick
def test_live_clock_obeys(build, law, ticks, at):
    law(build, ticks, at[:20] if law.__name__ == "no_look_ahead_law" else at)


#   A      x                                   alive="2s"
#   B      .   x                       x
#   clock    |   |   |   |             |       0.5, 1.5: heard until 3.5; again at 9.0
def test_it_strikes_while_anything_was_heard_within_alive():
    rows = rows_of(live_clock("1s", "1m", "2s"), symbol=["A", "B", "B"], price=[10.0, 20.0, 21.0], seconds=[0.5, 1.0, 9.0])
    assert len(rows) == 5
    assert rows[rows["symbol"] == "A"]["time"].nunique() == 3


def test_what_was_heard_exactly_alive_ago_still_counts():
    assert len(rows_of(live_clock("1s", "1m", "2s"), price=[10.0, 11.0], seconds=[1.0, 60.0])) == 2
    assert len(rows_of(live_clock("1s", "1m", "2s"), price=[10.0, 11.0], seconds=[0.999, 60.0])) == 2


def test_alive_shorter_than_the_period_is_refused():
    with pytest.raises(ParameterError, match=r"live_clock\('5s'.*alive is shorter"):
        live_clock("5s", alive="2s")
