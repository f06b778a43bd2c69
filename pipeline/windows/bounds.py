"""The bounds of a sliding window: the last n rows of a symbol, or the rows of the last stretch of time.

time      10:00:00            10:00:30            10:01:00
"1m"              (-----------------------------------]        half-open: t - width is out, t is in
3 rows                    [x        x            x]
"""

from dataclasses import dataclass

from pipeline.durations import Duration, format_duration, nanoseconds
from pipeline.errors import ParameterError

__all__ = ["Window", "bounds_of", "width_of"]


MOST_ROWS = 10_000_000
FEW_BYTES = 8 * 64
"""What a row of a count window takes at least: a number for each of the symbols there is room for from the start."""


@dataclass(frozen=True, slots=True)
class Window:
    """A count window (`rows` > 0) or a time window (`width_ns` > 0)."""

    rows: int = 0
    width_ns: int = 0

    def __repr__(self) -> str:
        return repr(self.rows) if self.rows else repr(format_duration(self.width_ns))


def bounds_of(bounds: int | Duration) -> Window:
    """The window of a number of rows or a length of time.

    >>> bounds_of("60s") == bounds_of("1m"), bounds_of(10)
    (True, 10)
    """
    if isinstance(bounds, bool) or (isinstance(bounds, int) and bounds < 1):
        raise ParameterError(f'{bounds!r} is no window; expected a number of rows from 1, or a length of time such as "5m"')
    if isinstance(bounds, int):
        if bounds > MOST_ROWS:
            raise ParameterError(
                f"a window of {bounds:,} rows needs {bounds * FEW_BYTES / 2**30:,.0f} GiB or more; it has at most {MOST_ROWS:,}; "
                'a length of time, such as "1h", keeps only the rows that are in it'
            )
        return Window(rows=bounds)
    rows = str(bounds).removesuffix(".0")
    if isinstance(bounds, float | str) and rows.isdecimal():
        number = f"the number {rows}" if isinstance(bounds, str) else rows
        raise ParameterError(f'{bounds!r} is no window; write "{rows}s" for {rows} seconds, or {number} for the last {rows} rows')
    return Window(width_ns=width_of(bounds))


def width_of(length: Duration) -> int:
    """Nanoseconds of a window's width, which must be above zero."""
    width = nanoseconds(length)
    if width < 1:
        raise ParameterError(f"{length!r} is no width of a window; it must be longer than nothing")
    return width
