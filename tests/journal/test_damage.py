"""What is damaged is refused where it is, with the last good frame and what to do; only a torn tail is cut, and never in silence."""

import re
from pathlib import Path
from random import Random

import pytest
from faulty_files import Content as Bytes
from faulty_files import FaultyFiles
from journals import FOLDER, SMALL, filled, numbers, opened, said

from pipeline.errors import JournalDamaged, JournalError, JournalTooNew, UsageError
from pipeline.journal import Content, Journal, Limits, Record
from pipeline.journal.files import RealFiles
from pipeline.journal.frames import FRAME, SEGMENT, SegmentHead, digest_of_frame, pack
from pipeline.journal.mark import MARK
from pipeline.journal.opening import look
from pipeline.journal.repair import repair

WIDE = Limits(group_bytes=1 << 30, group_ns=1 << 62, segment_bytes=1 << 30, mark_ns=1 << 62)


def segments(files: FaultyFiles) -> list[Path]:
    return sorted(path for path in files.files if path.suffix == ".log")


def change(files: FaultyFiles, path: Path, data: bytes) -> None:
    files.files[path] = Bytes(bytearray(data), bytearray(data))


def crashed(count: int, limits: Limits = SMALL, *, sync_every: int = 1) -> FaultyFiles:
    """The files of a journal whose process was killed: no mark tells where the log ended."""
    files = FaultyFiles()
    filled(files, count, limits=limits, sync_every=sync_every)
    return files.copy()


def closed(count: int, limits: Limits = SMALL) -> FaultyFiles:
    files = FaultyFiles()
    filled(files, count, limits=limits).close()
    return files.copy()


def ends_of(files: FaultyFiles, path: Path) -> list[int]:
    """Where each frame of a segment ends."""
    data, at, found = files.read(path), SEGMENT, [SEGMENT]
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += FRAME + length + -length % 8 + 32
        found.append(at)
    return found


def refused(files: FaultyFiles, **options: object) -> JournalDamaged:
    """The refusal to open it, which has changed nothing."""
    before = {path: bytes(content.live) for path, content in files.files.items()}
    with pytest.raises(JournalDamaged) as caught:
        opened(files, **options)
    after = {path: bytes(content.live) for path, content in files.files.items() if path.name != "LOCK"}
    assert after == {path: data for path, data in before.items() if path.name != "LOCK"}
    assert not files.held
    assert "rxtape journal repair" in str(caught.value) or "back" in str(caught.value)
    return caught.value


# 11


def test_fault_11_a_tail_torn_at_any_byte_of_its_last_three_frames_is_cut_with_a_warning_and_goes_on():
    whole = crashed(8, WIDE, sync_every=100)
    (path,) = segments(whole)
    data, ends = whole.read(path), ends_of(whole, path)
    payloads = [said(number, 40 + number % 50).payload for number in range(1, 9)]
    for size in range(ends[-4], len(data)):
        files, warnings = whole.copy(), []
        change(files, path, data[:size])
        last = max(place for place, end in enumerate(ends) if end <= size)
        journal = opened(files, on_warning=warnings.append)
        assert (journal.end, len(files.read(path))) == (last, ends[last])
        if size == ends[last]:
            assert warnings == []
        else:
            (warning,) = warnings
            assert f"{path} at byte {ends[last]:,}" in warning
            assert f"{size - ends[last]:,} bytes after frame {last:,}" in warning
        for number in range(last + 1, 9):
            journal.append(said(number, 40 + number % 50))
        journal.close()
        assert [bytes(frame.payload) for frame in opened(files).read()] == payloads


def test_a_group_of_which_a_power_cut_kept_only_the_end_is_torn_not_damaged():
    files = crashed(3, WIDE)
    journal = opened(files)
    for number in (4, 5, 6):
        journal.append(said(number, 800))
    (path,) = segments(files)
    data, (*_, begin, end, _) = bytearray(files.read(path)), ends_of(files, path)
    data[begin + 40 : end - 40] = bytes(end - begin - 80)
    files, warnings = files.copy(), []
    change(files, path, bytes(data))
    assert opened(files, on_warning=warnings.append).end == 4
    assert "frame 5 do not agree" in warnings[0]


