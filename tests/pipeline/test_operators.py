"""Every operator obeys the laws, and agrees with its slow twin."""

import math

import numpy as np
import pytest
from hurtful import cuts, hurtful_tape, reference_rows, tapes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operators_under_test import CASES, COMPOSITIONS, Case
from tries import tries

from pipeline.checks import LAWS, observe, symbol_law, tape_of

EVERYTHING = [*CASES, *COMPOSITIONS]
RELATIVE = 1e-9
quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("case", EVERYTHING, ids=str)
@given(ticks=tapes(most_rows=90), at=cuts(90))
@quick
def test_operator_obeys(case, law, ticks, at):
    if not (case.market and law is symbol_law):
        law(case.build, ticks, at[:30] if law.__name__ == "no_look_ahead_law" else at)


@pytest.mark.parametrize("case", EVERYTHING, ids=str)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 120), symbols=st.integers(1, 4), at=cuts(120))
@quick
def test_operator_agrees_with_its_definition(case, seed, rows, symbols, at):
    ticks = hurtful_tape(seed, rows, symbols)
    assert_close(case, observe(case.build, ticks, at).column("value"), case.twin(reference_rows(ticks)))


ODD_QUOTES = {
    "a middle below zero": {"bid": [-37.7, -0.1, 9.0], "ask": [-37.5, 0.3, 10.0], "bid_size": [1.0] * 3, "ask_size": [1.0] * 3},
    "a size that is not known": {"bid": [9.0, 9.0, 9.0], "ask": [10.0] * 3, "bid_size": [5.0, np.nan, 8.0], "ask_size": [5.0] * 3},
}


@pytest.mark.parametrize("quotes", ODD_QUOTES.values(), ids=ODD_QUOTES)
@pytest.mark.parametrize("case", [case for case in EVERYTHING if "spread" in case.name or "order_flow" in case.name], ids=str)
def test_an_operator_of_quotes_agrees_with_its_definition_on_odd_ones(case, quotes):
    ticks = tape_of(**quotes)
    assert_close(case, observe(case.build, ticks).column("value"), case.twin(reference_rows(ticks)))


def assert_close(case: Case, found: np.ndarray, expected: list[float]) -> None:
    wanted = np.array(expected)
    assert np.isnan(found).tolist() == np.isnan(wanted).tolist(), case
    scale = np.abs(wanted) if "corr" not in case.name else np.ones(len(wanted))
    for place in np.flatnonzero(np.abs(found - wanted) > RELATIVE * scale):
        assert math.isclose(found[place], wanted[place], rel_tol=RELATIVE, abs_tol=floor(case)), (
            case,
            int(place),
            found[place],
            wanted[place],
        )


FLOORS = {"log_return": 1e-15, "log_return_2s": 1e-15, "ema of log returns": 1e-15, "macd": 1e-10, "zscore_4": 1e-9, "zscore_3s": 1e-9}
FLOORS |= {"rsi_3": 1e-9, "order_flow_imbalance": 1e-13, "rolling_cov_4": 1e-9, "rolling_beta_4": 1e-9, "std of ema": 1e-9}
"""What a difference of near-equal numbers may be off by: some roundings of the numbers it was made of."""


def floor(case: Case) -> float:
    return FLOORS.get(case.name, 0.0)
