"""What can be run on: a feed, ticks in memory, or a frame; its rows, and the files that it reads."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, RxtapeError, UsageError
from pipeline.feed import Feed, LiveFeed, recorded
from pipeline.ingest import Ingest, RawRows
from pipeline.interruption import Batches
from pipeline.plugins import load
from pipeline.sinks.files import Destinations, destination_of
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks

__all__ = ["check_rows", "feed_of", "occupied_by", "rows_of"]


def feed_of(source: object) -> Any:
    if isinstance(source, Ticks):
        return recorded(source)
    if isinstance(source, Feed | LiveFeed):
        return source
    if type(source).__name__ == "DataFrame" and type(source).__module__.startswith("pandas"):
        made: Feed = load("feed", "frame")(source)
        return made
    hint = "; feeds.recorded.csv(path) makes one of a file, feeds.frames.from_frame(frame) of a frame"
    raise UsageError(f"{type(source).__name__} is no feed{hint}")


def rows_of(feed: Feed, batches: Batches, known: int = 0) -> Iterator[RawRows]:
    """The rows of a feed; whatever it raises is bad input, and names it. For the `known` first ones, a feed that waits need not wait."""
    if known and hasattr(feed, "going_on"):
        feed = feed.going_on(known)
    promised = feed.columns - {"seq", "kind"}
    try:
        for raw in batches.awaited(feed.rows()):
            if not promised <= raw.columns.keys():
                absent = min(promised - raw.columns.keys())
                raise InputError(f"the feed {feed.name} gave rows without the column {absent!r}, which it has promised")
            yield raw
    except RxtapeError:
        raise
    except Exception as error:
        raise InputError(f"the feed {feed.name} failed: {type(error).__name__}: {error}") from error


def check_rows(rows: Iterator[RawRows], like: Ingest) -> None:
    """Read rows as an ingest would, and judge nothing; raises what that would."""
    skip = None if like.on_bad is None else lambda bad: None
    gate = Ingest(SymbolTable(limit=like.symbols.limit), like.late, like.lateness_ns, on_bad=skip)
    for raw in rows:
        for _ in gate.accept(raw):
            pass


def occupied_by(feed: Any, others: Mapping[str, str | Path | None], journal: Any = None) -> Destinations:
    """Files that no sink may write to: the feed's, those of a journal's folder, and others by what they are."""
    found = Destinations()
    for folder in (getattr(journal, "folder", None), getattr(feed, "kept_in", None)):
        if folder is not None:
            found.occupy_folder(folder, "the journal")
    for path in getattr(feed, "paths", [feed.path] if hasattr(feed, "path") else []):
        if not found.knows(destination_of(path)):
            found.occupy(destination_of(path), "the feed")
    for name, path in others.items():
        if path is not None:
            found.occupy(path if isinstance(path, str) else destination_of(path), name)
    return found
