"""Files of frames as they came, as a feed.

The post-ingest tape is what promises the same alerts again: frames promise what the venue said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from feeds.live.counts import Counts
from feeds.live.feed import QUOTES, TRADES
from feeds.live.ingress import Ingress
from feeds.live.line import Lines
from feeds.live.raw_frames import Frame, Header
from feeds.reading import Reading
from feeds.venues.json_mapping import json_fields
from feeds.venues.venue import BadFrame, Decoder, Stream, Venue
from pipeline.errors import InputError, UsageError
from pipeline.feed import Feed
from pipeline.ingest import RawRows
from pipeline.plugins import load
from pipeline.ticks import BATCH_ROWS

__all__ = ["FrameFile", "frames"]

NO_LIMIT = 1 << 60
"""Of rows that wait: they are taken as they come, and none makes way."""
PLAIN = Reading()


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
            if frame.on not in decoders:
                decoders[frame.on] = self.venue.decoder()
            try:
                ingress.said(name, frame.at, decoders[frame.on].decode(frame.frame))
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
