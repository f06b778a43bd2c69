"""Arithmetic and comparisons between signals, read as one would write them."""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.errors import BuildError
from pipeline.values import Floats, known_only

__all__ = ["Arithmetic"]

WINDOWS = "for a window use an operator, as in signal.pipe(moving_average(10)) or signal.pipe(buffer(10).apply(f))"
SIGNS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.divide: operator.truediv, np.power: operator.pow,
    np.remainder: operator.mod, np.floor_divide: operator.floordiv, np.negative: operator.neg, np.absolute: operator.abs,
    np.greater: operator.gt, np.greater_equal: operator.ge, np.less: operator.lt, np.less_equal: operator.le,
}  # fmt: skip


class Arithmetic(ABC):
    """What makes `fast - slow`, `price / average > 1.02` and `~(a & b)` signals.

    A comparison is 1, 0, or nan where it is not known. `==` compares streams, not values.
    """

    made: dict[object, Any]

    @abstractmethod
    def each(self, function: Callable[[Floats], Any], name: str, owner: str | None, logical: bool = False) -> Any:
        """The signal of a function of the values."""

    @abstractmethod
    def with_signal(self, other: Any, function: Callable[..., Any], sign: str, logical: bool) -> Any:
        """The signal of a function of the values of two."""

    def _with(self, other: object, ufunc: np.ufunc, sign: str, swapped: bool = False, logical: bool = False) -> Any:
        if isinstance(other, Arithmetic):
            if (ufunc, id(other)) not in self.made:
                self.made[ufunc, id(other)] = self.with_signal(other, known_only(ufunc) if logical else ufunc, sign, logical)
            return self.made[ufunc, id(other)]
        if not isinstance(other, int | float | np.number):
            return NotImplemented
        constant, compute = float(other), known_only(ufunc) if logical else ufunc
        name = f"{constant:g} {sign} x" if swapped else f"x {sign} {constant:g}"
        key = (name, constant)
        if key not in self.made:
            apply = (lambda x: compute(constant, x)) if swapped else (lambda x: compute(x, constant))
            self.made[key] = self.each(apply, name, None, logical)
        return self.made[key]

    def __add__(self, other: object) -> Any:
        return self._with(other, np.add, "+")

    def __radd__(self, other: object) -> Any:
        return self._with(other, np.add, "+", swapped=True)

    def __sub__(self, other: object) -> Any:
        return self._with(other, np.subtract, "-")

    def __rsub__(self, other: object) -> Any:
        return self._with(other, np.subtract, "-", swapped=True)

    def __mul__(self, other: object) -> Any:
        return self._with(other, np.multiply, "*")

    def __rmul__(self, other: object) -> Any:
        return self._with(other, np.multiply, "*", swapped=True)

    def __truediv__(self, other: object) -> Any:
        return self._with(other, np.divide, "/")

    def __rtruediv__(self, other: object) -> Any:
        return self._with(other, np.divide, "/", swapped=True)

    def __pow__(self, other: object) -> Any:
        return self._with(other, np.power, "**")

    def __gt__(self, other: object) -> Any:
        return self._with(other, np.greater, ">", logical=True)

    def __ge__(self, other: object) -> Any:
        return self._with(other, np.greater_equal, ">=", logical=True)

    def __lt__(self, other: object) -> Any:
        return self._with(other, np.less, "<", logical=True)

    def __le__(self, other: object) -> Any:
        return self._with(other, np.less_equal, "<=", logical=True)

    def __and__(self, other: object) -> Any:
        return self._with(other, np.logical_and, "&", logical=True)

    def __or__(self, other: object) -> Any:
        return self._with(other, np.logical_or, "|", logical=True)

    def __mod__(self, other: object) -> Any:
        return self._with(other, np.remainder, "%")

    def __floordiv__(self, other: object) -> Any:
        return self._with(other, np.floor_divide, "//")

    def __rpow__(self, other: object) -> Any:
        return self._with(other, np.power, "**", swapped=True)

    def __neg__(self) -> Any:
        return self.each(np.negative, "-x", None)

    def __abs__(self) -> Any:
        return self.each(np.absolute, "abs(x)", None)

    def __invert__(self) -> Any:
        return self.each(known_only(np.logical_not), "~x", None, logical=True)

    def __bool__(self) -> bool:
        raise BuildError(
            "a signal is neither true nor false: and, or, not, if, min, max and a < b < c do not work; combine signals with & and |, "
            "or write combine_latest(a=..., b=...).apply(lambda s: np.maximum(s.a, s.b))"
        )

    def __float__(self) -> float:
        raise BuildError(
            "a signal is a column, not a number: no math.log, float, len or loop; write signal.apply(np.log) for math.log(signal)"
        )

    __int__ = __index__ = __len__ = __iter__ = __float__

    def __round__(self, places: int = 0) -> Any:
        raise BuildError("round(signal): write signal.apply(np.round)")

    def __getitem__(self, rows: object) -> Any:
        raise BuildError(f"signal[{rows!r}]: a signal has one value a row, and no places to look up; {WINDOWS}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"a signal has no {name!r}; {WINDOWS}")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        sign = SIGNS.get(ufunc)
        if method == "__call__" and sign is not None and not options:
            return sign(*(value.item() if isinstance(value, np.generic) else value for value in inputs))
        name = f"np.{ufunc.__name__}"
        if method == "__call__" and len(inputs) == 1:
            raise BuildError(f"{name}(signal): a signal is no array yet; write signal.apply({name})")
        raise BuildError(f"{name} of signals: they are no arrays yet; write combine_latest(a=..., b=...).apply(lambda s: {name}(s.a, s.b))")

    def __array__(self, *options: object, **named: object) -> Any:
        raise BuildError(f"a signal is no array yet; for a function of single values write signal.apply(f), {WINDOWS}")
