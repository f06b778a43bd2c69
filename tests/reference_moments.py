"""Spread and co-movement over a window of rows (int) or of time (str)."""

from collections.abc import Sequence
from decimal import localcontext
from fractions import Fraction

from reference_exact import DIGITS, NAN, decimal, mean, root, rounded, total
from reference_tape import Inputs, Numbers, Values, Window, rolling


def rolling_std(inputs: Inputs[float], window: Window, ddof: int = 1) -> Values:
    """Standard deviation in the window; NaN unless there are more than `ddof` values."""
    return rolling(inputs, window, lambda xs: rounded(root(_variance(xs, ddof))) if len(xs) > ddof else NAN)


def zscore(inputs: Inputs[float], window: Window, ddof: int = 1) -> Values:
    """(last - mean) / standard deviation; NaN where that is 0 or undefined."""
    return rolling(inputs, window, lambda xs: _zscore(xs, ddof))


def bollinger(inputs: Inputs[float], window: Window, width: float, ddof: int = 0) -> tuple[Values, Values, Values]:
    """Lower band, mean and upper band, `width` standard deviations apart; a band is NaN where the deviation is undefined."""

    def band(side: float) -> Values:
        return rolling(inputs, window, lambda xs: _band(xs, side, ddof))

    return band(-width), rolling(inputs, window, lambda xs: rounded(mean(xs)) if xs else NAN), band(width)


def rolling_cov(inputs: Inputs[Numbers], window: Window, ddof: int = 1) -> Values:
    """Covariance of (x, y) inputs."""
    return rolling(inputs, window, lambda pairs: rounded(_covariance(pairs, ddof)) if len(pairs) > max(ddof, 1) else NAN)


def rolling_corr(inputs: Inputs[Numbers], window: Window, ddof: int = 1) -> Values:
    """Correlation of (x, y) inputs; NaN where a variance is 0."""
    return rolling(inputs, window, lambda pairs: _correlation(pairs, ddof) if len(pairs) > max(ddof, 1) else NAN)


def rolling_beta(inputs: Inputs[Numbers], window: Window, ddof: int = 1) -> Values:
    """Covariance of (x, y) by the variance of y; NaN where that is 0."""
    return rolling(inputs, window, lambda pairs: _beta(pairs, ddof) if len(pairs) > max(ddof, 1) else NAN)


def _variance(xs: Sequence[float], ddof: int) -> Fraction:
    return _covariance([(x, x) for x in xs], ddof)


def _covariance(pairs: Sequence[Numbers], ddof: int) -> Fraction:
    x_mean, y_mean = mean([x for x, _ in pairs]), mean([y for _, y in pairs])
    return total((Fraction(x) - x_mean) * (Fraction(y) - y_mean) for x, y in pairs) / (len(pairs) - ddof)


def _zscore(xs: Sequence[float], ddof: int) -> float:
    if len(xs) <= ddof or _variance(xs, ddof) == 0:
        return NAN
    return rounded(DIGITS.divide(decimal(Fraction(xs[-1]) - mean(xs)), root(_variance(xs, ddof))))


def _band(xs: Sequence[float], side: float, ddof: int) -> float:
    if len(xs) <= ddof:
        return NAN
    with localcontext(DIGITS):
        return rounded(decimal(mean(xs)) + decimal(side) * root(_variance(xs, ddof)))


def _correlation(pairs: Sequence[Numbers], ddof: int) -> float:
    variances = _variance([x for x, _ in pairs], ddof) * _variance([y for _, y in pairs], ddof)
    return rounded(DIGITS.divide(decimal(_covariance(pairs, ddof)), root(variances))) if variances else NAN


def _beta(pairs: Sequence[Numbers], ddof: int) -> float:
    variance = _variance([y for _, y in pairs], ddof)
    return rounded(_covariance(pairs, ddof) / variance) if variance else NAN
