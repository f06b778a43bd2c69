"""What a condition sees, and the one probe that catches its misuse when the graph is built.

At run time a condition gets plain numpy columns. numpy lets `a and b` pass on a batch of one row and raises on two, so
the mistake would show itself in the middle of a run. The probe calls the condition once with columns that know only
what is allowed, and notes which of them it uses.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BuildError, UnknownName
from pipeline.functions import name_of
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks

__all__ = ["Rows", "check_condition"]

USE_SIGNS = "use & | ~ with brackets around each comparison, as in (s.price > 10) & (s.size > 5)"
ELEMENTWISE = {np.where, np.clip, np.isnan, np.nan_to_num, np.select, np.isclose, np.round, np.around, np.sign}


class Rows:
    """The rows of a batch as a condition sees them: the named signals, then the row's own columns, as numpy columns."""

    def __init__(self, ticks: Ticks, values: Mapping[str, NDArray[Any]]) -> None:
        self.__dict__.update(ticks.columns | values)
        self.__dict__["_symbols"] = ticks.symbols

    @property
    def symbol(self) -> "SymbolColumn":
        """The symbols of the rows, to compare with text."""
        return SymbolColumn(self.__dict__["symbol"], self.__dict__["_symbols"])

    def __getattr__(self, name: str) -> NDArray[Any]:
        raise UnknownName("signal or column", name, self.__dict__)

    def __setattr__(self, name: str, value: object) -> None:
        raise BuildError(f"a condition cannot set {name!r}: it only looks at the rows")


class SymbolColumn:
    """The symbols of rows: `s.symbol == "SPY"`, `s.symbol != "SPY"`, `s.symbol.isin(["SPY", "IBM"])`."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, codes: NDArray[np.int32], table: SymbolTable) -> None:
        self.codes, self.table = codes, table

    def isin(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """Where the symbol is one of several."""
        return np.isin(self.codes, [self.table.find(name) for name in names])

    def __eq__(self, name: object) -> NDArray[np.bool_]:  # type: ignore[override]
        same: NDArray[np.bool_] = self.codes == self.table.find(str(name))
        return same

    def __ne__(self, name: object) -> NDArray[np.bool_]:  # type: ignore[override]
        return ~(self == name)


class SymbolProbe:
    """Stands in for `SymbolColumn` during the probe."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, named: set[str]) -> None:
        self._named = named

    def isin(self, names: Iterable[str]) -> "Probe":
        """As the column's."""
        if isinstance(names, str):
            self.refuse(f"isin({names!r})")
        names = list(names)
        self._named.update(names)
        return Probe(f"symbol.isin({names})", True)

    def __eq__(self, name: object) -> "Probe":  # type: ignore[override]
        return self._compared("==", name)

    def __ne__(self, name: object) -> "Probe":  # type: ignore[override]
        return self._compared("!=", name)

    def _compared(self, sign: str, name: object) -> "Probe":
        if not isinstance(name, str):
            self.refuse(f"{sign} {name!r}")
        self._named.add(name)
        return Probe(f"symbol {sign} {name!r}", True)

    def refuse(self, what: str) -> NoReturn:
        """Say what a symbol can be compared with."""
        raise BuildError(f's.symbol {what} does not work; write s.symbol == "SPY", s.symbol != "SPY" or s.symbol.isin(["SPY", "IBM"])')

    def __getattr__(self, name: str) -> NoReturn:
        self.refuse(f".{name}")

    def __bool__(self) -> bool:
        self.refuse("as true or false")

    def __lt__(self, other: object) -> bool:
        self.refuse("in order")

    __le__ = __gt__ = __ge__ = __lt__


class ProbeRows:
    """Stands in for `Rows` during the probe; notes the names that are used, and the symbols."""

    _names: Mapping[str, bool]
    _used: set[str]
    _named: set[str]

    def __init__(self, names: Mapping[str, bool]) -> None:
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_named", set[str]())
        object.__setattr__(self, "_used", set[str]())

    __setattr__ = Rows.__setattr__

    def __getattr__(self, name: str) -> "Probe | SymbolProbe":
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._names:
            raise UnknownName("signal or column", name, self._names)
        self._used.add(name)
        return SymbolProbe(self._named) if name == "symbol" else Probe(name, self._names[name])


