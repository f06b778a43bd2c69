"""The one decorator of inner loops: numba's options, one signature a kernel, compiled at the first call and kept on disk.

A kernel is a plain loop over columns: inputs read-only, state in place, `out` last. It never raises, allocates or sees
Python objects. Its parameters are annotated with the types below; they become its only signature, so that no unusual
array can start a compilation in the middle of a run.
"""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Generic, ParamSpec, TypeVar, get_type_hints

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = [
    "Codes",
    "CodesOut",
    "Counts",
    "Flags",
    "Floats",
    "Ints",
    "Kernel",
    "Kinds",
    "Marks",
    "Matrix",
    "Times",
    "Values1D",
    "added",
    "fma",
    "inline",
    "kernel",
    "spliced",
]

P = ParamSpec("P")
R = TypeVar("R")

Times = Annotated[NDArray[np.int64], types.Array(types.int64, 1, "C", readonly=True)]
"""int64 input column."""
Codes = Annotated[NDArray[np.int32], types.Array(types.int32, 1, "C", readonly=True)]
"""int32 input column: symbol codes."""
Kinds = Annotated[NDArray[np.int8], types.Array(types.int8, 1, "C", readonly=True)]
"""int8 input column: kinds of row."""
Flags = Annotated[NDArray[np.bool_], types.Array(types.boolean, 1, "C", readonly=True)]
"""bool input column."""
Values1D = Annotated[NDArray[np.float64], types.Array(types.float64, 1, "C", readonly=True)]
"""float64 input column."""
Floats = Annotated[NDArray[np.float64], types.Array(types.float64, 1, "C")]
"""float64 state or output."""
Matrix = Annotated[NDArray[np.float64], types.Array(types.float64, 2, "C")]
"""float64 state or output, a row per symbol or slot."""
Ints = Annotated[NDArray[np.int64], types.Array(types.int64, 1, "C")]
"""int64 state or output."""
Counts = Annotated[NDArray[np.int64], types.Array(types.int64, 2, "C")]
"""int64 state or output, a row per symbol or slot."""
CodesOut = Annotated[NDArray[np.int32], types.Array(types.int32, 1, "C")]
"""int32 state or output: symbol codes."""
Marks = Annotated[NDArray[np.bool_], types.Array(types.boolean, 1, "C")]
"""bool state or output."""

SCALARS = {int: types.int64, float: types.float64, bool: types.boolean, type(None): types.void}
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
KEEP_VERSIONS = 8
COMPILING: list[str] = []
"""The kernel that is being compiled now, if any."""
COMPILED: dict[str, float] = {}
"""The seconds that each kernel took which this process has compiled, and not found on disk."""


def inline(function: Callable[P, R]) -> Callable[P, R]:
    """A step shared by kernels, copied into each: a call that passes arrays would count references, ten times as slow."""
    return numba.njit(**OPTIONS)(function)  # type: ignore[no-any-return]


def spliced(function: Callable[P, R]) -> Callable[P, R]:
    """As `inline`, but copied as source: on its own it would be optimised first, and a choice by arithmetic become a branch."""
    return numba.njit(inline="always", **OPTIONS)(function)  # type: ignore[no-any-return]


@intrinsic
def fused_multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c with one rounding."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), build


fma: Any = fused_multiply_add


@inline
def added(total, error, x):  # type: ignore[no-untyped-def]
    """A sum and its kept rounding error after adding x (TwoSum, Knuth)."""
    new = total + x
    part = new - total
    return new, error + ((total - (new - part)) + (x - part))


class Kernel(Generic[R]):
    """An inner loop that compiles itself at its first call, and then stands aside: its module's name for it becomes the compiled one."""

    def __init__(self, function: Callable[..., R]) -> None:
        self.function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self._compiled: Callable[..., R] | None = None

    def __call__(self, *args: Any) -> R:
        return (self._compiled or self.compile())(*args)

    def compile(self) -> Callable[..., R]:
        """Compile for the one signature the annotations give, or load it from the cache (a kernel typed at a prompt has none)."""
        config: Any = numba.config
        hints = get_type_hints(self.function, include_extras=True)
        arguments = [numba_type(hint) for name, hint in hints.items() if name != "return"]
        signature = numba_type(hints["return"])(*arguments)
        kept = config.CACHE_DIR
        COMPILING.append(self.__name__)
        began = time.perf_counter()
        config.CACHE_DIR = cache_folder()
        try:
            on_disk = Path(self.function.__code__.co_filename).is_file()
            self._compiled = made = numba.njit(signature, cache=on_disk, **OPTIONS)(self.function)
            if not made.stats.cache_hits:
                COMPILED[f"{self.__module__}.{self.__name__}"] = time.perf_counter() - began
        finally:
            config.CACHE_DIR = kept
            COMPILING.pop()
        home = sys.modules[self.__module__].__dict__ if self.__module__ in sys.modules else {}
        if home.get(self.__name__) is self:
            home[self.__name__] = self._compiled
        return self._compiled


def kernel(function: Callable[..., R]) -> Kernel[R]:
    """Make an inner loop of an annotated function.

    >>> @kernel
    ... def running_total(x: Values1D, out: Floats) -> None:
    ...     total = 0.0
    ...     for i in range(x.shape[0]):
    ...         total += x[i]
    ...         out[i] = total
    >>> out = np.empty(3)
    >>> running_total.function(np.ones(3), out)
    >>> out.tolist()
    [1.0, 2.0, 3.0]
    """
    return Kernel(function)


def numba_type(hint: Any) -> Any:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, types.Type):
            return extra
    return SCALARS[hint]


@cache
def cache_folder() -> str:
    """Where compiled kernels are kept: one folder for each version of the kernels' sources, the newest few.

    numba looks only at a kernel's own file, so a changed step in another file would leave a stale kernel behind.
    """
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    stamps = [f"{path}:{stat.st_mtime_ns}:{stat.st_size}" for path in sources for stat in (path.stat(),)]
    version = hashlib.blake2b("\n".join([numba.__version__, sys.version, *stamps]).encode(), digest_size=8).hexdigest()
    for base in (user_cache(), Path(tempfile.gettempdir()) / f"rxtape-{os.environ.get('USER', 'kernels')}"):
        folder = base / version
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            os.utime(folder)
            forget_old_versions(base, keep=folder)
            return str(folder)
    return tempfile.mkdtemp(prefix="rxtape-kernels-")


def user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "rxtape" / "kernels"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "rxtape" / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rxtape" / "kernels"


def forget_old_versions(base: Path, keep: Path) -> None:
    import shutil

    others = sorted((folder for folder in base.iterdir() if folder != keep), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in others[KEEP_VERSIONS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
