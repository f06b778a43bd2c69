"""The deviation from VWAP agrees with its definition whatever was traded first, and however much: law 5 at 60,000 with a tick of 0.01.

size     1e-9  1000  1000   1e12   1   1
price    60,000.00 ...  a session never forgets: each print weighs what it weighs, and takes no digit from the others
"""

import numpy as np
import pytest
from hurtful import reference_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_arrivals import vwap_std as twin
from reference_tape import inputs_of
from tries import tries

from pipeline.checks import observe, tape_of
from pipeline.operators import vwap_std
from pipeline.windows import session

HOURS = session("00:00-24:00", days="Mon-Sun")
RELATIVE = 1e-9


def assert_exact(price, size):
    ticks = tape_of(price=price, size=size)
    found = observe(vwap_std(HOURS), ticks, [1, 3]).column("value")
    expected = np.array(twin(inputs_of(reference_rows(ticks), "price", "size"), HOURS))
    np.testing.assert_allclose(found, expected, rtol=RELATIVE, atol=0.0)


@pytest.mark.parametrize(
    ("price", "size"),
    [
        ([60_000.0, 60_000.01, 60_000.02], [1e-9, 1000.0, 1000.0]),
        ([60_000.0, 60_000.01, 60_000.03, 60_000.01], [1.0, 1e12, 1.0, 1.0]),
        ([60_000.0, 60_000.01, 60_000.03, 60_000.01], [1.0, 1.0, 1e15, 1e-3]),
        ([1e17, 60_000.0, 60_000.01, 60_000.02], [0.0, 1.0, 2.0, 3.0]),
        ([6e10, 60_000.0, 60_000.01, 60_000.02], [1e-30, 1e3, 1e3, 1e3]),
    ],
    ids=["next to nothing first", "a large print", "a large print late", "an absurd price of no size", "an absurd price of next to none"],
)
def test_fault_58_no_print_takes_digits_from_the_others(price, size):
    assert_exact(price, size)


@given(trades=st.lists(st.tuples(st.integers(-500, 500), st.integers(-12, 15), st.sampled_from([1.0, 3.7, 0.0])), min_size=1, max_size=25))
@settings(max_examples=tries(60), deadline=None)
def test_sizes_of_any_magnitude_agree_with_the_definition(trades):
    assert_exact([60_000 + tick / 100 for tick, _, _ in trades], [digit * 10.0**power for _, power, digit in trades])


@pytest.mark.slow
def test_the_definition_law_at_60_000_over_a_million_rows():
    """In whole ticks and whole lots its definition is three sums of whole numbers."""
    rng = np.random.default_rng(1)
    tick, lots = 6_000_000 + np.cumsum(rng.integers(-1, 2, 10**6)), rng.integers(1, 1000, 10**6)
    lots[[0, 10, 5000]] = 10**12, 10**9, 10**12
    found = observe(vwap_std(HOURS), tape_of(seconds=np.arange(10**6) * 0.05, price=tick / 100, size=lots * 1.0)).column("value")[-1]
    volume, value, squares = (sum(int(v) * int(t) ** power for t, v in zip(tick, lots, strict=True)) for power in range(3))
    assert found == pytest.approx(((squares * volume - value**2) ** 0.5 / volume) / 100, rel=RELATIVE)
