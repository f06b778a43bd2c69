"""Order-flow imbalance of the best quotes (Cont, Kukanov, Stoikov 2014).

For each quote, bid size that came less bid size that went, less the same of the ask:

    e = [bid >= bid'] bid_size - [bid <= bid'] bid_size' - [ask <= ask'] ask_size + [ask >= ask'] ask_size'
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.gaps import Reach
from pipeline.kernels import Codes, Flags, Floats, Marks, Matrix, Values1D, kernel
from pipeline.operators.sums import SUM, sums
from pipeline.stage import Input, Operator
from pipeline.state import State, full, zeros
from pipeline.windows.bounds import Window, width_of
from pipeline.windows.slots import Slots

__all__ = ["OrderFlowImbalance", "order_flow_imbalance"]


@kernel
def quote_flow(
    symbol: Codes,
    fresh: Flags,
    bid: Values1D,
    bid_size: Values1D,
    ask: Values1D,
    ask_size: Values1D,
    before: Matrix,
    out: Floats,
    moved: Marks,
) -> None:
    """before[k] = the last whole quote; moved: rows whose quote had one before it."""
    for i in range(bid.shape[0]):
        k = symbol[i]
        out[i] = 0.0
        moved[i] = False
        total = bid[i] + bid_size[i] + ask[i] + ask_size[i]
        if fresh[i] and total == total:
            if before[k, 0] == before[k, 0]:
                flow = 0.0
                if bid[i] >= before[k, 0]:
                    flow += bid_size[i]
                if bid[i] <= before[k, 0]:
                    flow -= before[k, 1]
                if ask[i] <= before[k, 2]:
                    flow -= ask_size[i]
                if ask[i] >= before[k, 2]:
                    flow += before[k, 3]
                out[i] = flow
                moved[i] = True
            before[k, 0], before[k, 1], before[k, 2], before[k, 3] = bid[i], bid_size[i], ask[i], ask_size[i]


@dataclass(frozen=True, slots=True)
class OrderFlowImbalance(Operator):
    """Sum of the flow of quotes in the window."""

    window: Window
    reads: ClassVar[tuple[str, ...]] = ("bid", "bid_size", "ask", "ask_size")
    shared: ClassVar[bool] = True

    @property
    def reach(self) -> Reach:
        """The window, and the quote before it, from which the first flow is taken."""
        return Reach(self.window.width_ns, 1)

    def advances(self, batch: Input) -> NDArray[np.bool_]:
        """The whole quotes."""
        return np.asarray(batch.fresh & ~np.isnan(sum(batch.columns)))

    def state(self, symbols: int) -> State:
        """The last quote, and the flows in the window."""
        return State(
            symbols,
            before=full((symbols, 4), np.nan),
            acc=zeros((symbols, 8)),
            parts={"slots": Slots(self.window, symbols, value=("f8", 0))},
        )

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One imbalance a row."""
        rows = len(batch.rows)
        flow, moved = np.empty(rows), np.empty(rows, np.bool_)
        quote_flow(batch.symbol, batch.fresh, *batch.columns, state.before, flow, moved)
        return sums(self.window, state, Input(batch.rows, moved, flow), flow, SUM)


def order_flow_imbalance(over: Duration) -> OrderFlowImbalance:
    """Order-flow imbalance over (t - over, t], in base units: above zero where buyers press; 0 if no quote moved.

    Reads bid, bid_size, ask and ask_size. A quote with an absent side is passed over; the first has nothing before it.

    >>> from pipeline.checks import values_of
    >>> quotes = {"bid": [9.0, 9.0], "bid_size": [5.0, 8.0], "ask": [10.0, 10.0], "ask_size": [5.0, 5.0]}
    >>> values_of(order_flow_imbalance("1s"), seconds=[0.0, 0.5], **quotes)
    [0.0, 3.0]
    """
    return OrderFlowImbalance(Window(width_ns=width_of(over)))
