"""Files of ticks as one feed: each read as its name says; several merged in order of time, sorted, narrowed and paced."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from glob import glob
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from feeds.csv_times import RefusedError, Times
from feeds.merging import merged
from feeds.presets import reading_by
from feeds.reading import Reading
from feeds.streams import between, in_order, paced, speed_of
from pipeline.errors import UsageError
from pipeline.feed import Feed

__all__ = ["file"]

TEXT = (".csv", ".txt", ".tsv")
PACKED = (".gz", ".zst", ".zip")
FORMATS = {
    ".parquet": ("arrow_files", "parquet"), ".pq": ("arrow_files", "parquet"), ".arrow": ("arrow_files", "arrow"),
    ".feather": ("arrow_files", "arrow"), ".ipc": ("arrow_files", "arrow"), ".jsonl": ("json_lines", "json_lines"),
    ".ndjson": ("json_lines", "json_lines"),
}  # fmt: skip
LOOKED_AT = 4096
DEFAULTS = {each.name: each.default for each in fields(Reading)} | {"columns": {}, "sides": {}}
StrPath = str | PathLike[str]


def file(
    paths: StrPath | Sequence[StrPath],
    *,
    preset: str | None = None,
    columns: Mapping[str, str] = {},
    time_unit: str | None = None,
    time_format: str | None = None,
    tz: str | None = None,
    price_scale: float = 1.0,
    symbol: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool = True,
    names: Sequence[str] = (),
    sort: bool = False,
    start: str | int | None = None,
    until: str | int | None = None,
    speed: str = "max",
) -> Feed:
    """The ticks of one file or several (paths, globs, or the folder of a recording), as one feed in order of time.

    The ending of a name tells the format: .csv .txt .tsv (also .gz .zst .zip), .parquet .pq, .arrow .feather .ipc, .jsonl
    .ndjson; any other file is read as CSV if it is text. `preset` names a venue (binance, tardis, lean-us, ...); the
    options from `columns` to `names` say how the files are read, as in `feeds.reading.Reading`, and come before those of
    the preset. `sort` reads everything first and puts it in order. `start` and `until` (not included) are ISO 8601 text
    with a zone, or ns UTC. `speed` is "max", or how many times as fast as it was: "60x".

    Raises UsageError for names that match no file and options that cannot be meant, InputError for a file without ticks.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for day, price in ((7, 167.4), (8, 165.2)):
    ...         _ = Path(folder, f"SPY_{day}.csv").write_text(f"Date;Px\\n2013-10-0{day} 09:30:00;{price}\\n")
    ...     feed = file(f"{folder}/SPY_*.csv", columns={"price": "Px"}, tz="America/New_York")
    ...     [(rows.names, rows.columns["price"].tolist()) for rows in feed.rows()]
    [(('SPY',), [167.4]), (('SPY',), [165.2])]
    """
    wanted = {
        "columns": dict(columns), "time_unit": time_unit, "time_format": time_format, "tz": tz, "price_scale": price_scale,
        "symbol": symbol, "delimiter": delimiter, "decimal": decimal or ".", "header": header, "names": tuple(names),
    }  # fmt: skip
    given = {name: value for name, value in wanted.items() if value != DEFAULTS[name]}
    ends, pace = span(start, until), speed_of(speed)
    feed = merged([feed_of(path, preset, given) for path in found(paths)])
    return paced(between(in_order(feed) if sort else feed, *ends), pace)


def found(paths: StrPath | Sequence[StrPath]) -> list[Path]:
    """The files that are meant; each once."""
    patterns = [fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
    files: list[Path] = []
    for pattern in patterns:
        matches = (
            [pattern] if Path(pattern).exists() or not any(sign in pattern for sign in "*?[") else sorted(glob(pattern, recursive=True))
        )
        if not matches:
            raise UsageError(f"no file matches {pattern!r}")
        for path in map(Path, matches):
            files += recording(path) if path.is_dir() else [path]
    if not files:
        raise UsageError("no file named")
    if twice := [path for place, path in enumerate(files) if path in files[:place]]:
        raise UsageError(f"{twice[0]} is named twice, so its ticks would count twice; name it once")
    return files


def recording(folder: Path) -> list[Path]:
    """The files of a tape that was recorded into a folder, in order of time."""
    tape = sorted(folder.glob("tape-*.arrow"))
    if not tape:
        raise UsageError(f"{folder} is a folder without a recorded tape (tape-*.arrow); name its files: '{folder}/*.csv'")
    return tape


def feed_of(path: Path, preset: str | None, given: dict[str, Any]) -> Feed:
    """One file, read as its name and the options say."""
    reader, is_text = reader_of(path)
    feed: Feed = reader(path, reading_by(preset, path, given, is_text))
    return feed


def reader_of(path: Path) -> tuple[Callable[[Path, Reading], Any], bool]:
    """What reads a file, and whether that is the reader of CSV text."""
    endings = [ending.lower() for ending in path.suffixes]
    packed = bool(endings) and endings[-1] in PACKED
    ending = endings[-1 - packed] if len(endings) > packed else ""
    if ending in FORMATS:
        from importlib import import_module

        module, name = FORMATS[ending]
        return getattr(import_module(f"feeds.{module}"), name), False
    if path.is_file() and not packed and ending not in TEXT and not looks_like_text(path):
        endings_known = " ".join((*TEXT, *FORMATS))
        raise UsageError(
            f"{path} is no text, and its name does not say what else it is; rxtape reads {endings_known}, and CSV in {' '.join(PACKED)}"
        )
    from feeds.csv_layout import layout_of
    from feeds.recorded import RecordedCsv

    return lambda path, reading: RecordedCsv(path, layout_of(path, reading)), True


def looks_like_text(path: Path) -> bool:
    with path.open("rb") as opened:
        piece = opened.read(LOOKED_AT)
    return b"\0" not in piece or piece.startswith((b"\xff\xfe", b"\xfe\xff"))


def span(start: str | int | None, until: str | int | None) -> tuple[int | None, int | None]:
    """The ends of the span that is wanted, in ns UTC."""
    first, last = moment("start", start), moment("until", until)
    if first is not None and last is not None and first >= last:
        raise UsageError(f"there is no time from {start!r} until {until!r}")
    return first, last


def moment(name: str, time: str | int | None) -> int | None:
    """ns UTC of a time that the user gives."""
    if time is None or isinstance(time, int):
        return time
    try:
        return Times("iso").of(time.strip())
    except RefusedError as error:
        raise UsageError(f"{name}={time!r} {error}") from None
