"""How a segment looks in bytes: a head, then frames, each chained to the one before it.

segment  magic 8 | format 4 | size of the head 4 | journal 16 | first seq 8 | digest before it 32 | needs 24 | digest 32
frame    magic 4 | length 4 | content 1 | version 1 | 0 2 | seq 8 | durable 8 | crc of these 4 | payload, filled up to 8 | digest 32

The digest of a frame is blake2b of the digest before it, the head, and blake3 of the rest: a frame that is changed, left out,
moved or added breaks the chain, and rows are digested at the speed of copying them. In format 1, of early builds, it is blake2b of
the digest before it and the whole frame. `durable` is the frame up to which the log was on the disk when this one was written. It
tells a tail that a power cut tore (the frames after the tear never knew the torn one to be durable) from damage.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from blake3 import blake3

from pipeline.errors import JournalTooNew

__all__ = ["DIGEST", "FRAME", "MOST_BYTES", "SEGMENT", "VERSIONS", "Content", "Frame", "Record", "SegmentHead", "SegmentReader", "pack"]


class Content(IntEnum):
    """What a frame holds."""

    TICKS = 1
    ALERTS = 2
    CONFIG = 3


VERSIONS = {Content.TICKS: 1, Content.ALERTS: 1, Content.CONFIG: 1}
"""The newest version of each that this release writes; it reads all older ones."""
FORMAT = 2
NEEDS = "0.1"
"""The first release that reads what this one writes."""

MAGIC, FRAME_MAGIC = b"rxtape\r\n", b"rxF\n"
HEAD = struct.Struct("<8sII16sQ32s24s")
FRAME_HEAD = struct.Struct("<4sIBBHQQ")
CRC = struct.Struct("<I")
DIGEST = 32
SEGMENT = HEAD.size + DIGEST
FRAME = FRAME_HEAD.size + CRC.size
MOST_BYTES = 1 << 30
CHUNK = 4 << 20
NOTHING = bytes(8)


@dataclass(frozen=True, slots=True)
class Record:
    """What goes into a frame: bytes, and how to read them."""

    content: Content
    payload: bytes | memoryview
    version: int = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that was read: its place in the log, what it holds, and the digest of the log up to it."""

    seq: int
    content: Content
    version: int
    payload: memoryview
    digest: bytes
    durable: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """What a segment says of itself."""

    journal: bytes
    first: int
    previous: bytes
    needs: str = NEEDS
    version: int = FORMAT

    def pack(self) -> bytes:
        """Its bytes."""
        head = HEAD.pack(MAGIC, self.version, SEGMENT, self.journal, self.first, self.previous, self.needs.encode())
        return head + digest_of(b"", head)

    @classmethod
    def unpack(cls, data: bytes, path: object) -> "SegmentHead | None":
        """The head at the beginning of a file, None where there is none; JournalTooNew where another release is needed."""
        if len(data) < SEGMENT or data[: len(MAGIC)] != MAGIC or digest_of(b"", data[: HEAD.size]) != data[HEAD.size : SEGMENT]:
            return None
        _, version, _, journal, first, previous, needs = HEAD.unpack_from(data)
        head = cls(journal, first, previous, needs.rstrip(b"\0").decode(errors="replace"), version)
        if version > FORMAT:
            what = f"{path} is a journal of format {version}, this release reads up to {FORMAT}"
            raise JournalTooNew(f"{what}: it needs rxtape >= {head.needs}")
        return head

    @property
    def seed(self) -> int:
        """What the checksums of this journal's frame heads begin with, so that another journal's frames are none here."""
        return zlib.crc32(self.journal)


def pack(record: Record, seq: int, durable: int, previous: bytes, seed: int) -> tuple[bytes, bytes | memoryview, bytes]:
    """A frame: its head, its payload, and what follows that, which ends with the digest."""
    length = len(record.payload)
    head = FRAME_HEAD.pack(FRAME_MAGIC, length, record.content, record.version, 0, seq, durable)
    head += CRC.pack(zlib.crc32(head, seed))
    filler = NOTHING[: -length % 8]
    return head, record.payload, filler + digest_of(previous, head + blake3(record.payload).update(filler).digest())


