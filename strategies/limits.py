"""What a parameter may be: each check names the strategy, the parameter, what was found and what was expected."""

from pipeline.durations import format_duration, nanoseconds
from pipeline.errors import ParameterError
from pipeline.strategy import Strategy

__all__ = ["above", "fraction", "length", "lengths", "require", "whole"]


def require(strategy: Strategy, name: str, holds: bool, expected: str) -> None:
    """Raise ParameterError unless a condition on a parameter holds."""
    if not holds:
        raise ParameterError(f"{type(strategy).__name__}.{name} = {getattr(strategy, name)!r}: expected {expected}")


def above(strategy: Strategy, least: float, *names: str) -> None:
    """Numbers above `least`."""
    for name in names:
        require(strategy, name, getattr(strategy, name) > least, f"a number above {least:g}")


def fraction(strategy: Strategy, *names: str) -> None:
    """Moves of a price, as parts of it."""
    for name in names:
        require(strategy, name, getattr(strategy, name) >= 0, "a fraction from 0, such as 0.01")


def whole(strategy: Strategy, least: int, *names: str) -> None:
    """Whole numbers from `least`."""
    for name in names:
        require(strategy, name, getattr(strategy, name) >= least, f"a whole number from {least}")


def length(strategy: Strategy, name: str) -> int:
    """Nanoseconds of a parameter that is a length of time."""
    try:
        return nanoseconds(getattr(strategy, name))
    except ParameterError as error:
        raise ParameterError(f"{type(strategy).__name__}.{name}: {error}") from None


def lengths(strategy: Strategy, *names: str, beyond: str = "") -> None:
    """Lengths of time above 0, or above that of another parameter."""
    least = length(strategy, beyond) if beyond else 0
    for name in names:
        more = f"{beyond} = {format_duration(least)}" if beyond else "0"
        require(strategy, name, length(strategy, name) > least, f'a length of time above {more}, such as "90s" or "5m"')
