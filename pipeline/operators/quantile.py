"""Quantiles of a window, exact: a balanced tree of order statistics (a treap, Seidel and Aragon 1996) for each symbol,
threaded through the rows of the window. A row costs O(log n). Priorities are a hash of the row's id, so that the tree,
and not only its answers, is the same in every run.
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
DEEPEST = 1024
NONE = -1


@inline
def priority(slot):  # type: ignore[no-untyped-def]
    """splitmix64."""
    z = np.uint64(slot) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


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
def count_again(tree, path, depth, mask):  # type: ignore[no-untyped-def]
    for d in range(depth - 1, -1, -1):
        j = path[d] & mask
        tree[j, SIZE] = 1 + size_of(tree, tree[j, LEFT], mask) + size_of(tree, tree[j, RIGHT], mask)


@inline
def insert(tree, roots, path, k, slot, mask, value):  # type: ignore[no-untyped-def]
    x, mine, parent, side, node = value[slot & mask], priority(slot), NONE, LEFT, roots[k]
    while node != NONE and priority(node) >= mine:
        tree[node & mask, SIZE] += 1
        parent = node
        side = LEFT if below(x, slot, value[node & mask], node) else RIGHT
        node = tree[node & mask, side]
    hang(tree, roots, k, parent, side, slot, mask)
    smaller, smaller_side, larger, larger_side = slot, LEFT, slot, RIGHT
    path[0] = slot
    depth = 1
    while node != NONE:
        path[depth] = node
        depth += 1
        if below(value[node & mask], node, x, slot):
            tree[smaller & mask, smaller_side] = node
            smaller, smaller_side = node, RIGHT
            node = tree[node & mask, RIGHT]
        else:
            tree[larger & mask, larger_side] = node
            larger, larger_side = node, LEFT
            node = tree[node & mask, LEFT]
    tree[smaller & mask, smaller_side] = NONE
    tree[larger & mask, larger_side] = NONE
    count_again(tree, path, depth, mask)


@inline
def remove(tree, roots, path, k, slot, mask, value):  # type: ignore[no-untyped-def]
    x, parent, side, node = value[slot & mask], NONE, LEFT, roots[k]
    while node != slot:
        tree[node & mask, SIZE] -= 1
        parent = node
        side = LEFT if below(x, slot, value[node & mask], node) else RIGHT
        node = tree[node & mask, side]
    a, b, depth = tree[slot & mask, LEFT], tree[slot & mask, RIGHT], 0
    while a != NONE and b != NONE:
        upper = a if priority(a) >= priority(b) else b
        hang(tree, roots, k, parent, side, upper, mask)
        path[depth] = upper
        depth += 1
        parent = upper
        if upper == a:
            side = RIGHT
            a = tree[a & mask, RIGHT]
        else:
            side = LEFT
            b = tree[b & mask, LEFT]
    hang(tree, roots, k, parent, side, a if a != NONE else b, mask)
    count_again(tree, path, depth, mask)


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
