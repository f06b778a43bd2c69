"""Which segments of a log may go: the oldest, by size or age, and never what a snapshot or a cursor still needs."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Keep", "Kept", "removable"]


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of a log is kept: at most so many bytes, and nothing written so long before its newest part; None: no limit.

    >>> removable([Kept(last=9, size=50, modified_ns=0), Kept(19, 50, 5), Kept(29, 50, 9)], Keep(size=100), never_past=25)
    1
    >>> removable([Kept(last=9, size=50, modified_ns=0), Kept(19, 50, 5), Kept(29, 50, 9)], Keep(age_ns=1), never_past=15)
    1
    """

    size: int | None = None
    age_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment: its last frame, its bytes, and when it was last written."""

    last: int
    size: int
    modified_ns: int


def removable(segments: Sequence[Kept], keep: Keep, never_past: int) -> int:
    """How many segments at the beginning may go; the last one never does.

    Frames up to `never_past` may go: those before the oldest snapshot that is kept, and behind every cursor. Ages are
    measured from the newest segment, so that no clock is asked and a log that rests keeps what it has.
    """
    total, count = sum(segment.size for segment in segments), 0
    for segment in segments[:-1]:
        too_large = keep.size is not None and total > keep.size
        too_old = keep.age_ns is not None and segments[-1].modified_ns - segment.modified_ns > keep.age_ns
        if segment.last > never_past or not (too_large or too_old):
            break
        count, total = count + 1, total - segment.size
    return count
