"""`rxtape journal project`: what a log comes to, by a projection of the library or of a user's file."""

import ast
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import ParameterError, RxtapeError, UnknownName, UsageError
from pipeline.functions import place_of

__all__ = ["projected", "table"]

OURS = {"alerts": "AlertsByHour", "outcomes": "Outcomes"}


def projected(which: str, folder: Path, settings: Sequence[str], rebuild: bool, keep: bool) -> list[dict[str, Any]]:
    """The result of a projection, by name, `file.py:Class` or `module:Class`."""
    from pipeline.journal.projections import project

    projection = made(which, settings)
    try:
        return project(projection, folder, keep=keep, rebuild=rebuild).result()
    except RxtapeError:
        raise
    except Exception as error:  # a guarded place: user code
        raise RxtapeError(f"{which} fails: {type(error).__name__}: {error}{place_of(error)}") from error


def made(which: str, settings: Sequence[str]) -> Any:
    """The projection, with its parameters."""
    given = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{text!r} sets nothing; write a parameter and its value, such as follow=0.02")
        try:
            given[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            given[name] = value
    kind = class_of(which)
    known = inspect.signature(kind).parameters
    for name in given:
        if name not in known and not any(each.kind is each.VAR_KEYWORD for each in known.values()):
            raise UnknownName(f"parameter of {which}", name, known)
    try:
        return kind(**given)
    except (TypeError, ValueError, ParameterError) as error:
        raise UsageError(f"{which} cannot be made: {error}") from error


def class_of(which: str) -> Any:
    from pipeline.journal import outcomes
    from pipeline.journal.projections import Projection
    from pipeline.strategy_files import module_named, module_of_file

    if which in OURS:
        return getattr(outcomes, OURS[which])
    place, _, wanted = which.partition(":")
    if not place.endswith(".py") and not wanted:
        raise UnknownName("projection", which, OURS)
    module = module_of_file(Path(place)) if place.endswith(".py") else module_named(place)
    found = {
        name: value for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Projection) and value.__module__ == module.__name__
    }  # fmt: skip
    if wanted and wanted not in found:
        raise UnknownName(f"projection in {place}", wanted, found)
    if not wanted and len(found) != 1:
        raise UsageError(f"{place} has {len(found)} projections ({', '.join(found) or 'none'}); write {place}:Class")
    return found[wanted] if wanted else next(iter(found.values()))


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Rows with their columns below one another."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([shown(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(names))]
    for row in cells:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def shown(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
