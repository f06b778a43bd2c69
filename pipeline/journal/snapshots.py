"""Snapshots: the state of a graph at a frame of the log, so that a restart reads only what came after it."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import JournalDamaged, JournalError, SnapshotMismatch
from pipeline.graph import GraphSnapshot
from pipeline.journal.files import Files, RealFiles, refusals, write_whole
from pipeline.journal.log import Journal
from pipeline.journal.opening import Warn
from pipeline.journal.snapshot_bytes import from_bytes, to_bytes
from pipeline.stage import StageSnapshot

__all__ = ["KeptSnapshot", "Snapshots", "changed", "frame_of", "read_snapshot", "snapshot_names"]

LOG = logging.getLogger("rxtape")
SUFFIX = ".snapshot"
DIGITS = 20
LEAST = 2


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    """A state, the last frame that it includes, the journal and its digest there, and what made it.

    `next_row` is the row of the tape that comes next; `fingerprints` tell strategies and feed by name (as repr).
    """

    seq: int
    digest: bytes
    journal: bytes
    next_row: int
    state: GraphSnapshot
    fingerprints: dict[str, str] = field(default_factory=dict)


CLASSES = {each.__name__: each for each in (KeptSnapshot, GraphSnapshot, StageSnapshot)}


class Snapshots:
    """The snapshots of a folder: the newest `keep` of them, two at least.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline.journal.payloads import alerts_record
    >>> with TemporaryDirectory() as folder, Journal.open(folder) as journal:
    ...     snapshots = Snapshots(folder)
    ...     seq = journal.append(alerts_record([]))
    ...     path = snapshots.save(journal, GraphSnapshot(8192, ("SPY",), {}))
    ...     path.name, snapshots.newest(journal).next_row
    ('00000000000000000001.snapshot', 8192)
    """

    def __init__(self, folder: str | Path, *, files: Files | None = None, keep: int = LEAST, on_warning: Warn = LOG.warning) -> None:
        self.folder, self.files, self.keep, self._warn = Path(folder), files or RealFiles(), max(keep, LEAST), on_warning

    def save(self, journal: Journal, state: GraphSnapshot, fingerprints: Mapping[str, str] | None = None) -> Path:
        """Keep the state after the last frame of a journal, which is synced first; between two batches, on the writer's thread.

        Raises JournalError where it cannot be written: what was kept before is as it was.
        """
        journal.sync()
        kept = KeptSnapshot(journal.end, journal.digest, journal.identity, state.next_row, state, dict(fingerprints or {}))
        path = self.folder / f"{kept.seq:0{DIGITS}d}{SUFFIX}"
        with refusals(path, "cannot be written"):
            write_whole(self.files, path, to_bytes(kept))
            journal.mark()
            for old in self.names()[: -self.keep]:
                self.files.remove(self.folder / old)
            for half in self.files.names(self.folder):
                if half.endswith(f"{SUFFIX}.tmp"):
                    self.files.remove(self.folder / half)
        return path

    def names(self) -> list[str]:
        """The files of the snapshots, oldest first; none in a folder that is not there yet."""
        with refusals(self.folder, "cannot be read"), suppress(FileNotFoundError):
            return snapshot_names(self.files.names(self.folder))
        return []

    def oldest(self) -> int:
        """The frame of the oldest snapshot: frames up to it may go, and a journal that is opened may trust them; 0 without any."""
        names = self.names()
        return frame_of(names[0]) if names else 0

    def newest(self, journal: Journal) -> KeptSnapshot | None:
        """The newest snapshot that is whole and of this log; a warning for each that is not.

        None: the log is read from its first frame. Raises JournalDamaged where that is gone.
        """
        for name in reversed(self.names()):
            try:
                return self._checked(name, journal)
            except (SnapshotMismatch, JournalError) as error:
                self._warn(f"{self.folder / name} is passed over: {error}")
        if journal.first > 1:
            reason = f"no snapshot is good, and the log begins with frame {journal.first:,}"
            raise JournalDamaged(self.folder, -1, -1, reason, "Put a snapshot or the missing segments back from a backup")
        return None

    def _checked(self, name: str, journal: Journal) -> KeptSnapshot:
        kept = read_snapshot(self.files, self.folder / name)
        if kept.journal != journal.identity:
            raise SnapshotMismatch(f"it is of the journal {kept.journal.hex()}, this is {journal.identity.hex()}")
        if kept.seq > journal.end:
            raise SnapshotMismatch(f"it is of frame {kept.seq:,}, and the log ends with {journal.end:,}")
        if journal.digest_at(kept.seq) != kept.digest:
            raise SnapshotMismatch(f"the log up to frame {kept.seq:,} is not the one it was made from, or begins after it")
        return kept


def snapshot_names(names: Iterable[str]) -> list[str]:
    """The snapshots among the files of a folder, oldest first."""
    return sorted(name for name in names if name.endswith(SUFFIX) and name.removesuffix(SUFFIX).isdigit())


def frame_of(name: str) -> int:
    return int(name.removesuffix(SUFFIX))


def read_snapshot(files: Files, path: Path) -> KeptSnapshot:
    """A snapshot that is whole and what its name says, of whatever log. Raises SnapshotMismatch, JournalError."""
    with refusals(path, "cannot be read"):
        kept = from_bytes(files.read(path), CLASSES)
    if not isinstance(kept, KeptSnapshot) or kept.seq != frame_of(path.name):
        raise SnapshotMismatch(f"it is not the snapshot of frame {frame_of(path.name):,}, as its name says")
    return kept


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is not as it was when a snapshot was made, in words; each of these is rebuilt from the log.

    >>> changed({"spike": "Spike(move=0.01)", "old": "Old()"}, {"spike": "Spike(move=0.02)"})
    ['old is gone, it was Old()', 'spike is Spike(move=0.02), it was Spike(move=0.01)']
    """
    said = []
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            said.append(f"{name} is gone, it was {before[name]}")
        elif name not in before:
            said.append(f"{name} is new: {now[name]}")
        elif before[name] != now[name]:
            said.append(f"{name} is {now[name]}, it was {before[name]}")
    return said