class Probe:
    """A column without values: knows elementwise arithmetic and nothing else."""

    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: str, logical: bool) -> None:
        self.text, self.logical = text, logical

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> "Probe":
        if method != "__call__":
            self.refuse(f"{ufunc.__name__}.{method}", "mixes rows with one another")
        for value in inputs:
            if not isinstance(value, Probe) and (np.ndim(value) or np.asarray(value).dtype.kind not in "biuf"):  # type: ignore[arg-type]
                raise BuildError(f"{ufunc.__name__}({join(inputs)}): {value!r:.60} is no number; columns hold numbers")
        logical = ufunc.nout == 1 and np.dtype(bool).char in {types[-1] for types in ufunc.types if types.startswith("d")}
        bitwise = ufunc in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert)
        if bitwise and not all(logic(value) for value in inputs):
            raise BuildError(f"& | ~ join comparisons, but one side of {written(ufunc, inputs)} is none; {USE_SIGNS}")
        return Probe(written(ufunc, inputs), bool(logical or bitwise))

    def __array_function__(self, function: Callable[..., Any], types: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Probe":
        if function not in ELEMENTWISE:
            self.refuse(f"numpy.{function.__name__}", "may mix rows with one another")
        return Probe(f"{function.__name__}({join(args)})", function in (np.isnan, np.isclose))

    def refuse(self, what: str, why: str) -> NoReturn:
        """Say what was done to the column, and what to do instead."""
        raise BuildError(
            f"{what} on the column {self.text} {why}; a condition looks at one row at a time. "
            "For a window use an operator (moving_average, rolling_max, price_change, buffer(n).apply(f))"
        )

    def __bool__(self) -> bool:
        raise BuildError(
            f"{self.text} is a column, neither true nor false: `and`, `or`, `not`, `if`, min, max and a < b < c do not work; {USE_SIGNS}"
        )

    def __float__(self) -> float:
        raise BuildError(f"{self.text} is a column, not a number: use numpy's functions (numpy.log, not math.log)")

    __int__ = __index__ = __float__

    def __round__(self, places: int = 0) -> float:
        return self.__float__()

    def __getattr__(self, name: str) -> "Probe":
        if name in ("__array_interface__", "__array_struct__", "__array__"):
            raise AttributeError(name)
        return self.refuse(f".{name}", "is not elementwise")

    def __len__(self) -> int:
        self.refuse("len()", "depends on the batch")

    def __iter__(self) -> Any:
        self.refuse("a loop", "goes through the rows one by one")

    def __getitem__(self, rows: object) -> "Probe":
        return self.refuse("indexing", "shifts rows against one another")

    def __lshift__(self, other: object) -> "Probe":
        return self.refuse("a shift", "is not elementwise")

    __rshift__ = __rlshift__ = __rrshift__ = __matmul__ = __contains__ = __lshift__


def logic(value: object) -> bool:
    return value.logical if isinstance(value, Probe) else isinstance(value, bool | np.bool_)


def join(inputs: Iterable[object]) -> str:
    return ", ".join(value.text if isinstance(value, Probe) else repr(value) for value in inputs)


def written(ufunc: np.ufunc, inputs: Sequence[object]) -> str:
    """An operation as the user wrote it."""
    parts = [f"({part})" if " " in (part := join([value])) else part for value in inputs]
    sign = SIGNS.get(ufunc)
    if sign is None:
        return f"{'abs' if ufunc is np.absolute else ufunc.__name__}({join(inputs)})"
    return f" {sign} ".join(parts) if len(parts) > 1 else f"{sign}{parts[0]}"


def operation(ufunc: np.ufunc, swapped: bool = False) -> Callable[..., Probe]:
    def apply(self: Probe, *others: object) -> Probe:
        return self.__array_ufunc__(ufunc, "__call__", *((*others, self) if swapped else (self, *others)))

    return apply


BINARY: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide, "mod": np.remainder,
    "pow": np.power, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}  # fmt: skip
OTHER: dict[str, np.ufunc] = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert,
}  # fmt: skip
SIGNS: dict[np.ufunc, str] = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.floor_divide: "//", np.remainder: "%", np.power: "**",
    np.bitwise_and: "&", np.bitwise_or: "|", np.bitwise_xor: "^", np.less: "<", np.less_equal: "<=", np.greater: ">",
    np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=", np.negative: "-", np.positive: "+", np.invert: "~",
}  # fmt: skip
for sign, ufunc in BINARY.items():
    setattr(Probe, f"__{sign}__", operation(ufunc))
    setattr(Probe, f"__r{sign}__", operation(ufunc, swapped=True))
for sign, ufunc in OTHER.items():
    setattr(Probe, f"__{sign}__", operation(ufunc))


def check_condition(
    condition: Callable[[Any], Any], columns: Iterable[str], names: Iterable[str], logical: Iterable[str] = (),
    named: set[str] | None = None,
) -> frozenset[str]:  # fmt: skip
    """Call a condition once without values; BuildError says what it must not do. Returns the names it uses; adds symbols to `named`."""
    known = dict.fromkeys(columns, False) | dict.fromkeys(names, False) | dict.fromkeys(logical, True)
    rows = ProbeRows(known)
    try:
        result = condition(rows)
    except BuildError as error:
        raise BuildError(f"in the condition{name_of(condition)}: {error}") from None
    if not isinstance(result, Probe) or not result.logical:
        found = f"the number {result.text}" if isinstance(result, Probe) else repr(result)
        raise BuildError(f"the condition{name_of(condition)} gives {found}; expected a comparison of columns, such as s.price > 10")
    if named is not None:
        named |= rows._named
    return frozenset(rows._used)
