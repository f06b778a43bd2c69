"""Snapshots: state comes back bit for bit, the newest that is whole and of this log is taken, and a damaged one is told and passed over."""

import hashlib
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path

import numpy as np
import pytest
from faulty_files import Content as Bytes
from faulty_files import FaultyFiles, PowerCut
from hurtful import hurtful_tape
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from journals import FOLDER, filled, opened, said
from operators_under_test import CASES, COMPOSITIONS
from second_process import Everything, lines, run, tape
from tries import tries

from pipeline.checks import observe
from pipeline.errors import JournalDamaged, JournalError, SnapshotMismatch
from pipeline.graph import GraphSnapshot
from pipeline.journal import Keep
from pipeline.journal.snapshot_bytes import from_bytes, to_bytes
from pipeline.journal.snapshots import CLASSES, Snapshots, changed
from pipeline.stage import StageSnapshot

ROOT = Path(__file__).parents[2]
ARRAYS = nps.arrays(
    st.sampled_from(["f8", "i8", "i4", "i1", "u1", "?", "f4", "M8[ns]", "U3", ">i4"]),
    nps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(max_size=9) | ARRAYS,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=4),
    max_leaves=12,
)


def shape_of(value):
    """A value in which bits can be compared: nan is nan, and 0.0 is not -0.0."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict):
        return {key: shape_of(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(map(shape_of, value))
    if isinstance(value, float):
        return np.float64(value).tobytes()
    if isinstance(value, GraphSnapshot | StageSnapshot):
        return (type(value), {name: shape_of(getattr(value, name)) for name in value.__dataclass_fields__})
    return (type(value), value)


@settings(deadline=None)
@given(VALUES)
def test_any_tree_of_plain_values_comes_back_bit_for_bit(value):
    assert shape_of(from_bytes(to_bytes(value), {})) == shape_of(value)


@settings(deadline=None)
@given(
    rows=st.integers(1000, 1100),
    width=st.sampled_from((1, 8, 9, 16)),
    dtype=st.sampled_from(("f8", "i8", "i4", "i1", "?")),
    places=st.lists(st.integers(0, 10**6), max_size=9),
)
def test_large_arrays_with_stretches_of_zeros_come_back_and_take_less_room(rows, width, dtype, places):
    array = np.zeros((rows * 8, width), dtype)
    flat = array.reshape(-1)
    flat[[place % len(flat) for place in places]] = 1
    minus = array.astype("f8") * -1.0 if dtype == "f8" else array  # all of it -0.0: no zeros in memory
    for each in (array, minus):
        data = to_bytes({"x": each})
        again = from_bytes(data, {})["x"]
        assert shape_of(again) == shape_of(each)
        if each is array and array.nbytes % 512 == 0 and array.nbytes >= 1 << 16:
            assert len(data) < 1000 + array.nbytes // 4096 + 512 * len(places)


def test_arrays_of_any_layout_come_back_as_they_read():
    turned, every_other = np.arange(12.0).reshape(3, 4).T, np.arange(9)[::2]
    again = from_bytes(to_bytes((turned, every_other)), {})
    assert (again[0].tolist(), again[1].tolist()) == (turned.tolist(), every_other.tolist())


NOT_PLAIN = {"objects": np.array([object()]), "a list": [1], "a set": {1, 2}, "a complex number": np.float64(1) + 1j}


@pytest.mark.parametrize("value", [{"a": value} for value in NOT_PLAIN.values()], ids=NOT_PLAIN)
def test_what_is_no_plain_value_is_refused_by_its_place(value):
    with pytest.raises(TypeError, match=re.escape("state['a']")):
        to_bytes(value)


def test_a_field_that_a_later_release_has_gets_its_default_and_one_that_is_gone_is_refused():
    old = make_dataclass("Kept", [("rows", int)])
    new = dataclass(type("Kept", (), {"__annotations__": {"rows": int, "gaps": dict}, "gaps": field(default_factory=dict)}))
    assert from_bytes(to_bytes(old(5)), {"Kept": new}).gaps == {}
    with pytest.raises(SnapshotMismatch, match="cannot be read by this release"):
        from_bytes(to_bytes(new(5, {"marks": np.zeros(2)})), {"Kept": old})
    with pytest.raises(SnapshotMismatch, match="cannot be read by this release"):
        from_bytes(to_bytes(old(5)), {})


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), cut=st.booleans())
def test_damaged_bytes_raise_nothing_but_a_mismatch(place, bit, cut):
    whole = to_bytes({"total": np.arange(30.0), "names": ("a", "b")})
    broken = bytearray(whole[: place % len(whole)] if cut else whole)
    if not cut:
        broken[place % len(whole)] ^= 1 << bit
    with pytest.raises(SnapshotMismatch):
        from_bytes(bytes(broken), {})


@settings(deadline=None, max_examples=tries(300))
@given(places=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=5))
def test_bytes_that_agree_with_their_digest_and_make_no_sense_raise_nothing_but_a_mismatch(places):
    kept = GraphSnapshot(5, ("A",), {"x": StageSnapshot("X()", 5, 2, {"total": np.zeros((128, 70)), "last": np.arange(3.0)})})
    broken = bytearray(to_bytes(kept)[:-32])
    for place, value in places:
        broken[16 + place % (len(broken) - 16)] = value
    with suppress(SnapshotMismatch):
        from_bytes(bytes(broken) + hashlib.blake2b(broken, digest_size=32).digest(), CLASSES)


# Every operator, and a strategy with rules of every shape


@pytest.mark.parametrize("case", CASES + COMPOSITIONS, ids=lambda case: case.name)
def test_the_state_of_every_operator_comes_back_bit_for_bit_and_goes_on_with_the_same_bits(case):
    ticks, cut = hurtful_tape(7, 120, 4), 55
    before = observe(case.build, ticks[:cut]).snapshot
    again = from_bytes(to_bytes(before), CLASSES)
    assert shape_of(again) == shape_of(before)
    assert observe(case.build, ticks[cut:], (), again).bits() == observe(case.build, ticks[cut:], (), before).bits()


def test_rules_and_derived_tapes_go_on_in_another_process_with_the_same_alerts(tmp_path):
    ticks, cut = tape(3), 140
    whole, first = lines(run(ticks).alerts), run(ticks[:cut])
    with filled(None, 3, folder=tmp_path) as journal:
        Snapshots(tmp_path).save(journal, first.snapshot, {"everything": repr(Everything())})
    code = f"""
