"""C: one pass over the columns, compiled by the gcc of this machine for this machine."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.ctypeslib import ndpointer
from numpy.typing import NDArray

from benchmarks.tapes import BenchTape

SOURCE = Path(__file__).with_name("loop.c")
INT32, INT64, FLOAT64 = (ndpointer(dtype, flags="C_CONTIGUOUS") for dtype in (np.int32, np.int64, np.float64))
COLUMNS: list[Any] = [INT64, INT32, FLOAT64, FLOAT64, ctypes.c_int64, ctypes.c_int32]


@cache
def library() -> ctypes.CDLL:
    """The compiled loops; raises CalledProcessError with gcc's own words on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "loop.so"
        subprocess.run(["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-o", binary, SOURCE], check=True)
        loops = ctypes.CDLL(str(binary))
    loops.w1.argtypes = [*COLUMNS, ctypes.c_double, INT64]
    loops.w2.argtypes = [*COLUMNS, ctypes.c_double, ctypes.c_double, INT64]
    loops.w1.restype = loops.w2.restype = ctypes.c_int64
    return loops


def w1_c(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: plain running sums, no division, state of a symbol in two cache lines, no checks of the input at all."""
    alerts = np.empty(len(tape), np.int64)
    found = library().w1(*_columns(tape), theta, alerts)
    return alerts[: _checked(found)].copy()


def w2_c(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: plain running sums, no division, state of a symbol in half a cache line, no checks of the input at all."""
    events = np.empty((len(tape), 2), np.int64)
    found = library().w2(*_columns(tape), enter, leave, events)
    return events[: _checked(found)].copy()


def _columns(tape: BenchTape) -> tuple[object, ...]:
    return tape.time, tape.symbol, tape.price, tape.size, len(tape), tape.symbols


def _checked(found: int) -> int:
    if found < 0:
        raise MemoryError("the C loop could not allocate its states")
    return found
