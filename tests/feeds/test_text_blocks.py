"""Blocks of lines: the same lines wherever a file is cut, and a line that is too long is told, left out, and never held whole."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from csv_files import HEADER, START_NS, lines, written
from hypothesis import example, given
from hypothesis import strategies as st
from runs import Above

from feeds import text_blocks
from feeds.files import file
from feeds.recorded import csv
from pipeline import run
from pipeline.errors import InputError

LONGEST = 1 << 20
TEXT = st.lists(st.sampled_from([b"a", b"b" * 19, b"c" * 20, b"d" * 21, b"e" * 90, b"\r", b"\n", b"\n", b"\n"]), max_size=20).map(b"".join)


def blocks_of(text: bytes, cuts: list[int], size: int) -> list[bytes]:
    """The blocks of a text that comes in such pieces, where 20 bytes are the longest line."""
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [text[first:last] for first, last in pairwise(ends)]
    with patch.multiple(text_blocks, LONGEST_LINE=20, KEPT=24, pieces=lambda path, read: iter(parts)):
        found = list(text_blocks.line_blocks(Path("x"), size))
        assert not [block for block in found if b"\n" in block[:-1] and text_blocks.is_too_long(block)], "a long line is alone"
    return found


@given(TEXT, st.lists(st.integers(0, 200), max_size=8), st.integers(1, 60))
@example(b"a\n" + b"d" * 90 + b"\r" + b"d" * 90 + b"\nb", [50, 93], 1)
def test_lines_are_the_same_wherever_a_text_is_cut_and_only_long_ones_lose_their_end(text, cuts, size):
    found = b"".join(blocks_of(text, cuts, size)).removesuffix(b"\n").split(b"\n")
    whole = text.removesuffix(b"\n").split(b"\n")
    assert found == [line if len(line) <= 20 else line[:24] for line in whole]


def as_json(line: str) -> str:
    return (
        "{"
        + ",".join(f'"{name}":{value}' for name, value in zip(HEADER.split(","), line.replace("SPY", '"SPY"').split(","), strict=True))
        + "}"
    )


def long_line(kind: str) -> str:
    return f'{{"note":"{"x" * (3 * LONGEST)}"}}' if kind == "jsonl" else f"{START_NS},SPY,100,{'9' * 3 * LONGEST}"


def tape_with_long_lines(folder: Path, kind: str, places: list[int], count: int = 3_000) -> tuple[Path, Path]:
    """A file, and the same without the long lines."""
    good = [as_json(line) for line in lines(count)] if kind == "jsonl" else lines(count)
    head = [] if kind == "jsonl" else [HEADER]
    hurt = list(good)
    for place in places:
        hurt.insert(place, long_line(kind))
    for name, rows in (("good", good), ("hurt", hurt)):
        (folder / f"{name}.{kind}").write_text("\n".join([*head, *rows, ""]))
    return folder / f"hurt.{kind}", folder / f"good.{kind}"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("places", [[0], [1_500], [3_000], [0, 1, 1_500, 3_003]], ids=str)
def test_fault_37_a_line_that_is_too_long_is_told_by_its_number_and_can_be_left_out(tmp_path, kind, places):
    hurt, good = tape_with_long_lines(tmp_path, kind, places)
    header = 0 if kind == "jsonl" else 1
    stopped = run(file(hurt), Above())
    assert f"{hurt}:{places[0] + 1 + header} column " in str(stopped.incomplete)
    assert "begins a line that is longer than 1,048,576 bytes" in str(stopped.incomplete)
    assert (len(str(stopped.incomplete)) < 400, stopped.ticks, stopped.exit_code) == (True, places[0], 3)
    skipped, expected = run(file(hurt), Above(), on_bad="skip"), run(file(good), Above())
    assert [row["line"] for row in skipped.set_aside] == [place + 1 + header for place in places]
    assert skipped.alerts == expected.alerts
    assert (skipped.ticks, skipped.incomplete) == (expected.ticks, None)


def test_fault_37_a_line_of_just_the_longest_length_is_a_line(tmp_path):
    first = lines(1)[0]
    for end in ("", "\r"):
        for more, refused in ((0, 0), (1, 1)):
            note = "x" * (LONGEST - len(first) - 1 + more)
            path = written(tmp_path, f"{first},{note}{end}", f"{lines(2)[1]},y{end}", header=f"{HEADER},note{end}")
            for block_bytes in (1, 1 << 19):
                feed = csv(path)
                assert run(replace(feed, block_bytes=block_bytes), on_bad="skip").bad_rows == refused


def test_fault_37_a_header_that_is_too_long_is_refused_at_its_line(tmp_path):
    with pytest.raises(InputError, match=r"ticks.csv:2 'x+' begins a line that is longer"):
        csv(written(tmp_path, "x" * (2 * LONGEST), *lines(3), header=""))


def test_fault_37_a_line_of_any_length_takes_bounded_memory(tmp_path):
    path = tmp_path / "ticks.csv"
    with path.open("w") as out:
        out.write("\n".join([HEADER, *lines(3), ""]))
        for _ in range(64):
            out.write("x" * LONGEST)
        out.write(f"\n{lines(4)[3]}\n")
    tracemalloc.start()
    report = run(csv(path), on_bad="skip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report.ticks, report.bad_rows, report.set_aside[0]["line"]) == (4, 1, 5)
    assert peak < 24 << 20
