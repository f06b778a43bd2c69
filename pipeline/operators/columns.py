"""A column of the tape as a signal, and what is made of a quote: mid, spread."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.gaps import Reach
from pipeline.kernels import Codes, Flags, Floats, Values1D, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full
from pipeline.units import SAME

__all__ = ["Column", "Mid", "Spread", "SpreadBps", "column", "last", "mid", "spread", "spread_bps"]


@kernel
def stand(symbol: Codes, fresh: Flags, x: Values1D, last: Floats, out: Floats) -> None:
    for i in range(x.shape[0]):
        k = symbol[i]
        if fresh[i]:
            last[k] = x[i]
        out[i] = last[k]


@dataclass(frozen=True, slots=True)
class Column(Operator):
    """The newest value of a column."""

    name: str
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SAME

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        """The column itself."""
        return (self.name,)

    @property
    def reach(self) -> Reach:
        """The last row."""
        return Reach(rows=1)

    def state(self, symbols: int) -> State:
        """The newest value of each symbol."""
        return State(symbols, last=full(symbols, np.nan))

    def of(self, batch: Input) -> NDArray[np.float64]:
        """The value of each row by itself."""
        return batch.values

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """The newest value at each row."""
        out = np.empty(len(batch.rows))
        stand(batch.symbol, batch.fresh, self.of(batch), state.last, out)
        return out


@dataclass(frozen=True, slots=True)
class Mid(Column):
    """(bid + ask) / 2."""

    name: str = "mid"

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        """Both sides of the quote."""
        return ("bid", "ask")

    def of(self, batch: Input) -> NDArray[np.float64]:
        """The middle of each quote."""
        bid, ask = batch.columns
        return (bid + ask) / 2.0


@dataclass(frozen=True, slots=True)
class Spread(Mid):
    """ask - bid."""

    name: str = "spread"
    unit: ClassVar[str] = "spread (quote currency)"

    def of(self, batch: Input) -> NDArray[np.float64]:
        """The spread of each quote."""
        bid, ask = batch.columns
        return ask - bid


@dataclass(frozen=True, slots=True)
class SpreadBps(Mid):
    """(ask - bid) / mid in basis points."""

    name: str = "spread_bps"
    unit: ClassVar[str] = "spread (basis points)"

    def of(self, batch: Input) -> NDArray[np.float64]:
        """The relative spread of each quote; nan where the middle is not above zero."""
        bid, ask = batch.columns
        middle = (bid + ask) / 2.0
        return np.where(middle > 0.0, (ask - bid) / np.where(middle > 0.0, middle, 1.0) * 1e4, np.nan)


def column(name: str) -> Column:
    """The newest value of any column of the tape: `column("size")`, `column("funding")`.

    On rows that bring none the value stands; nan before the first. BuildError where the tape has no such column.

    >>> from pipeline.checks import values_of
    >>> values_of(column("size"), price=[10.0, 10.0], size=[3.0, 4.0])
    [3.0, 4.0]
    """
    return Column(name)


def last() -> Column:
    """The last traded price of each symbol, in quote currency.

    >>> from pipeline.checks import values_of
    >>> values_of(last(), price=[10.0, 10.5])
    [10.0, 10.5]
    """
    return Column("price")


def mid() -> Mid:
    """(bid + ask) / 2 of the last quote, in quote currency; nan where a side is absent.

    >>> from pipeline.checks import values_of
    >>> values_of(mid(), bid=[9.0, 10.0], ask=[11.0, 10.5])
    [10.0, 10.25]
    """
    return Mid()


def spread() -> Spread:
    """ask - bid of the last quote, in quote currency; below zero when crossed, nan where a side is absent.

    >>> from pipeline.checks import values_of
    >>> values_of(spread(), bid=[9.0], ask=[11.0])
    [2.0]
    """
    return Spread()


def spread_bps() -> SpreadBps:
    """(ask - bid) / mid of the last quote in basis points (1e-4); nan where a side is absent or mid is not above zero.

    >>> from pipeline.checks import values_of
    >>> values_of(spread_bps(), bid=[99.0], ask=[101.0])
    [200.0]
    """
    return SpreadBps()
