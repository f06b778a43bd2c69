"""A recorded tape: every row once, in files of bounded size, readable after a crash."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from feeds.files import file
from pipeline.checks import tape_of
from pipeline.errors import InputError, SinkError, UsageError
from pipeline.tape_files import TapeWriter
from pipeline.ticks import Ticks


def rows(folder):
    return [price for raw in file(folder).rows() for price in raw.columns["price"].tolist()]


def rows_before_damage(folder):
    found = []

    def read():
        for raw in file(folder).rows():
            found.extend(raw.columns["price"].tolist())

    with pytest.raises(InputError):
        read()
    return found


def ticks(count):
    return tape_of(price=[float(number) for number in range(1, count + 1)], seconds=list(range(count)))


@settings(max_examples=tries(30), deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(1, 60), st.booleans())
def test_every_row_comes_back_once_however_it_was_cut(tmp_path_factory, cuts, rows_a_file, flushed):
    folder = tmp_path_factory.mktemp("tape") / "day"
    whole = ticks(sum(cuts))
    writer, start = TapeWriter(folder, rows_a_file), 0
    for count in cuts:
        writer.write(whole[start : start + count])
        start += count
        if flushed:
            writer.flush()
    writer.close()
    assert rows(folder) == whole.price.tolist()
    if flushed:
        assert len(list(folder.iterdir())) <= sum(cuts) // rows_a_file + 1


def test_after_a_crash_the_rows_up_to_the_last_whole_batch_stand(tmp_path):
    """Cut at every 64th byte: the rows that come are the first of the tape, and what is missing is told."""
    writer, whole = TapeWriter(tmp_path / "whole"), ticks(30)
    for start in range(0, 30, 10):
        writer.write(whole[start : start + 10])
        writer.flush()
    writer.close()
    (path,) = (tmp_path / "whole").iterdir()
    data = path.read_bytes()
    (tmp_path / "cut").mkdir()
    cut = tmp_path / "cut" / path.name
    counts = set()
    for length in (*range(1024, len(data), 64), len(data) - 8, len(data) - 1):
        cut.write_bytes(data[:length])
        found = rows_before_damage(tmp_path / "cut")
        assert found == whole.price.tolist()[: len(found)]
        counts.add(len(found))
    assert counts == {0, 10, 20, 30}


def test_a_folder_with_a_tape_is_not_written_to_again(tmp_path):
    writer = TapeWriter(tmp_path)
    writer.write(ticks(3))
    writer.close()
    with pytest.raises(UsageError, match="holds a tape already"):
        TapeWriter(tmp_path)


def test_a_folder_without_a_tape_says_what_to_name(tmp_path):
    with pytest.raises(UsageError, match=r"is a folder without a recorded tape"):
        file(tmp_path)


def test_fault_21_a_full_disk_is_told_and_loses_nothing_that_was_written(tmp_path):
    writer = TapeWriter(tmp_path)
    writer.write(ticks(3))
    writer.flush()

    class Full:
        def write_table(self, table):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    stream, writer._stream = writer._stream, Full()
    writer.write(ticks(6)[3:])
    with pytest.raises(SinkError, match="cannot be written: No space left on device"):
        writer.flush()
    writer._stream = stream
    writer.close()
    assert rows(tmp_path) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_symbols_that_come_later_and_rows_without_one_are_kept(tmp_path):
    start = 1_704_153_600_000_000_000
    first = Ticks.of(time=[start], symbol=["A"], price=[1.0])
    later = Ticks.of(time=[start + 1, start + 2], symbol=["B", ""], kind=[0, 3], price=[2.0, float("nan")], symbols=first.symbols)
    writer = TapeWriter(tmp_path)
    for batch in (Ticks.of(time=[start], symbol=["A"], kind=[0], price=[1.0], symbols=first.symbols), later):
        writer.write(batch)
        writer.flush()
    writer.close()
    (raw,) = [raw for raw in file(tmp_path).rows() if len(raw) > 1] or [None]
    names = [[None, *raw.names][place] for place in raw.columns["symbol"].tolist()]
    assert (names, raw.columns["kind"].tolist()) == (["B", None], [0, 3])
