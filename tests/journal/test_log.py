"""The log when nothing fails: numbers, group commit, who is told when, segments, retention, and readers beside a writer."""

import threading

import pytest
from faulty_files import FaultyFiles
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import FOLDER, SMALL, filled, numbers, opened, said, told

from pipeline.errors import JournalDamaged, JournalError
from pipeline.journal import Content, Keep, Limits, Reader, Record
from pipeline.journal.mark import read_mark
from pipeline.journal.retention import Kept, removable

GROUPS = Limits(group_bytes=2000, group_ns=100, segment_bytes=1 << 20, mark_ns=1 << 62)


def test_frames_are_numbered_from_one_and_go_on_after_a_restart():
    files = FaultyFiles()
    with opened(files) as journal:
        assert (journal.first, journal.end, journal.synced) == (1, 0, 0)
        assert [journal.append(said(number)) for number in (1, 2, 3)] == [1, 2, 3]
        digest = journal.digest
    with opened(files) as journal:
        assert (journal.end, journal.digest) == (3, digest)
        assert journal.append(said(4)) == 4


def test_a_group_is_committed_when_it_is_large_or_old_or_urgent_and_not_before():
    now = [0]
    journal = opened(FaultyFiles(), limits=GROUPS, clock_ns=lambda: now[0])
    journal.append(said(1))
    assert journal.synced == 0
    journal.append(said(2), urgent=True)
    assert journal.synced == 2
    journal.append(said(3))
    now[0] = 99
    journal.sync_if_due()
    assert journal.synced == 2
    now[0] = 100
    journal.sync_if_due()
    assert journal.synced == 3
    journal.append(said(4, 1000))
    assert journal.synced == 3
    journal.append(said(5, 1000))
    assert journal.synced == 5
    journal.append(said(6))
    now[0] = 300
    journal.append(said(7))
    assert journal.synced == 7


def test_the_mark_is_written_once_a_second_and_in_a_silence_too():
    files, now = FaultyFiles(), [0]
    journal = opened(files, limits=Limits(group_ns=5, mark_ns=1000), clock_ns=lambda: now[0])

    def marked() -> int:
        return read_mark(files, FOLDER).seq

    journal.append(said(1), urgent=True)
    assert marked() == 0
    now[0] = 1000
    journal.sync_if_due()
    assert marked() == 1
    journal.append(said(2), urgent=True)
    assert marked() == 1
    now[0] = 1999
    journal.sync_if_due()
    assert marked() == 1
    now[0] = 2000
    journal.append(said(3), urgent=True)
    assert marked() == 3
    steps = files.steps
    now[0] = 9000
    journal.sync_if_due()
    assert files.steps == steps


def test_whoever_waits_is_told_after_the_sync_and_never_before():
    journal, seen = opened(FaultyFiles(), limits=SMALL), []
    journal.when_durable(0, lambda: seen.append(0))
    journal.when_durable(2, lambda: seen.append(2))
    journal.when_durable(3, lambda: seen.append(3))
    journal.append(said(1))
    journal.append(said(2))
    assert seen == [0]
    journal.sync()
    assert seen == [0, 2]
    journal.append(said(3), urgent=True)
    journal.when_durable(3, lambda: seen.append(33))
    assert seen == [0, 2, 3, 33]


def test_a_thread_that_waits_for_a_frame_wakes_up():
    journal, durable = opened(FaultyFiles()), threading.Event()
    thread = threading.Thread(target=lambda: journal.when_durable(1, durable.set))
    thread.start()
    thread.join()
    journal.append(said(1))
    assert not durable.is_set()
    journal.sync()
    assert durable.is_set()


def test_segments_are_named_after_their_first_frame_and_hold_so_many_bytes():
    files = FaultyFiles()
    filled(files, 200).close()
    names = [name for name in files.names(FOLDER) if name.endswith(".log")]
    assert len(names) > 4
    assert all(SMALL.segment_bytes <= files.size(FOLDER / name) < 2 * SMALL.segment_bytes for name in names[:-1])
    for name in names:
        first = int(name.removesuffix(".log"))
        assert told(next(opened(files.copy()).read(first))) == first


def test_a_frame_is_never_larger_than_can_be_read():
    with pytest.raises(JournalError, match="append smaller batches"):
        opened(FaultyFiles()).append(Record(Content.TICKS, Enormous()))


class Enormous(bytes):
    """Bytes that say they are many."""

    def __len__(self) -> int:
        return 1 << 40


def test_a_closed_journal_takes_nothing():
    journal = opened(FaultyFiles())
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="is closed; open it again"):
        journal.append(said(1))


# Readers


@settings(deadline=None)
@given(first=st.integers(1, 130), stops=st.lists(st.integers(0, 120), max_size=6))
def test_a_reader_goes_on_where_it_stopped_from_any_frame_to_any_frame(first, stops):
    journal, seen = WRITTEN, []
    reader = journal.reader(first)
    for stop in sorted(stops):
        seen += numbers(reader.frames(stop))
        assert seen == list(range(first, stop + 1)) if stop >= first else seen == []


