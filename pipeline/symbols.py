"""Symbols and their codes: the only place that issues one."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError, TooManySymbols

__all__ = ["SymbolTable", "is_symbol"]

MAX_SYMBOLS = 1_000_000
MAX_NAME = 256


class SymbolTable:
    """Dense int32 codes for symbols, in order of appearance; code 0 is "no symbol".

    A code is never taken back: windows and rules are indexed by it. Past `limit` a new symbol is refused by name.

    >>> table = SymbolTable()
    >>> table.code("SPY"), table.code("IBM"), table.code("SPY")
    (1, 2, 1)
    >>> table.name(2)
    'IBM'
    """

    __slots__ = ("_codes", "_names", "limit")

    def __init__(self, names: Iterable[str] = (), limit: int = MAX_SYMBOLS) -> None:
        self.limit = limit
        self._names: list[str] = [""]
        self._codes: dict[str, int] = {}
        self.codes(names)

    def __len__(self) -> int:
        """How many symbols have a code."""
        return len(self._codes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names[1:])

    def __contains__(self, name: object) -> bool:
        return name in self._codes

    def __repr__(self) -> str:
        return f"SymbolTable({len(self)} symbols)"

    def code(self, name: str) -> int:
        """The code of a symbol, issued at its first appearance; TooManySymbols past the limit."""
        known = self._codes.get(name)
        return self._issue(name) if known is None else known

    def find(self, name: str) -> int:
        """The code of a symbol that has one, else -1."""
        return self._codes.get(name, -1)

    def codes(self, names: Iterable[str]) -> NDArray[np.int32]:
        """The codes of several symbols."""
        wanted, known = list(names), self._codes
        fresh = [name for name in wanted if name not in known]
        if len(fresh) > 1 and len(set(fresh)) == len(fresh) and len(known) + len(fresh) <= self.limit and are_symbols(fresh):
            known.update(zip(fresh, range(len(self._names), len(self._names) + len(fresh)), strict=True))
            self._names.extend(fresh)
        elif fresh:
            return np.array([self.code(name) for name in wanted], dtype=np.int32)
        return np.array(list(map(known.__getitem__, wanted)), dtype=np.int32)

    def name(self, code: int) -> str:
        """The symbol of a code; "" for 0."""
        return self._names[code]

    def names(self, codes: Iterable[int]) -> list[str]:
        """The symbols of several codes."""
        names = self._names
        return [names[code] for code in codes]

    def snapshot(self) -> tuple[str, ...]:
        """Every symbol in the order of its code, from 1."""
        return tuple(self._names[1:])

    def restore(self, names: Sequence[str]) -> None:
        """Take over the codes of a snapshot; what is already issued must agree with it."""
        mine = self._names[1:]
        if list(names[: len(mine)]) != mine:
            raise InputError(f"the snapshot's symbols begin {list(names[:5])}, the table's {mine[:5]}: codes cannot be shared")
        self.codes(names)

    def _issue(self, name: str) -> int:
        if not is_symbol(name):
            raise InputError(f"{name!r:.80} is no symbol; expected 1 to {MAX_NAME} printable characters without blanks around them")
        if len(self._codes) >= self.limit:
            raise TooManySymbols(name, self.limit)
        code = len(self._names)
        self._names.append(name)
        self._codes[name] = code
        return code


def is_symbol(name: object) -> bool:
    """Whether a text can be a symbol."""
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable() and name == name.strip()


def are_symbols(names: list[str]) -> bool:
    """Whether all of them can be symbols, by a pass each of built-in functions."""
    return (
        set(map(type, names)) == {str}
        and all(names)
        and all(map(str.isprintable, names))
        and max(map(len, names)) <= MAX_NAME
        and list(map(str.strip, names)) == names
    )
