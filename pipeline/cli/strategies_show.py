"""What `rxtape strategies show` says of a strategy."""

import ast
import inspect
import io
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args

from pipeline.checkup import columns_read
from pipeline.durations import nanoseconds
from pipeline.errors import ParameterError, UsageError
from pipeline.parameters import shown, type_name
from pipeline.strategy import Strategy, snake_case
from pipeline.strategy_files import strategy_class

__all__ = ["shown_strategy"]


def shown_strategy(written: str) -> str:
    """Docstring, parameters, columns and an example command of the strategy that a text names.

    >>> print(shown_strategy("volume_spike").splitlines()[0])
    volume_spike: VolumeSpike of strategies/volume_spike.py
    """
    kind = strategy_class(written)
    place = inspect.getsourcefile(kind) or kind.__module__
    shown_place = (
        "/".join(place.replace("\\", "/").split("/")[-2:]) if not written.partition(":")[0].endswith(".py") else written.partition(":")[0]
    )
    lines = [f"{snake_case(kind.__name__)}: {kind.__name__} of {shown_place}", "", *inspect.cleandoc(kind.__doc__ or "").split("\n"), ""]
    lines += table_of(kind)
    lines += ["", f"reads    {columns_of(kind)}"]
    if kind.scope == "market":
        lines.append("scope    market: the alerts of a symbol depend on other symbols")
    return "\n".join([*lines, "", f"rxtape replay ticks.csv --strategy {written}{example_of(kind)}"])


def table_of(kind: type[Strategy]) -> Iterator[str]:
    """The parameters: name, type, default, and what the class says of them."""
    defaults, notes = kind.defaults(), notes_of(kind)
    rows = [("parameter", "type", "default", "unit or meaning")]
    for name, wanted in kind.parameters().items():
        if name == "name":
            continue
        default = shown(defaults[name]) if name in defaults else "(must be given)"
        rows.append((name, type_name(wanted), default, notes.get(name) or unit_of(wanted, defaults.get(name))))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]).rstrip()


def unit_of(wanted: Any, default: object) -> str:
    """What can be told of a parameter without words of its class."""
    if timedelta in (wanted, *get_args(wanted)):
        return "a length of time"
    try:
        return "a length of time" if isinstance(default, str) and nanoseconds(default) else ""
    except ParameterError:
        return ""


def notes_of(kind: type[Strategy]) -> Mapping[str, str]:
    """The comments behind the parameters in the source, those of base classes included."""
    notes: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if issubclass(each, Strategy) and each is not Strategy:
            try:
                source = textwrap.dedent(inspect.getsource(each))
            except (OSError, TypeError):
                continue
            notes |= comments_in(source)
    return notes


def comments_in(source: str) -> Mapping[str, str]:
    """The comment on the line of each annotated name of a class.

    >>> comments_in("class A:\\n    move: float = 0.01  # relative: 0.01 is 1%\\n")
    {'move': 'relative: 0.01 is 1%'}
    """
    comments = {
        token.start[0]: token.string for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.COMMENT
    }
    body = ast.parse(source).body[0]
    found = body.body if isinstance(body, ast.ClassDef) else []
    named = ((each.target.id, each.end_lineno) for each in found if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name))
    return {name: comments[line].lstrip("# ") for name, line in named if line in comments}


def columns_of(kind: type[Strategy]) -> str:
    try:
        return ", ".join(sorted(columns_read(kind()))) or "trades or quotes, whichever there are"
    except ParameterError as error:
        return f"known once every parameter is given ({error})"
    except UsageError as error:
        return f"unknown: {error}"


def example_of(kind: type[Strategy]) -> str:
    """A setting to begin with: what must be given, or the first parameter."""
    defaults = kind.defaults()
    names = [name for name in kind.parameters() if name != "name"]
    needed = [name for name in names if name not in defaults]
    return "".join(f" --set {name}={shown(defaults[name]) if name in defaults else '...'}" for name in needed or names[:1])
