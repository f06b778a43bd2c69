"""The text of a file in blocks of whole lines. What is damaged ends it, after the lines before."""

from collections.abc import Iterator
from pathlib import Path

from feeds.packed import Read, pieces
from pipeline.errors import InputError

__all__ = ["BLOCK_BYTES", "BOM", "line_blocks", "lines_with_text"]

BLOCK_BYTES = 1 << 19
LONGEST_LINE = 1 << 20
BOM = b"\xef\xbb\xbf"


def line_blocks(path: Path, size: int = BLOCK_BYTES, read: Read = lambda count: None) -> Iterator[bytes]:
    """Blocks of at least `size` bytes that end with a line (the last line of a file may lack its line end).

    Raises InputError for what cannot be read or unpacked, and for a line of more than 1 MiB, after the lines before it.
    """
    held: list[bytes] = []
    fault: InputError | None = None
    count = 0
    try:
        for piece in pieces(path, read):
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


def lines_with_text(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number; without a byte order mark or a CR at the end."""
    number = 0
    for block in line_blocks(path, 1):
        for raw in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            line = raw.removeprefix(BOM) if number == 1 else raw
            if line.strip():
                yield number, line.removesuffix(b"\r")
