"""The memory of a stage: named arrays, a row per symbol code, that can be copied, kept and put back bit for bit."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "Part", "State", "full", "zeros"]

Array = NDArray[Any]
Arrays = dict[str, Array]


class Part(Protocol):
    """A piece of state with a shape of its own, such as the rows of a window."""

    def grow(self, symbols: int) -> None:
        """Make room for more symbols."""

    def reserve(self, rows: int) -> None:
        """Make room for that many further rows."""

    def snapshot(self) -> Arrays:
        """Copies of the live content."""

    def restore(self, arrays: Arrays) -> None:
        """Take over the content of a snapshot."""


class State:
    """Named arrays with a row per symbol code, `shared` ones without, and parts; all are attributes.

    >>> state = State(4, total=zeros(4), shared={"last_time": zeros(1, "i8")})
    >>> state.total[2] = 7.5
    >>> state.grow(8, lambda symbols: State(symbols, total=zeros(symbols), shared={"last_time": zeros(1, "i8")}))
    >>> state.total.tolist()
    [0.0, 0.0, 7.5, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self, symbols: int, shared: Mapping[str, Array] | None = None, parts: Mapping[str, Part] | None = None, **by_symbol: Array
    ):
        self.symbols = symbols
        self.by_symbol = tuple(by_symbol)
        self.shared = tuple(shared or ())
        self.parts: dict[str, Part] = dict(parts or {})
        self.__dict__.update(by_symbol, **(shared or {}), **self.parts)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this state has no {name!r}; it has {', '.join((*self.by_symbol, *self.shared, *self.parts))}")

    def share(self, name: str, array: Array) -> None:
        """Add an array without a row per symbol."""
        self.shared = (*self.shared, name)
        setattr(self, name, array)

    def grow(self, symbols: int, blank: "Callable[[int], State]") -> None:
        """Make room for more symbols; `blank` makes the state of a new stage."""
        larger = blank(symbols)
        for name in self.by_symbol:
            old, new = getattr(self, name), getattr(larger, name)
            new[: len(old)] = old
            setattr(self, name, new)
        for part in self.parts.values():
            part.grow(symbols)
        self.symbols = symbols

    def reserve(self, rows: int) -> None:
        """Make room for a batch of that many rows."""
        for part in self.parts.values():
            part.reserve(rows)

    def snapshot(self) -> Arrays:
        """Copies of everything, by name; a part's arrays as `part.array`."""
        arrays = {name: getattr(self, name).copy() for name in (*self.by_symbol, *self.shared)}
        for name, part in self.parts.items():
            arrays |= {f"{name}.{inner}": array for inner, array in part.snapshot().items()}
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """Take over what `snapshot` gave."""
        for name in (*self.by_symbol, *self.shared):
            setattr(self, name, arrays[name].copy())
        for name, part in self.parts.items():
            prefix = name + "."
            part.restore({inner.removeprefix(prefix): array for inner, array in arrays.items() if inner.startswith(prefix)})


def zeros(shape: int | tuple[int, ...], dtype: str = "f8") -> Array:
    """An array of zeros."""
    return np.zeros(shape, dtype)


def full(shape: int | tuple[int, ...], value: float, dtype: str = "f8") -> Array:
    """An array of one value."""
    return np.full(shape, value, dtype)
