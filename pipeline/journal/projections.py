"""Projections: what a log comes to, read by one class, kept up to date from where it was, or rebuilt.

log --frame after frame--> projection (rows, alerts, configured) --> result
                               state <--> file beside the log
"""

import hashlib
import logging
from pathlib import Path
from typing import Any

import msgspec

from pipeline.alerts import Alert
from pipeline.errors import UsageError
from pipeline.functions import class_fingerprint
from pipeline.journal.configuration import Configuration, config_of
from pipeline.journal.files import Files, RealFiles, refusals, write_whole
from pipeline.journal.frames import Content
from pipeline.journal.inventory import Inventory, frames_of, inventory
from pipeline.journal.opening import Warn
from pipeline.journal.payloads import alerts_of, ticks_of
from pipeline.journal.reading import last_with_rows
from pipeline.journal.recovery import digest_at
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks

__all__ = ["Projection", "project"]

LOG = logging.getLogger("rxtape")
FOLDER = "projections"


class Projection:
    """What to make of a log. Subclass it; say what to do with rows, alerts and configurations, and what the result is.

    `state` is what it knows: numbers, text, lists and dicts with text as keys, as JSON has them. It is all that is kept; nothing else
    that an object remembers survives. A change of the class's file begins anew.

    >>> class Busiest(Projection):
    ...     def begin(self):
    ...         return {"rows": {}}
    ...     def rows(self, ticks):
    ...         for tick in ticks:
    ...             self.state["rows"][tick.symbol] = self.state["rows"].get(tick.symbol, 0) + 1
    ...     def result(self):
    ...         return [{"symbol": symbol, "rows": rows} for symbol, rows in self.state["rows"].items()]
    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import run
    >>> from pipeline.checks import tape_of
    >>> with TemporaryDirectory() as folder:
    ...     _ = run(tape_of(price=[10.0, 11.0]), journal=folder)
    ...     project(Busiest(), folder).result()
    [{'symbol': 'A', 'rows': 2}]
    """

    def __init__(self) -> None:
        self.state: Any = self.begin()

    def begin(self) -> Any:
        """The state before the first frame."""
        return {}

    def rows(self, ticks: Ticks) -> None:
        """Rows of the tape, in order."""

    def alerts(self, alerts: list[Alert]) -> None:
        """The alerts of the rows before."""

    def configured(self, config: Configuration) -> None:
        """What the run was told to do from here on."""

    def settle(self) -> None:
        """Put into the state what was held back, as rows until their alerts are known; between two batches, before it is kept or told."""

    def result(self) -> list[dict[str, Any]]:
        """What it comes to so far: rows of a table, by column."""
        return []

    @classmethod
    def fingerprint(cls) -> str:
        """Which projection it is: its class, and a digest of the code it is in."""
        return f"{cls.__name__} {class_fingerprint(cls)}"

    def settings(self) -> dict[str, Any]:
        """What else makes two of one class different: parameters of the object."""
        return {}


class Kept(msgspec.Struct, frozen=True):
    """The state of a projection after a frame of a log, and what made it."""

    of: str
    journal: str
    frame: int
    digest: str
    state: Any


def project(
    made: Projection,
    folder: str | Path,
    *,
    keep: bool = False,
    rebuild: bool = False,
    files: Files | None = None,
    on_warning: Warn = LOG.warning,
) -> Projection:
    """Read a journal, which a run may write to meanwhile, into a projection; with `keep` the next time goes on from there.

    What was kept of another class or of another log is not used, which `on_warning` is told. Raises JournalError, and UsageError for
    a state that is not as JSON has it.
    """
    disk, path = files or RealFiles(), Path(folder)
    found = inventory(path, files=disk)
    place = path / FOLDER / f"{name_of(made)}.json"
    known = None if rebuild or not keep else kept_of(disk, place, made, found, on_warning)
    first = 1
    if known is not None:
        made.state, first = known.state, known.frame + 1
    symbols, whole = SymbolTable(), last_whole(found, disk) if keep else 0
    for frame in frames_of(found, first, files=disk) if first <= found.log.end else ():
        if frame.content is Content.TICKS:
            made.rows(ticks_of(frame, symbols))
        elif frame.content is Content.ALERTS:
            made.alerts(alerts_of(frame))
        else:
            made.configured(config_of(frame))
        if frame.seq == whole:
            made.settle()
            save(disk, place, made, Kept(identity(made), found.identity, whole, frame.digest.hex(), made.state))
    made.settle()
    return made


def last_whole(found: Inventory, files: Files) -> int:
    """The frame before the last one with rows: the alerts of those may be yet to come."""
    last = last_with_rows(lambda first: frames_of(found, first, files=files), found.first, found.log.end)
    return last.seq - 1 if last is not None else 0


def identity(made: Projection) -> str:
    return f"{made.fingerprint()} {msgspec.json.encode(made.settings()).decode()}"


def name_of(made: Projection) -> str:
    digest = hashlib.blake2b(msgspec.json.encode([type(made).__module__, made.settings()]), digest_size=4).hexdigest()
    return f"{type(made).__name__}-{digest}"


def kept_of(files: Files, place: Path, made: Projection, found: Inventory, say: Warn) -> Kept | None:
    """What was kept, if it is of this projection and of this log; if it is not, that is said."""
    try:
        known = msgspec.json.decode(files.read(place), type=Kept)
        if not (reason := mismatch(known, made, found, files)):
            return known
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        reason = f"it cannot be read ({error})"
    say(f"what was kept of {type(made).__name__} is not used, {reason}; the log is read again from frame {found.first:,}")
    return None


def mismatch(known: Kept, made: Projection, found: Inventory, files: Files) -> str:
    if known.of != identity(made):
        return "the projection has changed since"
    if known.journal != found.identity or known.frame > found.log.end:
        return "it is of another log"
    if known.frame < found.first - 1:
        return f"frames {known.frame + 1:,} to {found.first - 1:,}, which it had not seen, are gone"
    digest = digest_at(files, found.log.segments, known.frame).hex()
    return "" if digest == known.digest else "it is of another log"


def save(files: Files, place: Path, made: Projection, kept: Kept) -> None:
    try:
        text = msgspec.json.encode(kept)
    except (TypeError, msgspec.MsgspecError) as error:
        raise UsageError(f"the state of {type(made).__name__} cannot be kept: {error}; it may hold what JSON has, text as keys") from error
    with refusals(place, "cannot be written"):
        files.make_folder(place.parent)
        write_whole(files, place, text)
