"""Exact arithmetic on floats: rationals for sums and means, a hundred digits for roots and recursions."""

import math
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from fractions import Fraction

NAN = math.nan
DIGITS = Context(prec=100)


def total(values: Iterable[float | Fraction]) -> Fraction:
    """The sum without any rounding; 0 of nothing; raises on NaN and infinities."""
    ratios = [value.as_integer_ratio() for value in values]
    scale = math.lcm(*(denominator for _, denominator in ratios))
    return Fraction(sum(numerator * (scale // denominator) for numerator, denominator in ratios), scale)


def mean(values: Sequence[float | Fraction]) -> Fraction:
    """The mean without any rounding, of at least one value."""
    return total(values) / len(values)


def rounded(value: Fraction | Decimal) -> float:
    """The nearest float; an infinity beyond the largest."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def decimal(value: float | Fraction) -> Decimal:
    """The value to a hundred digits."""
    numerator, denominator = value.as_integer_ratio()
    return DIGITS.divide(Decimal(numerator), Decimal(denominator))


def root(value: Fraction) -> Decimal:
    """The square root to a hundred digits."""
    return DIGITS.sqrt(decimal(value))
