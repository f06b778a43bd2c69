"""How far trades lie from their VWAP: the volume-weighted standard deviation since the session's open.

West (1979): mean and squares are moved on by each trade, nothing is subtracted that was added before. The mean is a number
and what it lacks (TwoSum), so that prices near 60,000 with a tick of 0.01 lose no digits, and it is moved from whichever of
itself and the trade weighs more, so that a small absurd print at the open leaves none behind.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.gaps import FOREVER, Reach
from pipeline.kernels import Codes, Flags, Floats, Ints, Matrix, Times, Values1D, added, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full, zeros
from pipeline.windows.sessions import Session

__all__ = ["VwapStd", "vwap_std"]

MEAN, REST, VOLUME, SQUARES = range(4)


@kernel
def session_deviation(
    symbol: Codes, fresh: Flags, price: Values1D, size: Values1D, opened: Times, since: Ints, moments: Matrix, out: Floats
) -> None:
    """moments[k] = weighted mean and what it lacks, volume, weighted squared deviations."""
    for i in range(price.shape[0]):
        k = symbol[i]
        if fresh[i] and opened[i] >= 0:
            if since[k] != opened[i]:
                since[k] = opened[i]
                moments[k, MEAN] = moments[k, REST] = moments[k, VOLUME] = moments[k, SQUARES] = 0.0
            if size[i] > 0.0:
                before = moments[k, VOLUME]
                after = before + size[i]
                apart = (price[i] - moments[k, MEAN]) - moments[k, REST]
                if size[i] > before:
                    mean, rest = added(price[i], 0.0, -apart * (before / after) if before > 0.0 else 0.0)
                else:
                    mean, rest = added(moments[k, MEAN], moments[k, REST], apart * (size[i] / after))
                moments[k, MEAN], moments[k, REST], moments[k, VOLUME] = mean, rest, after
                if before > 0.0:
                    moments[k, SQUARES] += apart * apart * (min(before, size[i]) * (max(before, size[i]) / after))
        known = opened[i] >= 0 and since[k] == opened[i] and moments[k, VOLUME] > 0.0
        out[i] = np.sqrt(moments[k, SQUARES] / moments[k, VOLUME]) if known else np.nan


@dataclass(frozen=True, slots=True)
class VwapStd(Operator):
    """Root of the volume-weighted mean of (price - VWAP) ** 2 since the session's open."""

    session: Session
    reads: ClassVar[tuple[str, ...]] = ("price", "size")
    shared: ClassVar[bool] = True

    @property
    def reach(self) -> Reach:
        """All since the session's open."""
        return Reach(FOREVER, session=self.session)

    def state(self, symbols: int) -> State:
        """The moments and their session."""
        return State(symbols, since=full(symbols, -2, "i8"), moments=zeros((symbols, 4)))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One deviation a row."""
        price, size = batch.columns
        out = np.empty(len(price))
        opened = self.session.opens_at(batch.time - batch.shift)
        session_deviation(batch.symbol, batch.fresh, price, size, opened, state.since, state.moments, out)
        return out


def vwap_std(session: Session) -> VwapStd:
    """Standard deviation of price about the session's VWAP, weighted with volume, in quote currency: one band of `vwap(session)`.

    sqrt(sum(size * (price - VWAP) ** 2) / sum(size)) over the trades since the open, VWAP being the present one. nan
    outside of sessions and before a size was traded; 0 while every trade has one price.

    >>> from pipeline.checks import values_of
    >>> from pipeline.windows import session
    >>> values_of(vwap_std(session("00:00-24:00")), price=[10.0, 20.0], size=[3.0, 1.0])
    [0.0, 4.3301]
    """
    return VwapStd(session)
