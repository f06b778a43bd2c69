"""Kernels never read or write beyond an array: the laws once more, with every index checked.

numba checks none: what is out of bounds is silently some other memory. NUMBA_BOUNDSCHECK=1 makes it an IndexError, in a
process and a kernel cache of its own, for compiled kernels are kept as they were compiled.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAWS = "split_law or restart_law or lockstep_law"

OUT_OF_BOUNDS = """
import numpy as np
from pipeline.kernels import Codes, Floats, Values1D, inline, kernel

@inline
def peek(x, i):
    return x[i]

@kernel
def beyond(symbol: Codes, x: Values1D, out: Floats) -> None:
    for i in range(symbol.shape[0]):
        out[i] = peek(x, symbol[i])

beyond(np.array([0, 2], np.int32), np.zeros(3), np.empty(2))
print("inside")
for reach in (3, 1000, -4):
    try:
        beyond(np.array([0, reach], np.int32), np.zeros(3), np.empty(2))
        print("unnoticed")
    except IndexError as error:
        print(error)

from pipeline.checks import observe, tape_of
from pipeline.operators import ema, moving_average, rolling_median, rolling_std
from pipeline.ticks import Ticks

good = tape_of(price=[10.0, 11.0])
bad = Ticks({**good.columns, "symbol": np.array([1, 99_999], np.int32)}, good.symbols)
for operator in (ema(2), moving_average(2), moving_average("1s"), rolling_std(2), rolling_median("1s")):
    observe(operator, good)
    try:
        observe(operator, bad)
        print("unnoticed")
    except IndexError as error:
        print(error)
"""


def checked(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A Python process in which every index of a kernel is checked."""
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "LOCALAPPDATA": str(tmp_path / "cache"),
    }
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_bounds_are_really_checked(tmp_path):
    """In a kernel, in a step that is copied into it, and in kernels of the library, given a symbol that has no row of state."""
    done = checked(tmp_path, "-c", OUT_OF_BOUNDS)
    assert done.stdout.splitlines() == ["inside", *["index is out of bounds"] * 8], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "tests",
    [
        ("tests/pipeline/test_operators.py", "-k", LAWS),
        ("tests/pipeline/test_symbol_counts.py", "-k", "middle or limit"),
        ("tests/pipeline/test_state.py", "tests/pipeline/test_ingest.py", "tests/pipeline/test_derived_tapes.py"),
    ],
    ids=["laws", "symbols", "state"],
)
def test_no_kernel_leaves_its_arrays(tmp_path, tests):
    done = checked(tmp_path, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
