"""Frames as they came, with when, in files that a crash cannot spoil; and such files as a feed.

A line is one frame; only the last can be half written. The post-ingest tape is what promises the same alerts again: frames
promise what the venue said.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from feeds.live.counts import Counts
from feeds.live.ingress import Ingress
from feeds.live.line import Lines
from feeds.live.wrapped import Wrapped
from feeds.reading import Reading
from feeds.venues.json_mapping import json_fields
from feeds.venues.venue import BadFrame, Channel, Decoder, Said, Stream, Venue
from pipeline.alerts import format_time
from pipeline.errors import InputError, SinkError, UsageError
from pipeline.feed import Feed
from pipeline.ingest import RawRows
from pipeline.plugins import load
from pipeline.ticks import BATCH_ROWS

__all__ = ["FrameFile", "FrameWriter", "RecordedVenue", "frames"]

BYTES_A_FILE = 256 << 20
NO_LIMIT = 1 << 60
"""Of rows that wait: they are taken as they come, and none makes way."""
PLAIN = Reading()


class Header(msgspec.Struct, omit_defaults=True, rename={"format": "rxtape"}):
    """The first line of a file; `fields` is what names those of a venue that a configuration describes."""

    format: str
    venue: str
    streams: list[tuple[Channel, str]]
    fields: dict[str, Any] | None = None


class Frame(msgspec.Struct, omit_defaults=True):
    """A line: when it came (ns UTC), on which connection, and the frame (base64 where it is no text)."""

    at: int
    on: int
    text: str | None = None
    binary: str | None = None

    @property
    def frame(self) -> str | bytes:
        """As it came."""
        return self.text if self.text is not None else base64.b64decode(self.binary or "")


class FrameWriter:
    """Writes frames of one venue to `FOLDER/VENUE-TIME-N.frames`, a new one after each 256 MiB; numbers go on after those in the folder."""

    def __init__(
        self,
        folder: str | Path,
        venue: str,
        streams: Sequence[Stream],
        fields: dict[str, Any] | None = None,
        bytes_a_file: int = BYTES_A_FILE,
    ) -> None:
        self.folder, self.venue, self.streams, self.fields, self._bytes_a_file = Path(folder), venue, streams, fields, bytes_a_file
        self._file: BinaryIO | None = None
        self._written = 0
        self._encode = msgspec.json.Encoder().encode
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            numbers = (path.stem.rpartition("-")[2] for path in self.folder.glob(f"{venue}-*.frames"))
            self._files = max((int(number) for number in numbers if number.isdecimal()), default=0)
        except OSError as error:
            raise UsageError(f"{self.folder} cannot be made: {error.strerror or error}") from error

    def write(self, at: int, connection: int, frame: str | bytes) -> None:
        """Add a frame; it is on its way to the disk when this returns. Raises SinkError where it cannot be written."""
        line = self._encode(line_of(at, connection, frame)) + b"\n"
        try:
            if self._file is None:
                self._begin(at, line)
            else:
                self._written += written(self._file, line)
        except OSError as error:
            raise SinkError(f"the frames in {self.folder} cannot be written: {error.strerror or error}") from error
        if self._written >= self._bytes_a_file:
            self.close()

    def _begin(self, at: int, line: bytes) -> None:
        """A new file, with its first frame; none where the disk does not take both."""
        self._files += 1
        began = format_time(at // 10**9 * 10**9).translate(str.maketrans("", "", "-:"))
        path = self.folder / f"{self.venue}-{began}-{self._files:04}.frames"
        header = Header("frames 1", self.venue, [(each.channel, each.symbol) for each in self.streams], self.fields)
        file: BinaryIO = path.open("xb", buffering=0)
        try:
            self._written = written(file, self._encode(header) + b"\n" + line)
        except OSError:
            file.close()
            path.unlink()
            raise
        self._file = file

    def close(self) -> None:
        """Close the file under way."""
        if self._file is not None:
            self._file.close()
            self._file = None


def written(file: BinaryIO, data: bytes) -> int:
    """Write all of it: a full disk takes a part first, and says so at the next."""
    rest = memoryview(data)
    while len(rest):
        rest = rest[file.write(rest) :]
    return len(data)


def line_of(at: int, connection: int, frame: str | bytes) -> Frame:
    if isinstance(frame, str):
        return Frame(at, connection, frame)
    try:
        return Frame(at, connection, frame.decode())
    except UnicodeDecodeError:
        return Frame(at, connection, None, base64.b64encode(frame).decode())


@dataclass
class RecordedVenue(Wrapped):
    """A venue of which every frame is written down before it is read."""

    folder: str | Path
    now: Callable[[], int]
    writer: FrameWriter | None = None
    connections: int = 0

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """The venue's; they stand in the files."""
        found = self.venue.streams(symbols, channels)
        if self.writer is None:
            self.writer = FrameWriter(self.folder, self.name, found, self.fields)
        self.writer.streams = found
        return found

    def decoder(self) -> Decoder:
        """A reader that writes first."""
        assert self.writer is not None
        self.connections += 1
        return WritingDecoder(self.venue.decoder(), self.writer, self.now, self.connections)

    def close(self) -> None:
        """Close the file under way."""
        if self.writer is not None:
            self.writer.close()


