"""Strategies as they are named on the command line: by plug-in, file or module, with their parameters."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from pipeline.errors import RxtapeError, UnknownName, UsageError
from pipeline.plugins import load
from pipeline.strategy import Strategy, snake_case

__all__ = ["chosen_strategies"]


def chosen_strategies(names: Sequence[str], settings: Sequence[str]) -> list[Strategy]:
    """The strategies that `--strategy` names, with the parameters of `--set`.

    Raises UnknownName for a strategy or parameter that is not there, ParameterError for a value of the wrong type,
    UsageError for the rest.
    """
    kinds = {name: strategy_class(name) for name in names}
    if len(kinds) < len(names):
        raise UsageError("a strategy is named twice; for two of one kind write a file with two classes")
    given: dict[str, dict[str, str]] = {name: {} for name in kinds}
    for setting in settings:
        owner, parameter, value = split_setting(setting, kinds)
        given[owner][parameter] = value
    return [kind.from_text(given[name]) for name, kind in kinds.items()]


def split_setting(setting: str, kinds: dict[str, type[Strategy]]) -> tuple[str, str, str]:
    left, equals, value = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting}: expected name=value, such as move=0.02")
    owner, dot, parameter = left.rpartition(".")
    if not dot:
        if len(kinds) > 1:
            raise UsageError(f"--set {setting}: which strategy? Write {next(iter(short_names(kinds)))}.{setting}")
        return next(iter(kinds)), left, value
    if owner in kinds:
        return owner, parameter, value
    short = short_names(kinds)
    if owner not in short:
        raise UnknownName("chosen strategy", owner, short)
    return short[owner], parameter, value


def short_names(kinds: dict[str, type[Strategy]]) -> dict[str, str]:
    return {snake_case(kind.__name__): name for name, kind in kinds.items()}


def strategy_class(name: str) -> type[Strategy]:
    """NAME of a plug-in, path.py, path.py:Class, or module:Class."""
    place, _, wanted = name.rpartition(":") if ":" in name else (name, "", "")
    if place.endswith(".py"):
        return class_of(module_of_file(Path(place)), wanted, name)
    if wanted:
        return class_of(module_named(place), wanted, name)
    found = load("strategy", name)
    if not is_strategy(found):
        raise UsageError(f"the plug-in {name!r} is no Strategy but {found!r:.80}")
    return found  # type: ignore[no-any-return]


def is_strategy(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy


def class_of(module: ModuleType, wanted: str, name: str) -> type[Strategy]:
    there = {key: value for key, value in vars(module).items() if is_strategy(value)}
    own: dict[str, type[Strategy]] = {key: value for key, value in there.items() if value.__module__ == module.__name__}
    if not wanted and len(own) == 1:
        return next(iter(own.values()))
    named: Any = getattr(module, wanted, None) if wanted else None
    if is_strategy(named):
        return named  # type: ignore[no-any-return]
    if wanted or not own:
        raise UnknownName(f"strategy in {name.partition(':')[0]}", wanted or "any", own)
    raise UsageError(f"{name} has several strategies; choose one: {', '.join(f'{name}:{key}' for key in own)}")


def module_of_file(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"rxtape_file_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UsageError(f"there is no file {path}")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their annotations up there
    try:
        spec.loader.exec_module(module)
    except RxtapeError:
        raise
    except Exception as error:
        raise UsageError(f"{place_of(error, path)}: {type(error).__name__}: {error}") from error
    return module


def module_named(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.append("")  # the working folder, last, so that it shadows nothing
    try:
        return import_module(name)
    except RxtapeError:
        raise
    except Exception as error:
        raise UsageError(f"the module {name} cannot be imported: {type(error).__name__}: {error}") from error


def place_of(error: Exception, path: Path) -> str:
    """File and line of the user's code where the error came from."""
    if isinstance(error, SyntaxError):
        own = error.filename is None or Path(error.filename) == path.absolute()
        return f"{path if own else error.filename}:{error.lineno}"
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename) == path.absolute()]
    return f"{path}:{lines[-1]}" if lines else str(path)
