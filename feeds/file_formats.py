"""What reads a file, by the ending of its name."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from feeds.reading import Reading
from pipeline.errors import UsageError
from pipeline.feed import Feed

__all__ = ["Format", "format_of"]

TEXT = (".csv", ".txt", ".tsv")
PACKED = (".gz", ".zst", ".zip")
PARQUET, ARROW, JSON_LINES = ("arrow_files", "parquet"), ("arrow_files", "arrow"), ("json_lines", "json_lines")
FRAMES = ("live.frame_feed", "frames")
FORMATS = {
    ".parquet": PARQUET, ".pq": PARQUET, ".arrow": ARROW, ".feather": ARROW, ".ipc": ARROW, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES,
    ".frames": FRAMES,
}  # fmt: skip
LOOKED_AT = 4096


class Format(NamedTuple):
    """Whether a file is CSV text, and what reads it."""

    is_text: bool
    read: Callable[[Path, Reading], Feed]


def format_of(path: Path) -> Format:
    """The format of a file: that of its ending, else CSV if it is text; UsageError for what is neither."""
    endings = [ending.lower() for ending in path.suffixes]
    packed = bool(endings) and endings[-1] in PACKED
    ending = endings[-1 - packed] if len(endings) > packed else ""
    if ending in FORMATS:
        module, function = FORMATS[ending]
        return Format(False, getattr(import_module(f"feeds.{module}"), function))
    if path.is_file() and not packed and ending not in TEXT and not looks_like_text(path):
        known = " ".join((*TEXT, *FORMATS))
        raise UsageError(
            f"{path} is no text, and its name does not say what else it is; rxtape reads {known}, and CSV in {' '.join(PACKED)}"
        )
    return Format(True, csv_feed)


def csv_feed(path: Path, reading: Reading) -> Feed:
    """A file of CSV."""
    from feeds.csv_layout import layout_of
    from feeds.recorded import RecordedCsv
    from feeds.standing import with_standing_sides

    return with_standing_sides(RecordedCsv(path, layout_of(path, reading)), reading)


def looks_like_text(path: Path) -> bool:
    with path.open("rb") as opened:
        piece = opened.read(LOOKED_AT)
    return b"\0" not in piece or piece.startswith((b"\xff\xfe", b"\xfe\xff"))
