"""Kernels: one signature each, compiled once, kept on disk, the newest few versions of them."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from operators_under_test import CASES

from pipeline import run
from pipeline.checks import observe
from pipeline.kernels import (
    KEEP_VERSIONS,
    OPTIONS,
    Codes,
    Flags,
    Floats,
    Kernel,
    Values1D,
    cache_folder,
    fma,
    forget_old_versions,
    inline,
    kernel,
)
from pipeline.operators import moving_average, sums
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks
from strategies.volume_spike import VolumeSpike

ROOT = Path(__file__).parents[2]


@kernel
def doubled(x: Values1D, out: Floats) -> None:
    """Twice x."""
    for i in range(x.shape[0]):
        out[i] = 2.0 * x[i]


@kernel
def halved(x: Values1D, out: Floats) -> None:
    for i in range(x.shape[0]):
        out[i] = x[i] / 2.0


@kernel
def chosen(symbol: Codes, fresh: Flags, times: float, most: int, out: Floats) -> int:
    count = 0
    for i in range(symbol.shape[0]):
        if fresh[i] and count < most:
            out[i] = times * symbol[i]
            count += 1
    return count


def kernels_of_the_library() -> dict[str, Any]:
    """Every function decorated with @kernel, as its module has it now: waiting for its first call, or compiled."""
    found = {}
    for path in (ROOT / "pipeline").rglob("*.py"):
        module = sys.modules.get(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.parse(path.read_text()).body if module else []:
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(mark, ast.Name) and mark.id == "kernel" for mark in node.decorator_list
            ):
                found[f"{path.stem}.{node.name}"] = getattr(module, node.name)
    return found


def test_a_kernel_compiles_at_its_first_call_and_stands_aside():
    first, out = halved, np.empty(3)
    assert isinstance(first, Kernel)
    halved(np.arange(3.0), out)
    assert out.tolist() == [0.0, 0.5, 1.0]
    assert not isinstance(globals()["halved"], Kernel)
    first(np.ones(3), out)  # a name bound before still works, and compiles nothing
    assert out.tolist() == [0.5] * 3
    assert len(globals()["halved"].nopython_signatures) == 1


def test_a_kernel_takes_numbers_and_gives_one():
    out = np.zeros(3)
    assert chosen(np.array([5, 6, 7], np.int32), np.array([True, False, True]), 2.0, 9, out) == 2
    assert out.tolist() == [10.0, 0.0, 14.0]


@pytest.mark.parametrize(
    "x",
    [np.arange(3), np.arange(3, dtype="f4"), np.arange(6.0)[::2], np.ones((3, 1)), np.arange(3.0).astype(">f8"), [1.0, 2.0, 3.0]],
    ids=repr,
)
def test_an_odd_array_is_refused_and_never_compiled_for(x):
    doubled(np.zeros(1), np.zeros(1))
    with pytest.raises(TypeError, match=r"No matching definition|[Uu]nsupported|type"):
        globals()["doubled"](x, np.empty(3))
    assert len(globals()["doubled"].nopython_signatures) == 1


def test_an_output_must_be_writable():
    out = np.empty(3)
    out.flags.writeable = False
    with pytest.raises(TypeError):
        doubled(np.zeros(3), out)


# The tape normalises: columns of whatever type and layout never compile a kernel again.


def odd_tapes() -> list[Ticks]:
    rows = 50
    time_ns = 1_700_000_000 * 10**9 + np.arange(rows) * 10**8
    price, size = 100.0 + np.arange(rows) % 7, 1.0 + np.arange(rows) % 3
    wide = np.zeros((rows, 3))
    wide[:, 1] = price
    names = ["A", "B"] * (rows // 2)
    return [
        Ticks.of(time_ns, names, price=price, size=size),
        Ticks.of(time_ns.astype("u8"), np.tile([1, 2], rows // 2), SymbolTable("AB"), price=price.astype("i4"), size=size.astype("i1")),
        Ticks.of(
            time_ns.astype(">i8"), np.tile([1, 2], rows // 2).astype("i8"), SymbolTable("AB"), price=wide[:, 1], size=size.astype("f4")
        ),
        Ticks.of(np.repeat(time_ns, 2)[::2], names, price=np.asfortranarray(wide)[:, 1], size=list(size)),
        Ticks.of(time_ns.view("M8[ns]"), np.array(names, dtype=object), price=price[::-1][::-1], size=size),
    ]


ON_TRADES = [case for case in CASES if not {"bid", "mid", "spread", "spread_bps", "order_flow_imbalance"} & {case.name}]


@pytest.mark.parametrize("case", ON_TRADES, ids=str)
def test_columns_of_odd_type_and_layout_change_nothing(case):
    first, *others = [observe(case.build, ticks, (7, 20)).column("value").tobytes() for ticks in odd_tapes()]
    assert [other == first for other in others] == [True] * 4


def test_columns_of_odd_type_and_layout_do_not_compile_a_kernel_again():
    for case in ON_TRADES:
        for ticks in odd_tapes():
            observe(case.build, ticks, (7, 20))
            run(ticks, VolumeSpike())
    compiled = {name: len(made.nopython_signatures) for name, made in kernels_of_the_library().items() if not isinstance(made, Kernel)}
    assert len(compiled) >= 15
    assert set(compiled.values()) == {1}, compiled


# On disk: one folder for each version of the sources, the newest few.


def test_the_newest_versions_are_kept_and_the_own_one_always(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.kernels.KEEP_VERSIONS", 3)
    for age, name in enumerate(["own", "new", "middle", "old", "oldest"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kernel.nbi").write_bytes(b"x")
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    os.utime(tmp_path / "own", (1.0, 1.0))  # the oldest of all, and in use
    forget_old_versions(tmp_path, keep=tmp_path / "own")
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["middle", "new", "own"]
    forget_old_versions(tmp_path, keep=tmp_path / "own")
    assert len(list(tmp_path.iterdir())) == 3


SHOW_FOLDER = "from pipeline.kernels import cache_folder; print(cache_folder())"


def folder_of(library: Path, cache: Path) -> Path:
    """The cache folder that a copy of the library uses, in a process of its own."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(library)}
    shown = subprocess.run([sys.executable, "-c", SHOW_FOLDER], env=environment, capture_output=True, text=True, check=True, cwd=library)
    return Path(shown.stdout.strip())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the cache is elsewhere")