import sys
sys.path.insert(0, "tests")
from second_process import lines, run, tape
from pipeline.journal import Journal
from pipeline.journal.snapshots import Snapshots
with Journal.open({str(tmp_path)!r}) as journal:
    kept = Snapshots({str(tmp_path)!r}).newest(journal)
print(*lines(run(tape(3)[{cut}:], kept.state).alerts), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert lines(first.alerts) + done.stdout.splitlines() == whole
    assert len(lines(first.alerts)) not in (0, len(whole))


# The folder


def state(rows: int) -> GraphSnapshot:
    """A small state."""
    return GraphSnapshot(rows, ("A",), {"x": StageSnapshot("X()", rows, 2, {"total": np.full(2, rows / 3)})})


def with_snapshots(*at: int) -> tuple[FaultyFiles, Snapshots]:
    """A journal that had 60 frames, and snapshots at some of them."""
    files = FaultyFiles()
    journal, snapshots = opened(files), Snapshots(FOLDER, files=files)
    for number in range(1, 61):
        journal.append(said(number, 100))
        if number in at:
            snapshots.save(journal, state(number * 100), {"spike": "Spike()"})
    journal.close()
    return files, snapshots


def taken(files: FaultyFiles, warnings: list[str] | None = None):
    """The snapshot that a restart takes."""
    said_so = [] if warnings is None else warnings
    with opened(files) as journal:
        return Snapshots(FOLDER, files=files, on_warning=lambda warning: said_so.append(str(warning))).newest(journal)


def test_the_newest_is_taken_two_are_kept_and_it_says_where_it_stands():
    files, snapshots = with_snapshots(10, 20, 30, 40)
    assert snapshots.names() == [f"{seq:020d}.snapshot" for seq in (30, 40)]
    assert snapshots.oldest() == 30
    kept = taken(files)
    assert (kept.seq, kept.next_row, kept.fingerprints) == (40, 4000, {"spike": "Spike()"})
    assert shape_of(kept.state) == shape_of(state(4000))
    assert taken(with_snapshots()[0]) is None


DAMAGE = {
    "a flipped bit": lambda data: data[:200] + bytes([data[200] ^ 8]) + data[201:],
    "truncated": lambda data: data[:-5],
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "a newer version": lambda data: data[:8] + b"\x07" + data[9:],
}


@pytest.mark.parametrize("what", DAMAGE)
def test_fault_15_a_corrupt_snapshot_is_told_and_an_older_one_is_taken_then_the_log_from_its_start(what):
    files, warnings = with_snapshots(20, 40)[0], []
    damage(files, 40, what)
    assert taken(files, warnings).seq == 20
    assert f"{FOLDER}/{40:020d}.snapshot is passed over" in warnings[0]
    damage(files, 20, what)
    assert taken(files, warnings) is None
    assert len(warnings) == 3


def damage(files: FaultyFiles, seq: int, what: str) -> None:
    path = FOLDER / f"{seq:020d}.snapshot"
    files.files[path] = Bytes(bytearray(DAMAGE[what](files.read(path))))


def test_fault_15_without_a_good_snapshot_a_log_that_was_shortened_is_refused():
    files, snapshots = with_snapshots(30, 40)
    with opened(files) as journal:
        assert journal.retain(Keep(size=1), snapshots.oldest())
        assert 1 < journal.first <= 31
    assert taken(files).seq == 40
    damage(files, 30, "empty")
    damage(files, 40, "zeros")
    with pytest.raises(JournalDamaged, match="no snapshot is good, and the log begins with frame"):
        taken(files)


def test_fault_15_a_snapshot_past_the_end_of_the_log_or_of_another_log_is_passed_over():
    files, warnings = with_snapshots(20, 40)[0], []
    other = with_snapshots(50)[0]
    for seq in (50, 40):
        name = FOLDER / f"{50:020d}.snapshot"
        files.files[FOLDER / f"{seq:020d}.snapshot"] = other.files[name]
    assert taken(files, warnings).seq == 20
    assert "is of the journal" in warnings[0]
    assert "is not the snapshot of frame 40, as its name says" in warnings[1]
    shorter, warnings = FaultyFiles(), []
    journal, snapshots = filled(shorter, 9), Snapshots(FOLDER, files=shorter)
    snapshots.save(journal, state(9))
    early = shorter.copy()
    journal.append(said(10), urgent=True)
    snapshots.save(journal, state(10))
    early.files[FOLDER / f"{10:020d}.snapshot"] = shorter.files[FOLDER / f"{10:020d}.snapshot"]
    assert taken(early, warnings).seq == 9
    assert "is of frame 10, and the log ends with 9" in warnings[0]
    forked = early.copy()
    with opened(forked) as again:
        again.append(said(11))
    assert taken(forked, warnings).seq == 9
    assert "is not the one it was made from" in warnings[1]


@pytest.mark.parametrize("part", range(3))
def test_fault_2_a_power_cut_at_any_change_while_a_snapshot_is_made_leaves_a_good_one(part):
    whole, _ = with_snapshots(10, 20)
    for cut in range(1 + part, 40, 3):
        files = whole.copy()
        files.random.seed(cut)
        journal = opened(files)
        journal.append(said(61))
        files.cut_at = files.steps + cut
        try:
            Snapshots(FOLDER, files=files).save(journal, state(6100))
            finished = True
        except PowerCut:
            finished = False
        warnings = []
        seq = taken(files.after_power_cut(), warnings).seq
        assert seq == 61 if finished else seq in (20, 61)
        assert warnings == []


@pytest.mark.parametrize("operation", ["create", "write", "sync", "rename", "sync_folder"])
def test_fault_21_a_snapshot_that_finds_no_room_is_an_error_and_the_older_ones_stand(operation):
    files, snapshots = with_snapshots(10, 20)
    with opened(files) as journal:
        files.failing[operation] = (files.turns.get(operation, 0) + 1, 28)
        with pytest.raises(JournalError, match="snapshot cannot be written: No space left on device; free space"):
            snapshots.save(journal, state(6000))
        files.failing.clear()
        assert snapshots.newest(journal).seq in (20, 60)
        snapshots.save(journal, state(6000))
        assert snapshots.newest(journal).seq == 60
    assert not [name for name in files.names(FOLDER) if name.endswith(".tmp")]


def test_what_has_changed_since_a_snapshot_is_told_in_words():
    assert changed({"a": "A(1)"}, {"a": "A(1)"}) == []
    assert changed({}, {"a": "A(1)"}) == ["a is new: A(1)"]
