"""Small journals for tests: frames that tell their number, in files that fail or on the disk."""

from pathlib import Path

from faulty_files import FaultyFiles

from pipeline.alerts import Alert
from pipeline.journal import Content, Journal, Limits, Record
from pipeline.journal.frames import Frame
from pipeline.journal.payloads import alerts_record

FOLDER = Path("/journal")
SMALL = Limits(group_bytes=1 << 30, group_ns=1 << 62, segment_bytes=4096, mark_ns=1 << 62)
"""Nothing is synced unless it is asked for."""


def said(number: int, length: int = 0) -> Record:
    """A frame that tells its number, and is as long as is asked."""
    return alerts_record([Alert(symbol="A", time=number, message="x" * length)])


def opened(files: FaultyFiles | None = None, folder: Path = FOLDER, limits: Limits = SMALL, **options: object) -> Journal:
    """A journal whose clock stands still, so that it syncs and marks only when it is told to."""
    options.setdefault("clock_ns", lambda: 0)
    return Journal.open(folder, files=files, limits=limits, **options)


def numbers(frames: object) -> list[int]:
    """What frames made by `said` tell."""
    return [told(frame) for frame in frames]


def told(frame: Frame) -> int:
    """What a frame made by `said` tells."""
    from pipeline.journal.payloads import alerts_of

    assert frame.content is Content.ALERTS
    return alerts_of(frame)[0].time


def filled(files: FaultyFiles | None, count: int, *, folder: Path = FOLDER, limits: Limits = SMALL, sync_every: int = 1) -> Journal:
    """A journal of so many frames, still open."""
    journal = opened(files, folder, limits)
    for number in range(journal.end + 1, journal.end + count + 1):
        journal.append(said(number, 40 + number % 50))
        if number % sync_every == 0:
            journal.sync()
    return journal
