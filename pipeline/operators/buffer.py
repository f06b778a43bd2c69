"""The slow, obvious doors: any function of a window, and operators in plain Python, tick by tick."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.errors import BuildError
from pipeline.functions import fingerprint
from pipeline.gaps import Reach
from pipeline.stage import Input, Operator
from pipeline.state import Arrays, State, full
from pipeline.windows.bounds import Window, bounds_of

__all__ = ["Buffer", "Memory", "PerTick", "buffer"]

CHUNK = 256
"""How many windows a columnar function gets at once, at most."""


class WindowRows:
    """The rows of each symbol's window, as Python sees them."""

    def __init__(self) -> None:
        self.rows: dict[int, deque[tuple[int, float]]] = {}

    def grow(self, symbols: int) -> None:
        """Nothing to do: a symbol's rows begin when it does."""

    def reserve(self, rows: int) -> None:
        """Nothing to do."""

    def snapshot(self) -> Arrays:
        """Symbol, time and value of every row."""
        flat = [(code, time, value) for code, rows in self.rows.items() for time, value in rows]
        codes, times, values = zip(*flat, strict=True) if flat else ((), (), ())
        return {"symbol": np.array(codes, np.int32), "time": np.array(times, np.int64), "value": np.array(values, np.float64)}

    def restore(self, arrays: Arrays) -> None:
        """Take over the rows of a snapshot."""
        self.rows = {}
        for code, time, value in zip(arrays["symbol"].tolist(), arrays["time"].tolist(), arrays["value"].tolist(), strict=True):
            self.rows.setdefault(code, deque()).append((time, value))


@dataclass(frozen=True, slots=True)
class BufferApply(Operator):
    """A function of the values in the window."""

    window: Window
    function: Callable[..., Any]
    columnar: bool

    def __repr__(self) -> str:
        return f"buffer({self.window!r}).apply({fingerprint(self.function)}{', columnar=True' if self.columnar else ''})"

    @property
    def reach(self) -> Reach:
        """The window."""
        return Reach(self.window.width_ns, self.window.rows)

    def state(self, symbols: int) -> State:
        """The rows of the windows, and the last value of each symbol."""
        return State(symbols, parts={"kept": WindowRows()}, last=full(symbols, np.nan))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One value a row."""
        out = np.full(len(batch.rows), np.nan)
        changed: dict[int, float] = {}
        rows: list[int] = []
        windows: list[NDArray[np.float64]] = []
        inputs = zip(batch.time.tolist(), batch.symbol.tolist(), batch.fresh.tolist(), batch.values.tolist(), strict=True)
        for i, (time, code, fresh, value) in enumerate(inputs):
            kept = state.kept.rows.setdefault(code, deque())
            if self._entered(kept, time, fresh, value) and code:
                rows.append(i)
                windows.append(np.array([x for _, x in kept]))
                if not self.columnar or len(windows) == CHUNK:
                    changed.update(zip(rows, self._computed(windows).tolist(), strict=True))
                    rows.clear()
                    windows.clear()
        changed.update(zip(rows, self._computed(windows).tolist(), strict=True))
        for i, code in enumerate(batch.symbol.tolist()):
            if i in changed:
                state.last[code] = changed[i]
            out[i] = state.last[code] if code else np.nan
        return out

    def _entered(self, kept: deque[tuple[int, float]], time: int, fresh: bool, value: float) -> bool:
        """Bring the window up to date; whether it has changed and is full."""
        before = len(kept)
        while self.window.width_ns and kept and kept[0][0] <= time - self.window.width_ns:
            kept.popleft()
        shed = len(kept) < before
        if fresh:
            kept.append((time, value))
            if self.window.rows and len(kept) > self.window.rows:
                kept.popleft()
        return (fresh or shed) and len(kept) >= self.window.rows

    def _computed(self, windows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        if self.columnar and windows:
            values = np.asarray(self.function(np.stack(windows)), np.float64)
            if values.shape != (len(windows),):
                raise BuildError(f"{self!r} returned the shape {values.shape} for {len(windows)} windows; it must give one value each")
            return values
        return np.array([float(self.function(values)) if len(values) else np.nan for values in windows])


@dataclass(frozen=True, slots=True)
class Buffer:
    """A window that waits for a function."""

    window: Window

    def apply(self, function: Callable[..., Any], *, columnar: bool = False) -> BufferApply:
        """An operator of `function`, which gets a float64 array of the window's values, oldest first, and gives a number.

        With `columnar=True` (count windows only) it gets a matrix of up to 256 windows, a row each, and gives a column.
        """
        if columnar and not self.window.rows:
            raise BuildError("columnar=True needs windows of equal length: give buffer() a number of rows")
        return BufferApply(self.window, function, columnar)


class Memory:
    """What an operator in plain Python remembers of one symbol: numbers, as attributes."""

    __slots__ = ("_names", "_row")
    _names: dict[str, int]
    _row: NDArray[np.float64]

    def __init__(self, names: dict[str, int], row: NDArray[np.float64]) -> None:
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_row", row)

    def __getattr__(self, name: str) -> float:
        if name not in self._names:
            raise AttributeError(f"this memory has no {name!r}; it starts with {', '.join(self._names)}")
        return float(self._row[self._names[name]])

    def __setattr__(self, name: str, value: float) -> None:
        if name not in self._names:
            raise AttributeError(f"this memory has no {name!r}; name it in `start`")
        self._row[self._names[name]] = value


class PerTick(Operator):
    """An operator in plain Python, a call a tick: about 2 µs each; subclass as a frozen dataclass.

    `start` names what is remembered of each symbol, and its first values; `update` gets that memory, the value and the
    time in ns, and returns the new value. Between calls the value stands.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Runs(PerTick):
    ...     start = {"last": 0.0, "length": 0.0}
    ...     def update(self, memory, value, time):
    ...         memory.length = memory.length + 1 if value > memory.last else 0
    ...         memory.last = value
    ...         return memory.length
    >>> from pipeline.checks import values_of
    >>> values_of(Runs(), price=[1.0, 2.0, 1.5, 3.0])
    [1.0, 2.0, 0.0, 1.0]
    """

    start: ClassVar[dict[str, float]] = {}

    def update(self, memory: Any, value: float, time: int) -> float:
        """The value after a tick."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to update: define update(memory, value, time)")

    def state(self, symbols: int) -> State:
        """A row of memory for each symbol."""
        memory = full((symbols, len(self.start) + 1), np.nan)
        memory[:, : len(self.start)] = list(self.start.values())
        return State(symbols, memory=memory)

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One value a row."""
        names = {name: place for place, name in enumerate(self.start)}
        out = np.full(len(batch.rows), np.nan)
        for i, (code, fresh) in enumerate(zip(batch.symbol.tolist(), batch.fresh.tolist(), strict=True)):
            row = state.memory[code]
            if fresh:
                row[-1] = self.update(Memory(names, row), float(batch.values[i]), int(batch.time[i]))
            out[i] = row[-1]
        return out


def buffer(window: int | Duration) -> Buffer:
    """Any function of a window: `buffer(10).apply(np.median)`, `buffer("5m").apply(f)`.

    The function gets the last n prices of the symbol (nan before n), or those in (t - width, t]. It is called when the
    window changes, a row at a time: slow and obvious.

    >>> from pipeline.checks import values_of
    >>> values_of(buffer(2).apply(np.ptp), price=[1.0, 4.0, 2.0])
    [nan, 3.0, 2.0]
    """
    return Buffer(bounds_of(window))
