"""Units of signals, in which plots draw them: each operator says its own."""

from collections.abc import Sequence

__all__ = ["SAME", "SIZE", "UNKNOWN", "unit_of_columns", "unit_of_result"]

UNKNOWN = ""
SAME = "that of the input"
SIZE = "size (base units)"
SIZES = ("size", "bid_size", "ask_size")


def unit_of_columns(columns: Sequence[str]) -> str:
    """The unit of columns of a tape: that of the first, where it is a size.

    >>> unit_of_columns(["bid_size"]), unit_of_columns(["price", "size"])
    ('size (base units)', '')
    """
    return SIZE if columns[0] in SIZES else UNKNOWN


def unit_of_result(unit: str, of: str) -> str:
    """The unit of what an operator gives, by what it says, and the unit of its input.

    >>> unit_of_result(SAME, SIZE), unit_of_result("seconds", SIZE)
    ('size (base units)', 'seconds')
    """
    return of if unit == SAME else unit
