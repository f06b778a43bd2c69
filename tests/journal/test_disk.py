"""What the operating system refuses: a full disk, failing syncs, short writes, locks, unusable folders, too many open files."""

import errno
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from faulty_files import FaultyFiles
from journals import FOLDER, SMALL, filled, numbers, opened, said

from pipeline.errors import JournalBroken, JournalError, JournalLocked, NoJournal
from pipeline.journal import Journal, Limits
from pipeline.journal.files import RealFiles

ROOT = Path(__file__).parents[2]

# 20


def test_fault_20_a_second_writer_is_told_who_holds_the_journal(tmp_path):
    with filled(None, 3, folder=tmp_path):
        with pytest.raises(JournalLocked, match=f"locked by pid {os.getpid()} on host {socket.gethostname()}"):
            opened(None, tmp_path)
        code = f"from pipeline.journal import Journal; Journal.open({str(tmp_path)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode != 0
        assert f"locked by pid {os.getpid()} on host" in done.stderr
    with opened(None, tmp_path) as journal:
        assert journal.end == 3


def test_fault_20_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    code = f"""
import os, signal
from pipeline.journal import Journal
from pipeline.journal.payloads import alerts_record
journal = Journal.open({str(tmp_path)!r})
journal.append(alerts_record([]), urgent=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == -9, done.stderr
    assert "pid" in (tmp_path / "LOCK").read_text()
    with opened(None, tmp_path) as journal:
        assert journal.end == 1


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_fault_20_a_file_system_that_cannot_lock_is_told(code, tmp_path, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(JournalError, match="that file system cannot lock; keep the journal on a local disk"):
        Journal.open(tmp_path)


def go_on(journal: Journal, length: int, *, urgent: bool = False) -> None:
    """Append frame after frame."""
    for number in range(journal.end + 1, journal.end + 200):
        journal.append(said(number, length), urgent=urgent)


# 21


@pytest.mark.usefixtures("writes")
@pytest.mark.parametrize("turn", range(1, 40, 3))
def test_fault_21_a_full_disk_takes_nothing_half_and_goes_on_when_there_is_room(turn):
    files = FaultyFiles()
    journal = filled(files, 5)
    files.turns.clear()
    files.failing["write"] = (turn, errno.ENOSPC)
    with pytest.raises(JournalError, match="No space left on device; free space on that disk"):
        go_on(journal, 300, urgent=True)
    number = journal.end + 1
    assert (journal.end, journal.synced) == (number - 1, number - 1)
    files.failing.clear()
    for again in range(number, number + 20):
        assert journal.append(said(again, 300)) == again
    journal.close()
    assert numbers(opened(files.copy()).read()) == list(range(1, number + 20))


def test_fault_21_a_full_disk_at_the_very_beginning_leaves_nothing_behind():
    for turn in (1, 2):
        files = FaultyFiles()
        files.failing["write"] = (turn, errno.ENOSPC)
        with pytest.raises(JournalError, match="No space left"):
            opened(files).append(said(1))
        files.held.clear()
        files.failing.clear()
        with opened(files) as journal:
            journal.append(said(1))
        assert numbers(opened(files).read()) == [1]


def test_fault_21_a_mark_that_finds_no_room_is_a_warning_and_is_written_later():
    files, warnings, now = FaultyFiles(), [], [0]
    limits = Limits(group_ns=1 << 62, mark_ns=10)
    journal = opened(files, limits=limits, clock_ns=lambda: now[0], on_warning=lambda warning: warnings.append(str(warning)))
    journal.append(said(1), urgent=True)
    files.failing["rename"], now[0] = (1, errno.ENOSPC), 100
    journal.append(said(2), urgent=True)
    assert (journal.synced, len(warnings)) == (2, 1)
    assert "cannot be marked: No space left" in warnings[0]
    files.failing.clear()
    journal.append(said(3), urgent=True)
    old = files.copy()
    for path in [path for path in old.files if path.suffix == ".log"]:
        del old.files[path]
    with pytest.raises(JournalError, match="acknowledged 3 > journal end 0"):
        opened(old)


def test_fault_21_a_limit_of_the_system_on_file_sizes_is_a_clear_error_and_nothing_is_half(tmp_path):
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pipeline.alerts import Alert
from pipeline.errors import JournalError
from pipeline.journal import Journal
from pipeline.journal.payloads import alerts_record
journal = Journal.open({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
record = alerts_record([Alert(symbol="A", time=1, message="x" * 3000)])
try:
    while True:
        journal.append(record, urgent=True)
except JournalError as error:
    print(journal.synced, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(record)
journal.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    synced, _, said_so = done.stdout.partition(" ")
    assert "File too large; raise the limit of file sizes (ulimit -f)" in said_so
    with opened(None, tmp_path) as journal:
        assert journal.end == int(synced) + 1
        assert len(list(journal.read())) == journal.end


# 22


@pytest.mark.usefixtures("writes")
@pytest.mark.parametrize("most", [1, 2, 3, 7, 100, 511, 512, 513])
def test_fault_22_short_writes_of_any_length_are_completed(most):
    files = FaultyFiles()
    files.takes = lambda count: min(count, most)
    filled(files, 20).close()
    files.takes = lambda count: count
    assert numbers(opened(files).read()) == list(range(1, 21))


@pytest.mark.usefixtures("writes")
def test_fault_22_a_write_that_stops_halfway_is_taken_back():
    for turn in range(2, 12):
        files = FaultyFiles()
        journal = filled(files, 4)
        size = files.size(FOLDER / f"{1:020d}.log")
        files.turns.clear()
        files.takes, files.failing["write"] = (lambda count: min(count, 13)), (turn, errno.ENOSPC)
        with pytest.raises(JournalError):
            journal.append(said(5))
        assert files.size(FOLDER / f"{1:020d}.log") == size
        files.failing.clear()
        journal.append(said(5))
        journal.close()
        assert numbers(opened(files).read()) == [1, 2, 3, 4, 5]


def test_a_frame_that_can_neither_be_written_nor_taken_back_is_the_end():
    files = FaultyFiles()
    journal = filled(files, 4)
    files.failing |= {"write": (1, errno.EIO), "truncate": (1, errno.EIO)}
    with pytest.raises(JournalBroken, match="cannot be cut to its last whole frame"):
        journal.append(said(5))
    files.failing.clear()
    with pytest.raises(JournalBroken):
        journal.append(said(5))
    with pytest.raises(JournalBroken):
        journal.sync()


# 23


def test_fault_23_a_sync_that_fails_is_the_end_and_a_restart_finds_what_was_synced():
    files = FaultyFiles()
    journal = filled(files, 4)
    files.failing["sync"] = (1, errno.EIO)
    told = []
    journal.when_durable(5, lambda: told.append("durable"))
    with pytest.raises(JournalBroken, match="cannot be synced: Input/output error; nobody knows what is on the disk"):
        journal.append(said(5), urgent=True)
    files.failing.clear()
    for attempt in (lambda: journal.append(said(5)), journal.sync, lambda: journal.append(said(6), urgent=True)):
        with pytest.raises(JournalBroken, match="cannot be synced"):
            attempt()
    assert (journal.synced, told) == (4, [])
    journal.close()
    assert not files.held
    assert numbers(opened(files.after_power_cut()).read()) == [1, 2, 3, 4]


def test_fault_23_a_sync_that_fails_while_a_segment_begins_is_the_end_too():
    files = FaultyFiles()
    journal = filled(files, 60)
    files.turns.clear()
    files.failing["sync"] = (3, errno.EIO)
    with pytest.raises(JournalBroken):
        go_on(journal, 500)
    files.failing.clear()
    with pytest.raises(JournalBroken):
        journal.append(said(1))
    again = opened(files.after_power_cut())
    assert numbers(again.read()) == list(range(1, again.end + 1))
    assert again.end >= 60


# 24


def test_fault_24_a_path_that_is_a_file_a_link_or_nowhere_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name, why in {"file": "it is no folder|Not a directory", "link": "is a link", "no/where": "make the folder above it first"}.items():
        with pytest.raises(JournalError, match=why):
            Journal.open(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_fault_24_links_in_the_folder_are_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("precious")
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "LOCK").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match="cannot be used as a journal"):
        Journal.open(folder)
    assert (tmp_path / "elsewhere").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_fault_24_a_folder_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError, match="Permission denied; name a folder that you may write to"):
        Journal.open(tmp_path)


@pytest.mark.parametrize(("code", "why"), [(errno.EROFS, "Read-only file system"), (errno.EACCES, "Permission denied")])
def test_fault_24_what_the_disk_does_not_allow_is_told_before_anything_is_read(code, why):
    files = FaultyFiles()
    files.failing["create"] = (1, code)
    with pytest.raises(JournalError, match=f"cannot be recovered: {why}; name a folder"):
        opened(files)
    assert not files.held


# 25


def test_fault_25_no_file_handles_left_is_a_clear_error_and_leaves_no_lock(tmp_path):
    filled(None, 3, folder=tmp_path).close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else pytest.skip("no /proc")
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(used + 1)]
    try:
        for more in (0, 1, 2):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1 + more, hard))
            with pytest.raises(JournalError, match=r"Too many open files; raise the limit of open files \(ulimit -n\)"):
                opened(None, tmp_path)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 4, hard))
        opened(None, tmp_path).close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for file in taken:
            os.close(file)
    with opened(None, tmp_path) as journal:
        assert numbers(journal.read()) == [1, 2, 3]


def test_a_fault_in_the_log_is_no_leak(tmp_path):
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else pytest.skip("no /proc")
    filled(None, 30, folder=tmp_path).close()
    (tmp_path / f"{1:020d}.log").write_bytes(b"x")
    for _ in range(3):
        with pytest.raises(JournalError):
            Journal.open(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_real_files_and_those_of_the_tests_agree(tmp_path):
    real, faulty = RealFiles(), FaultyFiles()
    for files, folder in ((real, tmp_path), (faulty, FOLDER)):
        filled(files, 120, folder=folder).close()
        assert numbers(opened(files, folder).read(57)) == list(range(57, 121))
    names = [name for name in real.names(tmp_path) if name.endswith(".log")]
    assert names == [name for name in faulty.names(FOLDER) if name.endswith(".log")]
    assert [real.size(tmp_path / name) for name in names] == [faulty.size(FOLDER / name) for name in names]
    assert SMALL.segment_bytes < sum(real.size(tmp_path / name) for name in names)


def test_a_sync_reaches_the_file_and_its_folder(tmp_path, monkeypatch):
    synced: list[str] = []
    for call in ("fdatasync", "fsync"):
        monkeypatch.setattr(os, call, lambda file: synced.append(os.readlink(f"/proc/self/fd/{file}")))
    files = RealFiles()
    file = files.append_to(tmp_path / "a", new=True)
    file.write(memoryview(b"x"))
    file.sync()
    file.close()
    files.sync_folder(tmp_path)
    assert synced == [str(tmp_path / "a"), str(tmp_path)]


def test_a_journal_does_not_begin_among_other_files_and_leaves_nothing_there(tmp_path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".DS_Store").touch()
    Journal.open(tmp_path).close()
    (tmp_path / "ticks.csv").touch()
    Journal.open(tmp_path).close()  # what somebody adds later is theirs
    other = tmp_path / "data"
    other.mkdir()
    (other / "ticks.csv").touch()
    with pytest.raises(NoJournal, match=r"holds no journal, and other files \(ticks.csv\); name a folder that is empty"):
        Journal.open(other)
    assert [path.name for path in other.iterdir()] == ["ticks.csv"]