@dataclass(slots=True)
class WritingDecoder:
    """Writes a frame, then reads it."""

    decoder: Decoder
    writer: FrameWriter
    now: Callable[[], int]
    connection: int

    def decode(self, frame: str | bytes) -> Sequence[Said]:
        """What the frame says."""
        self.writer.write(self.now(), self.connection, frame)
        return self.decoder.decode(frame)


@dataclass
class FrameFile:
    """Frames as a feed: each is read as it was live, at the time it came then; `counts` is what has come of them.

    Several files are those of one recording, cut for their size: what a venue has said in one is known in the next.
    """

    paths: tuple[Path, ...]
    venue: Venue
    streams: tuple[Stream, ...]
    counts: Counts = field(default_factory=Counts)
    _torn: list[Path] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        """The path of the first."""
        return str(self.paths[0])

    def with_next(self, other: Feed) -> "FrameFile | None":
        """This feed going on with another, where that is the next file of the same recording."""
        if not isinstance(other, FrameFile) or (self.venue.name, self.streams) != (other.venue.name, other.streams):
            return None
        here, there = (feed.paths[at].stem.rpartition("-")[2] for feed, at in ((self, -1), (other, 0)))
        follows = here.isdecimal() and there.isdecimal() and int(there) == int(here) + 1
        return FrameFile((*self.paths, *other.paths), self.venue, self.streams) if follows else None

    @property
    def quotes(self) -> bool:
        """Whether quotes were listened to."""
        return any(stream.channel == "quotes" for stream in self.streams)

    @property
    def columns(self) -> frozenset[str]:
        """Those of the live feed."""
        from feeds.live.feed import QUOTES, TRADES

        return TRADES | QUOTES if self.quotes else TRADES

    def rows(self) -> Iterator[RawRows]:
        """The rows; a half last line, which a crash leaves, is passed over. Raises InputError for a line that is no frame."""
        names = tuple(dict.fromkeys(stream.symbol for stream in self.streams))
        places = {name: place for place, name in enumerate(names, 1)}
        at = [0]
        lines = {self.venue.name: Lines("", self.venue.consecutive, places)}
        ingress = Ingress(lines, names, lambda: at[0], lambda: None, quotes=self.quotes, capacity=NO_LIMIT)
        self.counts, self._torn, in_order = ingress.counts, [], InOrder()
        fault = None
        try:
            for at[0] in self._heard(ingress):
                if len(ingress) >= BATCH_ROWS and (raw := ingress.take(BATCH_ROWS)) is not None:
                    yield in_order(raw)
        except InputError as error:
            fault = error
        while (raw := ingress.take(BATCH_ROWS)) is not None:
            yield in_order(raw)
        if fault is not None:
            raise fault

    def _heard(self, ingress: Ingress) -> Iterator[int]:
        """Let every frame be heard; when it came."""
        decoders: dict[int, Decoder] = {}
        name = f"{self.venue.name}/1"
        for frame in chain.from_iterable(lines_of(path, self._torn) for path in self.paths):
            yield frame.at
            decoder = decoders.setdefault(frame.on, self.venue.decoder())
            try:
                ingress.said(name, frame.at, decoder.decode(frame.frame))
            except BadFrame as bad:
                ingress.refused(name, frame.frame, bad.reason)

    def facts(self) -> list[tuple[str, str]]:
        """What the frames said that is no row, for the report."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.facts().items())
        torn = [("torn", f"the last line of {path} is cut, as by a crash, and was left out") for path in self._torn]
        return [("frames", counts or "nothing was heard"), *torn]


class InOrder:
    """Keeps rows that came late at the newest time before them, with their own beside, as a live run does."""

    def __init__(self) -> None:
        self._newest = 0

    def __call__(self, raw: RawRows) -> RawRows:
        time = raw.columns["time"]
        clamped = np.maximum(np.maximum.accumulate(time), self._newest)
        self._newest = int(clamped[-1])
        return RawRows(raw.columns | {"time": clamped, "event_time": raw.columns.get("event_time", time)}, raw.names, raw.source)


def lines_of(path: Path, torn: list[Path]) -> Iterator[Frame]:
    """The lines of a file; a half last one, which a crash leaves, is noted as `torn`."""
    decode: Any = msgspec.json.Decoder(Frame).decode
    with path.open("rb") as file:
        next(file)
        for number, line in enumerate(file, 2):
            try:
                yield decode(line)
            except msgspec.MsgspecError as error:
                if not line.endswith(b"\n"):
                    torn.append(path)
                    return
                raise InputError(f"{path}:{number} is no frame: {error}; expected one as rxtape record --raw writes them") from error


def frames(path: str | Path, reading: Reading = PLAIN) -> FrameFile:
    """A file of frames as a feed, read by the codec of the venue that its first line names.

    Raises InputError for a file that is none, UsageError where `reading` says anything, UnknownName for a venue nobody offers.
    """
    if reading != PLAIN:
        raise UsageError(f"{path} is a file of frames, which says itself how it is read; leave out the options of reading")
    try:
        with Path(path).open("rb") as file:
            header = msgspec.json.decode(file.readline(), type=Header)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{path} is no file of frames, as rxtape record --raw writes them: {error}") from error
    fields = header.fields
    venue: Venue = load("venue", header.venue)() if fields is None else json_fields(header.venue, fields)
    return FrameFile((Path(path),), venue, tuple(Stream(*each) for each in header.streams))
