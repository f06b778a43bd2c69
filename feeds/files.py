"""Files of ticks as one feed: each read as its name says; several merged in order of time, sorted, narrowed and paced."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from glob import glob
from os import PathLike, fspath
from os.path import exists, isdir
from pathlib import Path
from typing import Any

from feeds.csv_times import RefusedError, Times
from feeds.file_formats import format_of
from feeds.guesses import refuse_one_symbol
from feeds.merging import merged
from feeds.presets import reading_by
from feeds.reading import OF_TEXT, Reading
from feeds.streams import between, in_order, paced, speed_of
from pipeline.errors import UsageError
from pipeline.feed import Feed
from pipeline.plugins import names_feed, open_feed

__all__ = ["file"]

DEFAULTS = {each.name: each.default for each in fields(Reading)} | {"columns": {}, "sides": {}}
StrPath = str | PathLike[str]
Source = Path | str
"""A file, or a feed of a plug-in as it is named."""


def file(
    paths: StrPath | Sequence[StrPath], *, preset: str | None = None, columns: Mapping[str, str] = {},
    time_unit: str | None = None, time_format: str | None = None, tz: str | None = None, day: str | None = None,
    price_scale: float = 1.0, symbol: str | None = None, sides: Mapping[str, int] = {}, zero_is_absent: bool = False,
    delimiter: str | None = None, decimal: str | None = None, header: bool = True, names: Sequence[str] = (),
    sort: bool = False, start: str | int | None = None, until: str | int | None = None, speed: str = "max",
) -> Feed:  # fmt: skip
    """The ticks of one file or several (paths, globs, a recording's folder), as one feed in order of time.

    The ending of a name tells the format: .csv .txt .tsv (also .gz .zst .zip), .parquet .pq, .arrow .feather .ipc, .jsonl
    .ndjson; any other file is read as CSV if it is text. A feed of a plug-in may stand among them: "myfeed:ARGUMENT".
    `preset` names a venue (binance, tardis, lean-us, ...); the options from `columns` to `names` say how the files are
    read, as in `feeds.reading.Reading`, and come before those of the preset. `sort` reads everything first and puts it in
    order. `start` and `until` (not included) are ISO 8601 text with a zone, or ns UTC. `speed` is "max", or such as "60x".

    Raises UsageError for names that match no file and options that cannot be meant, InputError for a file without ticks.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for day in (7, 8):
    ...         _ = Path(folder, f"SPY_{day}.csv").write_text(f"Date;Px\\n2013-10-0{day} 09:30:00;16{day}.5\\n")
    ...     feed = file(f"{folder}/SPY_*.csv", columns={"price": "Px"}, tz="America/New_York")
    ...     [rows.columns["price"].tolist() for rows in feed.rows()]
    [[167.5], [168.5]]
    """
    given = given_of(
        columns=dict(columns), time_unit=time_unit, time_format=time_format, tz=tz, day=day, price_scale=price_scale, symbol=symbol,
        sides=dict(sides), zero_is_absent=zero_is_absent, delimiter=delimiter, decimal=decimal or ".", header=header, names=tuple(names),
    )  # fmt: skip
    ends, pace = span(start, until), speed_of(speed)
    sources = found([paths] if isinstance(paths, str | PathLike) else paths)
    refuse_unread(sources, given if preset is None else given | {"preset": preset})
    feed = merged(opened(sources, preset, given))
    return paced(between(in_order(feed) if sort else feed, *ends), pace)


def given_of(**told: Any) -> dict[str, Any]:
    """What differs from the defaults of a reading."""
    return {name: value for name, value in told.items() if value != DEFAULTS[name]}


def found(paths: Sequence[StrPath]) -> list[Source]:
    """What is meant, in the order in which it is named; each once."""
    sources: list[Source] = []
    for path in paths:
        sources += [path] if isinstance(path, str) and names_feed(path) else matches(fspath(path))
    if not sources:
        raise UsageError("no file named")
    if twice := [source for place, source in enumerate(sources) if source in sources[:place]]:
        raise UsageError(f"{twice[0]} is named twice, so its ticks would count twice; name it once")
    return sources


def matches(pattern: str) -> list[Path]:
    """The files of a name or a glob."""
    if exists(pattern) or not any(sign in pattern for sign in "*?["):
        return recording(Path(pattern)) if isdir(pattern) else [Path(pattern)]
    names = sorted(glob(pattern, recursive=True))
    if not names:
        raise UsageError(f"no file matches {pattern!r}")
    return [Path(name) for name in names]


def recording(folder: Path) -> list[Path]:
    """The files of a tape that was recorded into a folder, in order of time; without one those of the frames, if they were kept."""
    # a crash, or a full disk, may leave one that has not begun
    begun = [path for path in sorted([*folder.glob("tape-*.arrow"), *folder.glob("*.frames")]) if path.stat().st_size]
    tape = [path for path in begun if path.suffix == ".arrow"] or begun
    if not tape:
        raise UsageError(f"{folder} is a folder without a recorded tape (tape-*.arrow); name its files: '{folder}/*.csv'")
    return tape


def refuse_unread(sources: Sequence[Source], given: Collection[str]) -> None:
    """Refuse settings where there is no file to read by them."""
    if given and not any(isinstance(source, Path) for source in sources):
        options = " and ".join("--no-header" if name == "header" else f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{sources[0]} is no file, and {options} would say how one is read; leave that out")


def opened(sources: Sequence[Source], preset: str | None, given: Mapping[str, Any]) -> list[Feed]:
    """The feeds, files as their names and the settings say; what only text has is for the text among them, if there is any."""
    formats = {source: format_of(source) for source in sources if isinstance(source, Path)}
    for_tables = {name: given[name] for name in given if name not in OF_TEXT} if any(form.is_text for form in formats.values()) else given
    feeds: list[Feed] = []
    guessed: list[tuple[Path, str]] = []
    for source in sources:
        if isinstance(source, str):
            feeds.append(open_feed(source))
        else:
            form = formats[source]
            feed = form.read(source, reading_by(preset, source, given if form.is_text else for_tables, form.is_text))
            guessed += [(source, symbol) for symbol in getattr(feed, "guessed", ())]
            # files that one recording has cut for their size
            joined = feeds[-1].with_next(feed) if feeds and hasattr(feeds[-1], "with_next") else None
            feeds = [*feeds, feed] if joined is None else [*feeds[:-1], joined]
    refuse_one_symbol(guessed)
    return feeds


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
