"""No prices make the tree of a quantile deep: it is balanced after every row, whatever came."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.checks import observe, tape_of
from pipeline.operators import rolling_median
from pipeline.operators.quantile import DEEPEST, HEAVY, LEFT, NONE, RIGHT, SIZE
from pipeline.stage import Input, Stage

PRICES = st.lists(st.integers(0, 12), min_size=1, max_size=120)


def levels(slots, root: int) -> int:
    """How deep a tree is; on the way, that its sizes, its order and its balance are right."""

    def visit(node: int) -> tuple[list[tuple[float, int]], int]:
        if node == NONE:
            return [], 0
        place = node & slots.mask
        (low, a), (high, b) = visit(slots.tree[place, LEFT]), visit(slots.tree[place, RIGHT])
        assert slots.tree[place, SIZE] == len(low) + len(high) + 1
        assert len(low) + 1 <= HEAVY * (len(high) + 1)
        assert len(high) + 1 <= HEAVY * (len(low) + 1)
        return [*low, (slots.value[place], node), *high], 1 + max(a, b)

    rows, depth = visit(root)
    assert rows == sorted(rows)
    return depth


@pytest.mark.parametrize("window", [1, 7, 40, "5s", "40s", "1h"])
@settings(deadline=None)
@given(prices=PRICES)
def test_the_tree_is_balanced_after_every_row(window, prices):
    stage = Stage(rolling_median(window), 2)
    ticks = tape_of(price=[float(price) for price in prices])
    for row in range(len(ticks)):
        one = ticks[row : row + 1]
        stage.step(Input(one, np.ones(1, np.bool_), one.price))
        levels(stage.state.slots, stage.state.roots[1])


@pytest.mark.parametrize("order", ["up", "down", "in", "out"])
def test_prices_in_order_make_a_shallow_tree(order):
    rows = 4096
    up = np.arange(rows, dtype=np.float64) + 1.0
    inwards = np.where(np.arange(rows) % 2 == 0, up, 2.0 * rows - up)
    price = {"up": up, "down": up[::-1], "in": inwards, "out": inwards[::-1]}[order].copy()
    stage = Stage(rolling_median("2h"), 2)
    ticks = tape_of(price=price)
    stage.step(Input(ticks, np.ones(rows, np.bool_), ticks.price))
    assert levels(stage.state.slots, stage.state.roots[1]) <= 2.41 * np.log2(rows + 1) < DEEPEST


def priority(row: int) -> int:
    """splitmix64: what the tree was once hung by."""
    mask = (1 << 64) - 1
    z = (row * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
    return z ^ z >> 31


def test_prices_that_follow_the_priorities_of_a_treap_do_no_harm():
    """They made the tree a list of 1,823 rows, and the last of them was written outside of the array for the path: a crash."""
    rows = 2_000
    by_row = [priority(row) for row in range(rows)]
    price = np.argsort(np.argsort(np.array(by_row, object))) + 1.0
    price[[row for row in range(1_500, rows) if by_row[row] > max(by_row[:row])]] = 0.5
    found = observe(rolling_median("1h"), tape_of(price=price)).column("value")
    assert found[-1] == np.median(price)