def digest_of(previous: bytes, data: bytes | memoryview) -> bytes:
    """The next link of the chain."""
    link = hashlib.blake2b(previous, digest_size=DIGEST)
    link.update(data)
    return link.digest()


def digest_of_frame(previous: bytes, frame: memoryview, version: int) -> bytes:
    """The link that a frame without its digest makes in a segment of a format."""
    return digest_of(previous, frame if version == 1 else bytes(frame[:FRAME]) + blake3(frame[FRAME:]).digest())


def size_of(length: int) -> int:
    """How many bytes a frame of a payload has."""
    return FRAME + length + -length % 8 + DIGEST


class SegmentReader:
    """The frames of a segment, each checked against the chain; it stops at the first that is not good, and `problem` says why.

    `read(start, count)` gives bytes of the segment. `seq`, `digest` and `offset` are where the good part ends.
    """

    def __init__(self, read: Callable[[int, int], bytes], head: SegmentHead, path: object = "segment") -> None:
        self.head, self.path, self.problem = head, path, ""
        self.offset, self.seq, self.digest = SEGMENT, head.first - 1, head.previous
        self._read, self._chunk, self._begin = read, b"", SEGMENT

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.next()) is not None:
            yield frame

    def next(self) -> Frame | None:
        """The next frame; None at the end, or where none is good."""
        self.problem = ""
        head = self._bytes(FRAME)
        if not head:
            return None
        found = frame_head(head, self.head.seed)
        if found is None:
            self.problem = "zeros instead of a frame" if not any(head) else "no frame begins there"
            return None
        length, content, version, seq, durable = found
        if seq != self.seq + 1:
            self.problem = f"frame {seq:,} stands where {self.seq + 1:,} is expected"
            return None
        whole = self._bytes(size_of(length))
        if len(whole) < size_of(length):
            self.problem = f"frame {seq:,} is cut off: {len(whole):,} of {size_of(length):,} bytes are there"
            return None
        digest = bytes(whole[-DIGEST:])
        if digest_of_frame(self.digest, whole[:-DIGEST], self.head.version) != digest:
            self.problem = f"the bytes of frame {seq:,} do not agree with its digest"
            return None
        self._known(content, version, seq)
        frame = Frame(seq, Content(content), version, whole[FRAME : FRAME + length], digest, durable, self.offset, len(whole))
        self.offset, self.seq, self.digest = self.offset + len(whole), seq, digest
        return frame

    def once_more(self) -> Frame | None:
        """The frame where the good part ends, as the file is now."""
        self._chunk, self._begin = b"", self.offset
        return self.next()

    def durable_beyond(self) -> int:
        """The offset of a frame, after the good part, that was written when the frame missing there was on the disk; else -1."""
        rest = self._read(self.offset, -1)
        at = rest.find(FRAME_MAGIC)
        while at >= 0:
            found = frame_head(memoryview(rest)[at : at + FRAME], self.head.seed)
            if found is not None and (found[4] > self.seq or (at == 0 and found[3] != self.seq + 1)):
                return self.offset + at
            at = rest.find(FRAME_MAGIC, at + 1)
        return -1

    def _bytes(self, count: int) -> memoryview:
        start = self.offset - self._begin
        if len(self._chunk) - start < count:
            self._chunk, self._begin, start = self._read(self.offset, max(count, CHUNK)), self.offset, 0
        return memoryview(self._chunk)[start : start + count]

    def _known(self, content: int, version: int, seq: int) -> None:
        newest = VERSIONS.get(content, 0)  # type: ignore[call-overload]
        if not 0 < version <= newest:
            what = f"{Content(content).name} version {version}, this release reads up to {newest}" if newest else f"unknown ({content})"
            raise JournalTooNew(f"{self.path}: the content of frame {seq:,} is {what}: it needs rxtape >= {self.head.needs}")


def frame_head(data: memoryview, seed: int) -> tuple[int, int, int, int, int] | None:
    """Length, content, version, seq and durable of a frame's head, None where it is none."""
    if len(data) < FRAME or CRC.unpack_from(data, FRAME_HEAD.size)[0] != zlib.crc32(data[: FRAME_HEAD.size], seed):
        return None
    magic, length, content, version, zero, seq, durable = FRAME_HEAD.unpack_from(data)
    return None if magic != FRAME_MAGIC or zero or length > MOST_BYTES else (length, content, version, seq, durable)
