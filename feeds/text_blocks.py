"""The text of a file in blocks of whole lines, unpacked on the way. What is damaged ends it, after the lines before."""

import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from pipeline.errors import InputError

__all__ = ["BLOCK_BYTES", "line_blocks"]

BLOCK_BYTES = 1 << 21
LONGEST_LINE = 1 << 20
PACKED_BYTES = 1 << 15
GZIP_MAGIC, GZIP_FORMAT = b"\x1f\x8b", 31


def line_blocks(path: Path, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Blocks of at least `size` bytes that end with a line (the last line of a file may lack its line end).

    Raises InputError for what cannot be read or unpacked, and for a line of more than 1 MiB, after the lines before it.
    """
    held: list[bytes] = []
    fault: InputError | None = None
    count = 0
    try:
        for piece in pieces(path):
            held.append(piece)
            count += len(piece)
            if count >= size:
                text = b"".join(held)
                end = text.rfind(b"\n") + 1
                if end:
                    yield text[:end]
                held, count = [text[end:]], len(text) - end
                if count > LONGEST_LINE:
                    raise InputError(f"{path}: a line is longer than {LONGEST_LINE:,} bytes; is this a text file?")
    except InputError as error:
        fault = error
    text = b"".join(held)
    if fault:
        text = text[: text.rfind(b"\n") + 1]
    if text:
        yield text
    if fault:
        raise fault


def pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked if they are gzip."""
    try:
        with path.open("rb", buffering=0) as file:
            first = file.read(PACKED_BYTES)
            packed = first.startswith(GZIP_MAGIC)
            yield from unpacked(read(file, first, PACKED_BYTES), path) if packed else read(file, first, BLOCK_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def read(file: FileIO, first: bytes, size: int) -> Iterator[bytes]:
    yield first
    while piece := file.read(size):
        yield piece


def unpacked(packed: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """The text of gzip members one after another."""
    unpacker, begun = zlib.decompressobj(GZIP_FORMAT), False
    for piece in packed:
        left = piece
        while left:
            before, begun = unpacker.copy(), True
            try:
                yield unpacker.decompress(left)
            except zlib.error as error:
                yield from until_fault(before, left)
                raise InputError(f"{path}: the gzip data is damaged ({error}); the rows before that place stand") from error
            left = b""
            if unpacker.eof:
                left, begun = unpacker.unused_data.lstrip(b"\0"), False
                unpacker = zlib.decompressobj(GZIP_FORMAT)
    if begun:
        raise InputError(f"{path}: the gzip data ends in the middle, the file is truncated; the rows before that place stand")


def until_fault(unpacker: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """What comes out before the byte that is wrong."""
    try:
        for place in range(len(packed)):
            yield unpacker.decompress(packed[place : place + 1])
    except zlib.error:
        return
