"""The text of a file in blocks of whole lines. What is damaged ends it, after the lines before."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from feeds.packed import Read, pieces
from pipeline.errors import InputError

__all__ = ["BLOCK_BYTES", "BOM", "TOO_LONG", "is_too_long", "line_blocks", "lines_with_text"]

BLOCK_BYTES = 1 << 19
LONGEST_LINE = 1 << 20
KEPT = LONGEST_LINE + 8
"""Of a longer line: it stays too long without a byte order mark and a CR."""
TOO_LONG = f"begins a line that is longer than {LONGEST_LINE:,} bytes; is this a text file?"
BOM = b"\xef\xbb\xbf"


def line_blocks(path: Path, size: int = BLOCK_BYTES, read: Read = lambda count: None) -> Iterator[bytes]:
    """Blocks of about `size` bytes or more that end with a line (the last line of a file may lack its line end).

    A line of more than 1 MiB is a block of its own, cut to little more than that: `is_too_long` knows it. Raises
    InputError for what cannot be read or unpacked, after the lines before it.
    """
    text, cut = b"", False
    for more in gathered(pieces(path, read), size):
        if cut:
            place = more.find(b"\n") + 1
            more, cut = more[place:] if place else b"", not place
        text += more
        end = text.rfind(b"\n") + 1
        yield from long_lines_apart(text[:end])
        text = text[end:]
        if len(text) >= KEPT:
            yield text[:KEPT] + b"\n"
            text, cut = b"", True
    yield from long_lines_apart(text)


def gathered(some: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pieces put together until they are of that size; what came before a fault is given before it."""
    held: list[bytes] = []
    count = 0
    try:
        for piece in some:
            held.append(piece)
            count += len(piece)
            if count >= size:
                yield b"".join(held)
                held, count = [], 0
    except InputError:
        yield b"".join(held)
        raise
    yield b"".join(held)


def long_lines_apart(text: bytes) -> Iterator[bytes]:
    """The lines in blocks, each that is too long alone, and cut; mostly all in one, for which a few line ends are looked at."""
    begin = start = 0
    while len(text) - start > LONGEST_LINE:
        end = text.rfind(b"\n", start, start + LONGEST_LINE + 1) + 1
        if not end:
            if start > begin:
                yield text[begin:start]
            end = text.find(b"\n", start) + 1 or len(text)
            yield text[start : min(start + KEPT, end)].removesuffix(b"\n") + b"\n"
            begin = end
        start = end
    if begin < len(text):
        yield text[begin:]


def is_too_long(text: bytes) -> bool:
    """Whether the first line of a text is one that has been cut."""
    return len(text) > LONGEST_LINE and text.find(b"\n", 0, LONGEST_LINE + 1) < 0


def lines_with_text(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number; without a byte order mark or a CR at the end."""
    number = 0
    for block in line_blocks(path, 1):
        for raw in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            line = raw.removeprefix(BOM) if number == 1 else raw
            if line.strip() or is_too_long(line):
                yield number, line.removesuffix(b"\r")