# 12


def test_fault_12_any_flipped_bit_of_a_middle_frame_is_refused_by_file_offset_and_last_good_frame():
    whole = crashed(9)
    path = segments(whole)[0]
    data, ends = whole.read(path), ends_of(whole, path)
    first, last = ends[3], ends[4]
    every = range((last - first) * 8)
    for bit in sorted(Random(12).sample(every, min(1000, len(every)))):
        files, broken = whole.copy(), bytearray(data)
        broken[first + bit // 8] ^= 1 << bit % 8
        change(files, path, bytes(broken))
        error = refused(files)
        assert (error.path, error.offset, error.seq) == (str(path), first, 3)
        assert f"{path} at byte {first:,}" in str(error)
        assert "the last good frame is 3" in str(error)


@pytest.mark.parametrize("at", range(0, SEGMENT, 5))
def test_a_flipped_bit_in_the_head_of_any_segment_is_refused(at):
    whole = crashed(60)
    for path in segments(whole):
        files, broken = whole.copy(), bytearray(whole.read(path))
        broken[at] ^= 4
        change(files, path, bytes(broken))
        if ends_of(whole, path)[2:]:  # of a last segment with a single frame, nothing tells that it was durable but the mark
            assert refused(files).offset == 0


def test_a_flipped_bit_in_the_last_frame_is_refused_once_the_mark_is_past_it():
    files = closed(5)
    path = segments(files)[-1]
    data = bytearray(files.read(path))
    data[-40] ^= 1
    change(files, path, bytes(data))
    assert "acknowledged 5 > journal end 4" in str(refused(files))


# 13


def several() -> tuple[FaultyFiles, list[Path]]:
    files = crashed(120)
    found = segments(files)
    assert len(found) >= 4
    return files, found


def test_fault_13_a_missing_segment_is_refused():
    for gone in range(3):
        files, found = several()
        del files.files[found[gone]]
        error = refused(files)
        assert "missing before it" in str(error) if gone else "must still be there" in str(error)


def test_fault_13_a_missing_last_segment_is_refused_once_the_mark_is_past_it():
    files = closed(120)
    del files.files[segments(files)[-1]]
    assert "acknowledged 120 > journal end" in str(refused(files))


def test_fault_13_two_segments_swapped_are_refused():
    files, found = several()
    one, other = files.read(found[1]), files.read(found[2])
    change(files, found[1], other)
    change(files, found[2], one)
    assert "its name says" in str(refused(files))


def test_fault_13_a_segment_twice_is_refused():
    files, found = several()
    for name in (f"{int(found[1].stem) + 1:020d}.log", f"{int(found[-1].stem) + 500:020d}.log"):
        copied = files.copy()
        change(copied, FOLDER / name, files.read(found[1]))
        assert "its name says" in str(refused(copied))


def test_frames_appended_twice_are_refused():
    files = crashed(5, WIDE)
    (path,) = segments(files)
    data, ends = files.read(path), ends_of(files, path)
    change(files, path, data + data[ends[1] : ends[2]])
    assert "frame 2 stands where 6 is expected" in str(refused(files))


# 14


def test_fault_14_an_older_copy_of_the_log_is_refused_by_its_mark_and_by_a_cursor_elsewhere():
    files = FaultyFiles()
    journal = filled(files, 10)
    old = {path: bytes(content.live) for path, content in files.files.items()}
    for number in range(11, 21):
        journal.append(said(number))
    journal.close()
    for path, data in old.items():
        if path.name != MARK:
            change(files, path, data)
    assert "acknowledged 20 > journal end 10: the log was truncated or rolled back" in str(refused(files))
    change(files, FOLDER / MARK, old[FOLDER / MARK])
    assert opened(files.copy()).end == 10
    assert "acknowledged 20 > journal end 10" in str(refused(files, acknowledged=20))


# 16, the part of what is newer; the golden journals are in test_golden.py


def rewritten(files: FaultyFiles, head: SegmentHead, *records: Record) -> None:
    """One segment of these frames, well made."""
    data, digest = head.pack(), head.previous
    for seq, record in enumerate(records, head.first):
        frame = b"".join(pack(record, seq, seq - 1, digest, head.seed))
        data, digest = data + frame, frame[-32:]
    change(files, FOLDER / f"{head.first:020d}.log", data)


NEWER = [
    (SegmentHead(bytes(16), 1, bytes(32), needs="7.5", version=3), [said(1)], "format 3"),
    (SegmentHead(bytes(16), 1, bytes(32), needs="7.5"), [said(1), Record(Content.ALERTS, b"", 2)], "ALERTS version 2"),
    (SegmentHead(bytes(16), 1, bytes(32), needs="7.5"), [Record(9, b"")], "unknown"),
]


@pytest.mark.parametrize(("head", "records", "what"), NEWER, ids=lambda each: each if isinstance(each, str) else "")
def test_fault_16_what_a_newer_release_wrote_is_refused_by_the_release_it_needs(head, records, what):
    files = FaultyFiles()
    rewritten(files, head, *records)
    with pytest.raises(JournalTooNew, match=re.escape(what)) as caught:
        opened(files)
    assert "needs rxtape >= 7.5" in str(caught.value)
    assert not files.held


def test_what_an_older_release_began_goes_on_in_a_segment_that_says_what_it_needs():
    files = FaultyFiles()
    rewritten(files, SegmentHead(bytes(16), 1, bytes(32), needs="0.0.1"), said(1), said(2))
    with opened(files) as journal:
        journal.append(said(3))
    assert [path.name[-6:] for path in segments(files)] == ["01.log", "03.log"]
    assert numbers(opened(files).read()) == [1, 2, 3]
    empty = FaultyFiles()
    rewritten(empty, SegmentHead(bytes(16), 1, bytes(32), needs="0.0.1"))
    with opened(empty) as journal:
        journal.append(said(1))
    assert len(segments(empty)) == 1
    assert numbers(opened(empty).read()) == [1]


# 17


def test_fault_17_a_frame_rewritten_with_all_its_checksums_breaks_the_chain_and_a_chain_rewritten_to_its_end_misses_the_mark():
    files = closed(9, WIDE)
    (path,) = segments(files)
    data, ends = files.read(path), ends_of(files, path)
    head = SegmentHead.unpack(data, path)
    before = data[ends[3] - 32 : ends[3]]
    frame = b"".join(pack(said(4, 44 + 999), 4, 3, before, head.seed))
    digest = frame[-32:]
    forged = data[: ends[3]] + frame + data[ends[4] :]
    change(files, path, forged)
    error = refused(files)
    assert (error.seq, "frame 5 do not agree with its digest" in str(error)) == (4, True)
    frames = [frame]
    for seq in range(5, 10):
        body = data[ends[seq - 1] : ends[seq] - 32]
        digest = digest_of_frame(digest, memoryview(body), head.version)
        frames.append(body + digest)
    change(files, path, data[: ends[3]] + b"".join(frames))
    assert "is not the one that was acknowledged: its digest differs" in str(refused(files))


# 18


def test_fault_18_a_segment_of_another_journal_is_refused():
    files, other = crashed(120), crashed(120)
    path = segments(files)[1]
    change(files, path, other.read(path))
    assert "it belongs to the journal" in str(refused(files))
    files = closed(5)
    for each in segments(files):
        change(files, each, other.read(each))
    assert "it belongs to the journal" in str(refused(files))


# 19


@pytest.mark.parametrize("what", ["empty", "zeros", "head only", "half a head", "zeros after the head"])
@pytest.mark.parametrize("count", [0, 120])
def test_fault_19_an_empty_last_segment_is_an_empty_tail(what, count):
    files = crashed(count) if count else closed(0)
    last, digest = opened(files.copy()).end, opened(files.copy()).digest
    head = SegmentHead(opened(files.copy()).identity, last + 1, digest).pack()
    data = {"empty": b"", "zeros": bytes(4096), "head only": head, "half a head": head[:60], "zeros after the head": head + bytes(5000)}[
        what
    ]
    change(files, FOLDER / f"{last + 1:020d}.log", data)
    warnings = []
    journal = opened(files, on_warning=warnings.append)
    assert len(warnings) == (what != "head only")
    assert journal.end == last
    journal.append(said(last + 1), urgent=True)
    journal.close()
    assert numbers(opened(files).read()) == list(range(1, last + 2))


# Repair


def test_repair_keeps_what_is_good_sets_the_rest_aside_and_nothing_else_does():
    files, found = several()
    data, ends = bytearray(files.read(found[1])), ends_of(files, found[1])
    data[ends[2] + 50] ^= 1
    change(files, found[1], bytes(data))
    error = refused(files)
    assert f"repair {FOLDER} --to {error.seq}" in str(error)
    with pytest.raises(JournalError, match=f"good up to frame {error.seq:,} only"):
        repair(FOLDER, error.seq + 1, files=files)
    everything = b"".join(files.read(path) for path in found)
    aside = repair(FOLDER, error.seq, files=files)
    assert [path.suffix for path in aside] == [".cut"] * len(aside)
    kept = b"".join(files.read(path) for path in [*segments(files), *sorted(aside)])
    assert kept == everything
    assert repair(FOLDER, error.seq, files=files) == []
    journal = opened(files)
    assert (journal.end, numbers(journal.read())) == (error.seq, list(range(1, error.seq + 1)))
    journal.append(said(error.seq + 1), urgent=True)


def test_repair_takes_back_the_mark_and_the_first_frame_that_must_be_there():
    files = closed(120)
    del files.files[segments(files)[0]]
    refused(files)
    repair(FOLDER, 110, files=files)
    journal = opened(files)
    assert (journal.first > 1, journal.end) == (True, 110)
    journal.close()
    change(files, FOLDER / MARK, b"{}")
    assert "checksum" in str(refused(files))
    repair(FOLDER, 110, files=files)
    assert opened(files).end == 110
    with pytest.raises(UsageError, match="would leave nothing"):
        repair(FOLDER, 0, files=closed(2))


def test_looking_changes_nothing_and_needs_no_lock():
    files = FaultyFiles()
    filled(files, 5)
    steps = files.steps
    mark, found = look(files, FOLDER)
    assert (mark.seq, found.end, files.steps) == (0, 5, steps)


# Beside a writer.


class Looking(RealFiles):
    """Sees a segment as it was at one moment, `looks` times, and then as it is."""

    def __init__(self, path, then, looks):
        self.path, self.then, self.looks = path, then, looks

    def read(self, path, start=0, count=-1):
        if path != self.path or start < SEGMENT:
            return super().read(path, start, count)
        data = self.then if self.looks > 0 else path.read_bytes()
        self.looks -= 1
        return data[start:] if count < 0 else data[start : start + count]


class LookingAtAHead(RealFiles):
    """Sees a segment empty when it looks at it first."""

    def __init__(self, path):
        self.path, self.looks = path, 1

    def read(self, path, start=0, count=-1):
        if path != self.path or not self.looks:
            return super().read(path, start, count)
        self.looks = 0
        return b""


def test_a_segment_whose_head_was_not_written_when_it_was_looked_at_is_no_damage(tmp_path):
    with Journal.open(tmp_path, limits=Limits(segment_bytes=600)) as journal:
        while len(paths := sorted(tmp_path.glob("*.log"))) < 2:
            journal.append(said(journal.end + 1, 100), urgent=True)
        journal.append(said(journal.end + 1), urgent=True)
        _, found = look(LookingAtAHead(paths[-1]), tmp_path)
        assert (found.end, found.torn) == (journal.end, None)


@pytest.mark.parametrize("written", [1, 30, 50, 100])
@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_frame_that_was_half_written_when_it_was_looked_at_is_no_damage(written, looks, tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.append(said(1), urgent=True)
        (path,) = tmp_path.glob("*.log")
        before = path.read_bytes()
        for number in (2, 3, 4):
            journal.append(said(number), urgent=True)
        files = Looking(path, path.read_bytes()[: len(before) + written], looks)
        _, found = look(files, tmp_path)
        assert found.end in (1, 4)
        assert (found.torn is None) == (found.end == 4)
