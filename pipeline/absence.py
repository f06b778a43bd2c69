"""What to say where an operator reads a column that the tape does not have."""

from collections.abc import Set

from pipeline.errors import BuildError, UnknownName, UsageError

__all__ = ["absent_column"]


def absent_column(name: str, operator: object, columns: Set[str], further: Set[str]) -> UsageError:
    """The error of an operator that reads a column; `further` are columns of the file that would be read on request."""
    if name in ("price", "size") and "price" not in columns and "bid" in columns:
        return BuildError(
            f"{operator!r} reads {name!r}, and this tape has quotes only; apply it to a signal instead, "
            'for example ticks.pipe(mid(), moving_average(10)), or ticks.pipe(mid(), bars("1m"))'
        )
    if name == "size" and "price" in columns:
        others = sorted(further | (columns - {"seq", "time", "symbol", "kind", "price"}))
        there = f"; it also has {', '.join(others)}" if others else ", and no other column that could be one"
        return BuildError(
            f"{operator!r} needs sizes, and this tape has none: say which column of the file they are, "
            f"as in --columns size={others[0] if others else 'volume'}{there}"
        )
    return UnknownName(f"column of the tape for {operator!r}", name, columns)