def test_a_change_of_any_source_is_another_version_of_the_kernels(tmp_path):
    """numba looks at a kernel's own file only; a changed step in another file must not leave a stale kernel behind."""
    library, cache = tmp_path / "library", tmp_path / "cache"
    shutil.copytree(ROOT / "pipeline", library / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    folders = [folder_of(library, cache), folder_of(library, cache)]
    for turn in range(2):
        with (library / "pipeline" / "windows" / "bounds.py").open("a") as file:
            file.write(f"# {turn}\n")
        folders.append(folder_of(library, cache))
    assert folders[0] == folders[1]
    assert len(set(folders)) == 3
    assert {folder.parent for folder in folders} == {cache / "rxtape" / "kernels"}
    assert len(list((cache / "rxtape" / "kernels").iterdir())) == min(3, KEEP_VERSIONS)
    assert folders[-1].is_dir()


def test_a_cache_that_cannot_be_written_is_elsewhere_and_not_fatal(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setattr("pipeline.kernels.user_cache", lambda: blocked)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(blocked))
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path / prefix))
    assert cache_folder.__wrapped__() == str(tmp_path / "rxtape-kernels-")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert Path(cache_folder.__wrapped__()).parent.parent == tmp_path


def test_a_kernel_neither_allocates_nor_releases_the_tape():
    """Counting references in a loop costs ten times as much: numba's runtime must not be in it."""
    observe(moving_average("3s"), odd_tapes()[0])
    loop = sums.sums_over_time
    (text,) = numba.njit(loop.nopython_signatures[0], **OPTIONS)(loop.py_func).inspect_llvm().values()
    assert "fadd" in text
    assert "NRT_incref" not in text
    assert "NRT_Allocate" not in text


def test_a_product_and_a_sum_are_rounded_once():
    @inline
    def step(a, b, c):
        return fma(a, b, c)

    a = 1.0 + 2.0**-30
    assert step(a, a, -1.0 - 2.0**-29) == 2.0**-60
    assert a * a - 1.0 - 2.0**-29 == 0.0
