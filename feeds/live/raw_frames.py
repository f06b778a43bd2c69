"""Frames as they came, with when, in files that a crash cannot spoil: a line is one frame, and only the last can be half written."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from feeds.live.secrecy import hidden, secrets_of
from feeds.live.wrapped import Wrapped
from feeds.venues.venue import Channel, Decoder, Said, Stream
from pipeline.alerts import format_time
from pipeline.errors import SinkError, UsageError

__all__ = ["Frame", "FrameWriter", "Header", "RecordedVenue"]

BYTES_A_FILE = 256 << 20


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
        return WritingDecoder(self.venue.decoder(), self.writer, self.now, self.connections, secrets_of(self.venue))

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
    secrets: tuple[str, ...]

    def decode(self, frame: str | bytes) -> Sequence[Said]:
        """What the frame says."""
        self.writer.write(self.now(), self.connection, hidden(frame, self.secrets) if self.secrets else frame)
        return self.decoder.decode(frame)
