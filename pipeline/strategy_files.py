"""Strategies of users' files and modules, loaded by path: the folder of a file is never added to Python's search path.

A file may import others that lie beside it: a finder at the end of `sys.meta_path` serves single files of that folder,
to imports made by files of that folder only, and only names that nothing installed has. Each is known to Python under a
name of its own, so that two folders with a `levels.py` each do not meet, and nobody else can import either.
"""

import hashlib
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import FrameType, ModuleType
from typing import Any

from pipeline.errors import RxtapeError, UnknownName, UsageError
from pipeline.functions import FILE_MODULE
from pipeline.plugins import load
from pipeline.strategy import Strategy

__all__ = ["strategies_in", "strategy_class"]


def strategy_class(name: str) -> type[Strategy]:
    """The strategy that a text names: a plug-in, `file.py`, `file.py:Class`, or `package.module:Class`.

    Raises UnknownName where nothing has that name, UsageError where the file or module does not run, with its file and line.

    >>> strategy_class("volume_breakout")().name
    'volume_breakout'
    """
    place, _, wanted = name.rpartition(":") if ":" in name else (name, "", "")
    if place.endswith(".py"):
        return class_of(strategies_in(place), wanted, place)
    if wanted:
        return class_of(own_strategies(module_named(place)), wanted, place)
    try:
        found = load("strategy", name)
    except UnknownName as error:
        if Path(f"{name}.py").is_file():
            raise UsageError(f"no installed strategy is named {name!r}, but there is a file here: write {name}.py") from error
        raise
    if not is_strategy(found):
        raise UsageError(f"the plug-in {name!r} is no Strategy but {found!r:.80}")
    return found  # type: ignore[no-any-return]


def strategies_in(path: str | Path) -> dict[str, type[Strategy]]:
    """The strategies that a file defines (or, where it defines none, imports), by class name; UsageError where it does not run."""
    return own_strategies(module_of_file(Path(path)))


def own_strategies(module: ModuleType) -> dict[str, type[Strategy]]:
    there = {key: value for key, value in vars(module).items() if is_strategy(value)}
    own = {key: value for key, value in there.items() if value.__module__ == module.__name__}
    return own or there


def is_strategy(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy


def class_of(there: Mapping[str, type[Strategy]], wanted: str, place: str) -> type[Strategy]:
    if not wanted and not there:
        raise UsageError(f"{place} has no strategy: a class of it derives from Strategy, as in what rxtape strategies new NAME writes")
    if wanted and wanted not in there:
        raise UnknownName(f"strategy in {place}", wanted, there)
    if not wanted and len(there) > 1:
        raise UsageError(f"{place} has several strategies; choose one: {', '.join(f'{place}:{key}' for key in there)}")
    return there[wanted] if wanted else next(iter(there.values()))


def module_of_file(path: Path) -> ModuleType:
    """The module of a user's file, run anew."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    file = path.absolute()
    BESIDE.serve(file.parent)
    sys.modules.pop(name_of(file), None)
    spec = spec_of(file)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their annotations up there
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise UsageError(f"{place_in(error, path)}: {said(error, path)}") from error
    return module


def module_named(name: str) -> ModuleType:
    """An installed module, or one of the working folder, which is looked into last, so that it shadows nothing."""
    importlib.invalidate_caches()
    beside = Path(f"{name}.py")
    if "." not in name and beside.is_file() and find_spec(name) is None:
        return module_of_file(beside)
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        return importlib.import_module(name)
    except RxtapeError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"the module {name} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.reverse()
        sys.path.remove(folder)
        sys.path.reverse()


class FreshSource(SourceFileLoader):
    """Compiles a user's file each time: no stale bytecode, no `__pycache__` beside it."""

    def path_stats(self, path: Any) -> Mapping[str, Any]:
        """Nothing to compare bytecode with."""
        raise OSError("bytecode of users' files is not kept")


class Again(Loader):
    """Gives a module that is there already."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module."""
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """It has run, or is running."""


class Beside(MetaPathFinder):
    """Finds single files beside a user's file, for the files of that folder alone."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()

    def serve(self, folder: Path) -> None:
        """From now on, serve the files of a folder; asked last of all finders."""
        self.folders.add(folder)
        if self not in sys.meta_path:
            sys.meta_path.append(self)

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """A file beside the importing one; ImportError for a folder."""
        folder = importing_folder()
        if "." in fullname or folder not in self.folders:
            return None
        file = folder / f"{fullname}.py"
        if file.is_file():
            return spec_of(file)
        if (folder / fullname).is_dir():
            raise ImportError(
                f"{fullname} is a folder; a strategy file can import single files that lie beside it. "
                "Make the folder a package and install it (pip install -e), or run with PYTHONPATH=."
            )
        return None


BESIDE = Beside()


def importing_folder() -> Path:
    """The folder of the file whose import is under way."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith("<frozen importlib") and name not in (__file__, importlib.__file__):
            return Path(name).parent
        frame = frame.f_back
    return Path()


def name_of(file: Path) -> str:
    """A name that no import can ask for, but by the finder."""
    return f"{FILE_MODULE}{file.stem}_{hashlib.blake2b(str(file).encode(), digest_size=4).hexdigest()}"


def spec_of(file: Path) -> ModuleSpec:
    """How to load a file; one that is loaded, and has not changed since, is given again."""
    name, changed = name_of(file), file.stat().st_mtime_ns
    known = sys.modules.get(name)
    if known is not None and known.__spec__ is not None and known.__spec__.loader_state == changed:
        spec: ModuleSpec | None = ModuleSpec(name, Again(), origin=str(file))
    else:
        spec = spec_from_file_location(name, file, loader=FreshSource(name, str(file)))
    if spec is None:
        raise ImportError(f"{file} cannot be read as Python")
    spec.loader_state = changed
    return spec


def place_in(error: BaseException, path: Path) -> str:
    """File and line of the user's code where an error came from: the innermost line in the folder of the file."""
    folder = path.absolute().parent
    if isinstance(error, SyntaxError) and error.filename:
        file, line = Path(error.filename), error.lineno
    else:
        lines = [(Path(frame.filename), frame.lineno) for frame in extract_tb(error.__traceback__)]
        file, line = next(((file, line) for file, line in reversed(lines) if file.parent == folder), (path.absolute(), None))
    shown = path.parent / file.name if file.parent == folder else file
    return f"{shown}:{line}" if line else str(shown)


def said(error: BaseException, path: Path) -> str:
    """What went wrong in a user's file, and what to do."""
    if isinstance(error, RxtapeError):
        return str(error)
    if isinstance(error, SystemExit):
        return "the file ends the program when it is imported; put what shall run by itself under if __name__ == '__main__':"
    if isinstance(error, ModuleNotFoundError) and error.name and "." not in error.name:
        return f"no module named {error.name!r}: install it (pip install {error.name}), or put {error.name}.py beside {path.name}"
    return f"{type(error).__name__}: {error}"
