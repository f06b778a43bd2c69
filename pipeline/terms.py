"""The terms of a condition on one row: what each compares, whether it holds, and by how much."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.probe import Probe, ProbeRows, Rows, SymbolProbe

__all__ = ["Term", "terms_of"]

COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
JOINS: dict[Any, str] = {np.bitwise_and: "all of", np.bitwise_or: "any of", np.invert: "not", np.bitwise_xor: "one of"}


@dataclass(frozen=True)
class Term:
    """A comparison with its two sides, or several terms joined by `how` ("all of", "any of", "one of", "not").

    `short` is by how much a comparison of numbers fails, or holds; nan where that cannot be said.
    """

    text: str
    holds: bool
    left: float = np.nan
    right: float = np.nan
    how: str = ""
    parts: tuple["Term", ...] = field(default=())

    @property
    def short(self) -> float:
        """The distance of the two sides."""
        return abs(self.left - self.right)

    def comparisons(self) -> Iterator["Term"]:
        """Those that it is made of, from left to right."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.comparisons()


class Traced(Probe):
    """A column of one row that remembers what was done with it."""

    def __init__(self, text: str, logical: bool, value: Any, how: Any = None, parts: tuple[Any, ...] = ()) -> None:
        super().__init__(text, logical)
        self.value, self.how, self.parts = value, how, parts

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> "Traced":
        told = super().__array_ufunc__(ufunc, method, *inputs, **options)
        with np.errstate(all="ignore"):
            value = ufunc(*(each.value if isinstance(each, Traced) else each for each in inputs))
        return Traced(told.text, told.logical, value, ufunc, inputs)

    def __array_function__(self, function: Callable[..., Any], types: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Traced":
        told = super().__array_function__(function, types, args, kwargs)
        return Traced(told.text, told.logical, function(*(unwrapped(each) for each in args), **kwargs))

    def as_term(self) -> Term:
        """What was compared."""
        holds = bool(np.asarray(self.value).reshape(-1)[0])
        if self.how in JOINS:
            parts = tuple(each.as_term() for each in self.parts if isinstance(each, Traced))
            if self.how in (np.bitwise_and, np.bitwise_or):  # a & b & c is one list
                parts = tuple(inner for part in parts for inner in (part.parts if part.how == JOINS[self.how] else (part,)))
            return Term(self.text, holds, how=JOINS[self.how], parts=parts)
        if self.how in COMPARISONS:
            left, right = (number(unwrapped(each)) for each in self.parts)
            return Term(self.text, holds, left, right)
        return Term(self.text, holds)


class TracedSymbol(SymbolProbe):
    """The symbol of the row."""

    def __init__(self, symbol: str) -> None:
        super().__init__(set())
        self._symbol = symbol

    def isin(self, names: Any) -> Traced:
        """As the column's."""
        names = list(names)
        return Traced(super().isin(names).text, True, self._symbol in names)

    def _compared(self, sign: str, name: object) -> Traced:
        return Traced(super()._compared(sign, name).text, True, (self._symbol == name) == (sign == "=="))


class TracedRow(ProbeRows):
    """One row, by the names of its columns and signals."""

    _values: Mapping[str, float]
    _symbol: str

    def __init__(self, values: Mapping[str, float], logical: Mapping[str, bool], symbol: str) -> None:
        super().__init__(dict.fromkeys(values, False) | dict(logical) | {"symbol": False})
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_symbol", symbol)

    __setattr__ = Rows.__setattr__

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if isinstance(found, SymbolProbe):
            return TracedSymbol(self._symbol)
        value = self._values[name]
        return Traced(name, found.logical, np.array([value == 1.0 if found.logical else value]))


def terms_of(condition: Callable[[Any], Any], values: Mapping[str, float], symbol: str, logical: Mapping[str, bool] | None = None) -> Term:
    """What a condition makes of one row; `logical` are the names of comparison signals.

    >>> seen = {"change": -0.02, "volume": 30.0, "usual": 20.0}
    >>> term = terms_of(lambda s: (abs(s.change) > 0.01) & (s.volume > 2 * s.usual), seen, "SPY")
    >>> term.holds, [(each.text, each.holds, each.short) for each in term.comparisons()]
    (False, [('abs(change) > 0.01', True, 0.01), ('volume > (2 * usual)', False, 10.0)])
    """
    found: Traced = condition(TracedRow(values, logical or {}, symbol))
    return found.as_term()


def unwrapped(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(unwrapped(each) for each in value)
    return value.value if isinstance(value, Traced) else value


def number(value: Any) -> float:
    try:
        return float(np.asarray(value, np.float64).reshape(-1)[0])
    except (TypeError, ValueError):
        return float("nan")