WRITTEN = filled(FaultyFiles(), 120)


def test_a_reader_follows_a_writer_through_its_segments():
    files, seen = FaultyFiles(), []
    journal = opened(files)
    reader = Reader(files, FOLDER)
    for number in range(1, 100):
        journal.append(said(number, 200), urgent=number % 3 == 0)
        seen += numbers(reader.frames(journal.synced))
        assert seen == list(range(1, journal.synced + 1))


def test_a_reader_is_told_what_is_not_there():
    files = FaultyFiles()
    journal = filled(files, 120)
    journal.retain(Keep(size=1), 60)
    assert 1 < journal.first <= 61
    with pytest.raises(JournalError, match=f"frame 1 cannot be read: the log of {FOLDER} begins with frame {journal.first}"):
        next(journal.read(1))
    with pytest.raises(JournalDamaged, match="the log ends before it; the last good frame is 120"):
        list(journal.reader().frames(121))
    with pytest.raises(JournalError, match="has no segments"):
        next(Reader(FaultyFiles(), FOLDER).frames(1))


def test_a_reader_refuses_a_frame_that_is_not_what_was_written():
    files = FaultyFiles()
    filled(files, 9)
    path = FOLDER / f"{1:020d}.log"
    files.files[path].live[400] ^= 1
    with pytest.raises(JournalDamaged, match="do not agree with its digest; the last good frame is") as caught:
        list(Reader(files, FOLDER).frames(9))
    assert caught.value.path == str(path)


def test_the_digest_at_a_frame_is_that_of_the_log_when_it_ended_there():
    files, digests = FaultyFiles(), {}
    journal = opened(files)
    for number in range(1, 121):
        digests[number] = journal.digest
        journal.append(said(number, 100))
    journal.close()
    again = opened(files)
    for number, digest in digests.items():
        assert again.digest_at(number - 1) == digest
    assert again.digest_at(121) == b""


# Retention


@settings(deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 50), st.integers(1, 100), st.integers(0, 20)), min_size=1, max_size=12),
    size=st.none() | st.integers(0, 500),
    age=st.none() | st.integers(0, 100),
    never_past=st.integers(0, 400),
)
def test_what_may_go_is_a_beginning_that_nobody_needs_and_that_there_is_no_room_for(sizes, size, age, never_past):
    last, now, segments = 0, 0, []
    for frames, width, later in sizes:
        last, now = last + frames, now + later
        segments.append(Kept(last, width, now))
    gone = removable(segments, Keep(size, age), never_past)
    assert gone < len(segments)
    assert all(segment.last <= never_past for segment in segments[:gone])
    left, newest = segments[gone:], segments[-1]
    fits = (size is None or sum(each.size for each in left) <= size) and (age is None or newest.modified_ns - left[0].modified_ns <= age)
    assert fits or left[0].last > never_past or len(left) == 1
    if gone:
        before = segments[gone - 1]
        total = sum(each.size for each in left) + before.size
        assert (size is not None and total > size) or (age is not None and newest.modified_ns - before.modified_ns > age)


def test_what_is_retained_can_be_opened_and_read_and_goes_on():
    files = FaultyFiles()
    journal = filled(files, 200)
    gone = journal.retain(Keep(size=9000), never_past=150)
    assert gone
    assert all(path.name not in files.names(FOLDER) for path in gone)
    first = journal.first
    assert 1 < first <= 151
    journal.close()
    with opened(files) as journal:
        assert (journal.first, numbers(journal.read())) == (first, list(range(first, 201)))
        assert journal.retain(Keep(size=1), never_past=first - 1) == []
        assert journal.append(said(201)) == 201


def test_segments_before_what_is_trusted_are_looked_at_by_their_ends_and_checked_when_they_are_read():
    files = FaultyFiles()
    filled(files, 120).close()
    path = FOLDER / f"{1:020d}.log"
    files.files[path].live[400] ^= 1
    with pytest.raises(JournalDamaged):
        opened(files)
    with opened(files, trusted=100) as journal:
        assert journal.end == 120
        assert numbers(journal.read(100)) == list(range(100, 121))
        with pytest.raises(JournalDamaged):
            list(journal.read(1))
    files.files[path].live[-1] ^= 1
    with pytest.raises(JournalDamaged, match="does not continue"):
        opened(files, trusted=100)


def test_a_mark_behind_the_end_reads_nothing_of_the_log():
    files = FaultyFiles()
    journal = filled(files, 40)
    digest = journal.digest
    journal.append(said(41))
    read = []
    files.read = lambda path, *where: read.append(path)
    journal.mark()
    assert read == []
    del files.read
    mark = read_mark(files, journal.folder)
    assert (mark.seq, mark.digest) == (40, digest.hex())
