"""Quantiles of a window, exact: a tree of order statistics for each symbol, threaded through the rows of the window.

It is balanced by weight, which is size + 1 (Adams 1993; 3 and 2 are proved by Hirai and Yamamoto 2011): no side weighs
more than three times the other. So no prices whatever can make it deep, and a row always costs O(log n).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.errors import ParameterError
from pipeline.gaps import Reach
from pipeline.kernels import Codes, CodesOut, Counts, Flags, Floats, Ints, Times, Values1D, inline, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full, zeros
from pipeline.units import SAME
from pipeline.windows.bounds import Window, bounds_of
from pipeline.windows.slots import Slots, new_slot

__all__ = ["RollingQuantile", "rolling_median", "rolling_quantile"]

LEFT, RIGHT, SIZE = 0, 1, 2
NONE = -1
HEAVY, INNER = 3, 2
"""How many times its sister a child may weigh; from how many times its sister on an inner grandchild comes up instead."""
DEEPEST = 192
"""A level down weighs at most 3/4, so 2**62 rows are 150 levels."""


@inline
def below(x, a, y, b):  # type: ignore[no-untyped-def]
    return x < y or (x == y and a < b)


@inline
def size_of(tree, slot, mask):  # type: ignore[no-untyped-def]
    return tree[slot & mask, SIZE] if slot != NONE else 0


@inline
def hang(tree, roots, k, parent, side, slot, mask):  # type: ignore[no-untyped-def]
    if parent == NONE:
        roots[k] = slot
    else:
        tree[parent & mask, side] = slot


@inline
def turned(tree, node, side, mask):  # type: ignore[no-untyped-def]
    """The child on that side, which has changed places with its parent."""
    child = tree[node & mask, side]
    down, up = node & mask, child & mask
    tree[down, side], tree[up, 1 - side] = tree[up, 1 - side], node
    tree[up, SIZE] = tree[down, SIZE]
    tree[down, SIZE] = 1 + size_of(tree, tree[down, LEFT], mask) + size_of(tree, tree[down, RIGHT], mask)
    return child


@inline
def balance(tree, roots, path, depth, k, mask):  # type: ignore[no-untyped-def]
    """Bring up a heavy child wherever the path has one; the sizes are right."""
    for d in range(depth - 1, -1, -1):
        node = path[d]
        j = node & mask
        left = size_of(tree, tree[j, LEFT], mask) + 1
        right = tree[j, SIZE] + 1 - left
        if left <= HEAVY * right and right <= HEAVY * left:
            continue
        side = LEFT if left > right else RIGHT
        child = tree[j, side]
        outer = size_of(tree, tree[child & mask, side], mask) + 1
        if tree[child & mask, SIZE] + 1 - outer >= INNER * outer:
            tree[j, side] = turned(tree, child, 1 - side, mask)
        parent = path[d - 1] if d > 0 else NONE
        above = RIGHT if parent != NONE and tree[parent & mask, RIGHT] == node else LEFT
        hang(tree, roots, k, parent, above, turned(tree, node, side, mask), mask)


@inline
def insert(tree, roots, path, k, slot, mask, value):  # type: ignore[no-untyped-def]
    x, parent, side, node, depth = value[slot & mask], NONE, LEFT, roots[k], 0
    while node != NONE:
        tree[node & mask, SIZE] += 1
        path[depth] = parent = node
        depth += 1
        side = LEFT if below(x, slot, value[node & mask], node) else RIGHT
        node = tree[node & mask, side]
    tree[slot & mask, LEFT], tree[slot & mask, RIGHT], tree[slot & mask, SIZE] = NONE, NONE, 1
    hang(tree, roots, k, parent, side, slot, mask)
    balance(tree, roots, path, depth, k, mask)


@inline
def remove(tree, roots, path, k, slot, mask, value):  # type: ignore[no-untyped-def]
    """Take a row out; where it has two children, the next row in order takes its place."""
    x, parent, side, node, depth = value[slot & mask], NONE, LEFT, roots[k], 0
    while node != slot:
        tree[node & mask, SIZE] -= 1
        path[depth] = parent = node
        depth += 1
        side = LEFT if below(x, slot, value[node & mask], node) else RIGHT
        node = tree[node & mask, side]
    j = slot & mask
    a, b = tree[j, LEFT], tree[j, RIGHT]
    if a == NONE or b == NONE:
        hang(tree, roots, k, parent, side, b if a == NONE else a, mask)
    else:
        place, over, heir = depth, NONE, b
        depth += 1
        while tree[heir & mask, LEFT] != NONE:
            tree[heir & mask, SIZE] -= 1
            path[depth] = over = heir
            depth += 1
            heir = tree[heir & mask, LEFT]
        if over != NONE:
            tree[over & mask, LEFT], tree[heir & mask, RIGHT] = tree[heir & mask, RIGHT], b
        path[place] = heir
        tree[heir & mask, LEFT], tree[heir & mask, SIZE] = a, tree[j, SIZE] - 1
        hang(tree, roots, k, parent, side, heir, mask)
    balance(tree, roots, path, depth, k, mask)


@inline
def ranked(tree, root, rank, mask, value):  # type: ignore[no-untyped-def]
    node = root
    while True:
        smaller = size_of(tree, tree[node & mask, LEFT], mask)
        if rank < smaller:
            node = tree[node & mask, LEFT]
        elif rank == smaller:
            return value[node & mask]
        else:
            rank -= smaller + 1
            node = tree[node & mask, RIGHT]


@kernel
def window_quantiles(
    time: Times, symbol: Codes, fresh: Flags, x: Values1D, width: int, rows: int, mask: int, ends: Ints, slot_time: Ints,
    slot_symbol: CodesOut, at: Counts, value: Floats, tree: Counts, roots: Ints, path: Ints, q: float, out: Floats,
) -> None:  # fmt: skip
    head, tail = ends[0], ends[2]
    for i in range(x.shape[0]):
        while head != tail and slot_time[head & mask] <= time[i] - width:
            k = slot_symbol[head & mask]
            remove(tree, roots, path, k, head, mask, value)
            at[k, 0] -= 1
            head += 1
        k = symbol[i]
        if fresh[i]:
            slot = new_slot(at, k, rows, tail, mask, time[i], slot_time, slot_symbol)
            if rows == 0:
                tail += 1
            elif at[k, 0] == rows:
                remove(tree, roots, path, k, slot, mask, value)
                at[k, 0] -= 1
            value[slot & mask] = x[i]
            insert(tree, roots, path, k, slot, mask, value)
            at[k, 0] += 1
        n = at[k, 0]
        if k == 0 or n == 0 or n < rows:
            out[i] = np.nan
        else:
            place = q * (n - 1)
            rank = np.int64(place)
            lower = ranked(tree, roots[k], rank, mask, value)
            out[i] = lower
            if place > rank:
                out[i] = lower + (ranked(tree, roots[k], rank + 1, mask, value) - lower) * (place - rank)
    ends[0], ends[2] = head, tail


@dataclass(frozen=True, slots=True)
class RollingQuantile(Operator):
    """The q-quantile of the values in the window."""

    window: Window
    q: float
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SAME

    def __post_init__(self) -> None:
        if not 0.0 <= self.q <= 1.0:
            raise ParameterError(f"quantile {self.q!r}; expected a fraction from 0 to 1")

    @property
    def reach(self) -> Reach:
        """The window."""
        return Reach(self.window.width_ns, self.window.rows)

    def state(self, symbols: int) -> State:
        """The tree of every symbol."""
        slots = Slots(self.window, symbols, value=("f8", 0), tree=("i8", 3))
        return State(symbols, {"path": zeros(DEEPEST, "i8")}, {"slots": slots}, roots=full(symbols, NONE, "i8"))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One quantile a row."""
        slots, out = state.slots, np.empty(len(batch.values))
        window_quantiles(
            batch.time, batch.symbol, batch.fresh, batch.values, slots.width_ns, slots.rows, slots.mask, slots.ends, slots.time,
            slots.symbol, slots.at, slots.value, slots.tree, state.roots, state.path, self.q, out,
        )  # fmt: skip
        return out


def rolling_quantile(window: int | Duration, q: float) -> RollingQuantile:
    """The q-quantile of the price over a symbol's last n trades or over (t - width, t], linear between ranks as in numpy.

    nan before n trades, or while a time window is empty. ParameterError for q outside 0 to 1.

    >>> from pipeline.checks import values_of
    >>> values_of(rolling_quantile(3, 0.25), price=[1.0, 5.0, 2.0])
    [nan, nan, 1.5]
    """
    return RollingQuantile(bounds_of(window), float(q))


def rolling_median(window: int | Duration) -> RollingQuantile:
    """The median of the price over a symbol's last n trades or over (t - width, t].

    >>> from pipeline.checks import values_of
    >>> values_of(rolling_median("10s"), price=[1.0, 5.0, 2.0])
    [1.0, 3.0, 2.0]
    """
    return RollingQuantile(bounds_of(window), 0.5)
