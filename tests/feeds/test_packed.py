"""Packed files (FAULTS 40): what is whole is read, what is damaged gives the rows before the damage, and says so."""

import gzip
import struct
import zipfile
import zlib
from functools import partial

import pyarrow as pa
import pytest
from csv_files import HEADER, all_rows_of, lines, rows_of, written
from runs import Above

from feeds.recorded import RecordedCsv, csv
from pipeline import run
from pipeline.errors import InputError

ROWS = 5000
TEXT = "\n".join([HEADER, *lines(ROWS), ""]).encode()


def zipped(*members, **options) -> bytes:
    from io import BytesIO

    file = BytesIO()
    with zipfile.ZipFile(file, "w", **({"compression": zipfile.ZIP_DEFLATED} | options)) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return file.getvalue()


PACK = {
    "gz": partial(gzip.compress, mtime=0),
    "zst": lambda text: pa.compress(text, "zstd", asbytes=True),
    "zip": lambda text: zipped(("ticks.csv", text)),
    "zip, stored": lambda text: zipped(("ticks.csv", text), compression=zipfile.ZIP_STORED),
}


def put(folder, content, kind="gz"):
    path = folder / f"ticks.csv.{kind.partition(',')[0]}"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("block_bytes", [100, 1 << 20])
def test_packed_files_are_read_as_their_text(tmp_path, kind, block_bytes):
    plain = all_rows_of(csv(written(tmp_path, *lines(ROWS))))
    feed = csv(put(tmp_path, PACK[kind](TEXT), kind))
    assert all_rows_of(RecordedCsv(feed.path, feed.layout, block_bytes)) == plain
    assert feed.done == 0.0
    list(feed.rows())
    assert feed.done == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("zeros", [1, 100, 1 << 15, 100_000])
@pytest.mark.parametrize("then", [b"", TEXT])
def test_zeros_behind_a_gzip_member_are_padding_however_many(tmp_path, zeros, then):
    packed = PACK["gz"](TEXT) + bytes(zeros) + (PACK["gz"](TEXT[len(HEADER) + 1 :]) if then else b"")
    rows, refused = all_rows_of(csv(put(tmp_path, packed)))
    assert (len(rows), refused) == (ROWS * (1 + bool(then)), [])


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_fault_40_members_one_after_another_are_one_file(tmp_path, kind):
    half = TEXT.index(b"\n", len(TEXT) // 2) + 1
    path = put(tmp_path, PACK[kind](TEXT[:half]) + PACK[kind](TEXT[half:]), kind)
    assert len(all_rows_of(csv(path))[0]) == ROWS


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_fault_40_a_file_truncated_at_any_byte_gives_a_beginning_and_says_so(tmp_path, kind):
    whole = PACK[kind](TEXT)
    counts = []
    for cut in [*range(1, 40), *range(40, len(whole), len(whole) // 60), *range(len(whole) - 12, len(whole))]:
        path = put(tmp_path, whole[:cut], kind)
        try:
            found, fault = rows_of(csv(path))
        except InputError as error:
            found, fault = [], error
        assert fault is not None, cut
        assert path.name in str(fault)
        assert [row["line"] for row in found] == list(range(2, len(found) + 2))
        counts.append(len(found))
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] > ROWS / 2


def wrong_crc(kind: str, whole: bytes) -> bytes:
    if kind == "gz":
        return whole[:-8] + struct.pack("<I", zlib.crc32(TEXT) ^ 1) + whole[-4:]
    found, wrong = struct.pack("<I", zlib.crc32(TEXT)), struct.pack("<I", zlib.crc32(TEXT) ^ 1)
    return whole.replace(found, wrong)


@pytest.mark.parametrize("kind", ["gz", "zip", "zip, stored"])
def test_fault_40_a_wrong_check_sum_is_told_after_the_rows(tmp_path, kind):
    path = put(tmp_path, wrong_crc(kind, PACK[kind](TEXT)), kind)
    found, fault = rows_of(csv(path))
    assert len(found) == ROWS
    assert "damaged" in str(fault)
    report = run(csv(path), Above())
    assert report.incomplete is not None
    assert report.ticks == ROWS
    assert run(csv(path), Above(), check_first=True).ticks == 0


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_fault_40_garbage_after_the_end_is_told_after_the_rows(tmp_path, kind):
    found, fault = rows_of(csv(put(tmp_path, PACK[kind](TEXT) + b"garbage", kind)))
    assert len(found) == ROWS if kind == "gz" else len(found) > 0
    assert "damaged" in str(fault)


def test_fault_40_a_damaged_byte_in_the_middle_is_never_passed_over(tmp_path):
    whole = PACK["gz"](TEXT)
    for place in range(20, len(whole) - 8, len(whole) // 25):
        path = put(tmp_path, whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            found, fault = rows_of(csv(path))
        except InputError:
            continue
        assert fault is not None
        assert [row["line"] for row in found] == list(range(2, len(found) + 2))


ZIPS = {
    "two members": (zipped(("a.csv", TEXT), ("b.csv", TEXT)), "holds 2: a.csv, b.csv"),
    "no member": (zipped(), "holds 0"),
    "a member that leads out": (zipped(("../../a.csv", TEXT)), "leads out of the archive"),
    "an absolute member": (zipped(("/etc/a.csv", TEXT)), "leads out of the archive"),
    "bzip2": (zipped(("a.csv", TEXT), compression=zipfile.ZIP_BZIP2), "packed in a way"),
    "truncated": (zipped(("a.csv", TEXT))[:-30], "damaged or truncated"),
}


@pytest.mark.parametrize("case", ZIPS)
def test_fault_40_zips_that_are_refused_by_name(tmp_path, case):
    content, words = ZIPS[case]
    path = put(tmp_path, content, "zip")
    with pytest.raises(InputError, match=words) as caught:
        csv(path)
    assert str(path) in str(caught.value)


def test_fault_40_an_encrypted_zip_is_refused(tmp_path):
    whole = bytearray(PACK["zip"](TEXT))
    whole[whole.rindex(b"PK\1\2") + 8] |= 1
    with pytest.raises(InputError, match="encrypted"):
        csv(put(tmp_path, bytes(whole), "zip"))


@pytest.mark.parametrize("kind", ["gz", "zst", "zip"])
def test_fault_40_a_bomb_is_stopped_at_the_cap(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("feeds.packed.BOMB_BYTES", 1 << 20)
    bomb = (HEADER + "\n" + lines(1)[0] + "\n").encode() + b"\n" * (2 << 20)
    with pytest.raises(InputError, match="no tape packs that well"):
        list(csv(put(tmp_path, PACK[kind](bomb), kind)).rows())


def test_fault_40_a_bomb_of_one_line_is_stopped_at_once(tmp_path):
    with pytest.raises(InputError, match=r"ticks.csv.gz:1 'a*' begins a line that is longer"):
        csv(put(tmp_path, gzip.compress(b"a" * (8 << 20))))


def test_a_tape_of_one_row_again_and_again_is_no_bomb(tmp_path):
    text = (HEADER + "\n").encode() + (lines(1)[0] + "\n").encode() * 200_000
    assert sum(map(len, csv(put(tmp_path, gzip.compress(text))).rows())) == 200_000
