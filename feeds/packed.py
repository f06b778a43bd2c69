"""The bytes of a file, unpacked on the way where they are gzip, zstd, or a zip with one member; what they hold tells, not the name."""

import struct
import zlib
from collections.abc import Callable, Iterator
from io import FileIO
from os import fstat
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from pipeline.errors import InputError

__all__ = ["BLOCK_BYTES", "STAND", "pieces"]

BLOCK_BYTES = 1 << 20
PACKED_BYTES = 1 << 15
BOMB_BYTES, BOMB_RATIO = 64 << 20, 500
"""Ticks pack by 3 to 30, a file of one row again and again by some 300. More than this is no tape."""
GZIP_MAGIC, ZSTD_MAGIC, ZIP_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK"
GZIP_FORMAT, DEFLATE_FORMAT = 31, -15
LOCAL_HEADER = struct.Struct("<4s22sHH")
STAND = "the rows before that place stand"
"""What messages say of damage, as long as the rows are judged in the order of the file."""
Read = Callable[[int], object]


def pieces(path: Path, read: Read = lambda count: None) -> Iterator[bytes]:
    """The bytes of a file, unpacked; `read` is told how many bytes of the file have been used each time.

    Raises InputError for what cannot be read or unpacked, after what comes before that place, and for a zip that is not
    one file of text.
    """
    try:
        with path.open("rb", buffering=0) as file:
            first = file.read(PACKED_BYTES)
            if first.startswith(GZIP_MAGIC):
                yield from sane(lambda used: gzip_members(chunks(file, first, PACKED_BYTES, used), path), path, read)
            elif first.startswith(ZSTD_MAGIC):
                yield from sane(lambda used: zstd_frames(path, used), path, read)
            elif first.startswith(ZIP_MAGIC) and first[2:4] in (b"\3\4", b"\5\6"):
                yield from sane(lambda used: zip_member(file, path, used), path, read)
            else:
                yield from plain(file, first, path, read)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def plain(file: FileIO, first: bytes, path: Path, read: Read) -> Iterator[bytes]:
    """What is not packed; a file that loses its end meanwhile must not pass for one whose last line is short."""
    size, seen = fstat(file.fileno()).st_size, 0
    for piece in chunks(file, first, BLOCK_BYTES, read):
        seen += len(piece)
        yield piece
    if seen < size:
        raise InputError(f"{path}: the file became shorter while it was read; {STAND}")


def sane(unpack: Callable[[Read], Iterator[bytes]], path: Path, read: Read) -> Iterator[bytes]:
    """What is unpacked, as long as it is not a bomb."""
    packed = unpacked = 0

    def used(count: int) -> None:
        nonlocal packed
        packed += count
        read(count)

    for piece in unpack(used):
        unpacked += len(piece)
        if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * packed:
            raise InputError(
                f"{path}: {packed:,} packed bytes became {unpacked:,} and more; no tape packs that well, so it is not unpacked further "
                f"(if it is one, unpack it first); {STAND}"
            )
        yield piece


def chunks(file: FileIO, first: bytes, size: int, read: Read) -> Iterator[bytes]:
    piece = first
    while piece:
        read(len(piece))
        yield piece
        piece = file.read(size)


def gzip_members(packed: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """The text of gzip members one after another; zeros behind one are padding, as they are to gzip itself."""
    unpacker, begun, ended = zlib.decompressobj(GZIP_FORMAT), False, False
    for piece in packed:
        left = piece.lstrip(b"\0") if ended and not begun else piece
        while left:
            begun = True
            yield from inflated(unpacker, left, path, "gzip")
            left = b""
            if unpacker.eof:
                left, begun, ended = unpacker.unused_data.lstrip(b"\0"), False, True
                unpacker = zlib.decompressobj(GZIP_FORMAT)
    if begun:
        raise InputError(f"{path}: the gzip data ends in the middle, the file is truncated; {STAND}")


def inflated(unpacker: "zlib._Decompress", packed: bytes, path: Path, kind: str) -> Iterator[bytes]:
    """What comes out of packed bytes, in pieces of bounded size."""
    while packed and not unpacker.eof:
        before = unpacker.copy()
        try:
            piece = unpacker.decompress(packed, BLOCK_BYTES)
        except zlib.error as error:
            yield from until_fault(before, packed)
            raise InputError(f"{path}: the {kind} data is damaged ({error}); {STAND}") from error
        packed = unpacker.unconsumed_tail
        yield piece


def until_fault(unpacker: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """What comes out before the byte that is wrong."""
    try:
        for place in range(len(packed)):
            yield unpacker.decompress(packed[place : place + 1])
    except zlib.error:
        return


def zstd_frames(path: Path, read: Read) -> Iterator[bytes]:
    """The text of zstd frames one after another."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "zstd") as stream:
        used = 0
        while True:
            try:
                piece = stream.read(PACKED_BYTES)
            except OSError as error:
                reason = str(error).partition(". Detail:")[0]
                raise InputError(f"{path}: the zstd data is damaged, or the file truncated ({reason}); {STAND}") from error
            now = min(file.tell(), file.size())
            read(now - used)
            used = now
            if not piece:
                return
            yield piece


def zip_member(file: FileIO, path: Path, read: Read) -> Iterator[bytes]:
    """The text of the one member of a zip."""
    member = only_member(file, path)
    file.seek(member.header_offset)
    header = file.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        raise InputError(f"{path}: the zip archive is damaged: its member does not begin where its list says")
    _, _, name, extra = LOCAL_HEADER.unpack(header)
    file.seek(name + extra, 1)
    left, crc, unpacker = member.compress_size, 0, zlib.decompressobj(DEFLATE_FORMAT)
    while left and (piece := file.read(min(left, PACKED_BYTES))):
        left -= len(piece)
        read(len(piece))
        for text in inflated(unpacker, piece, path, "zip") if member.compress_type == ZIP_DEFLATED else (piece,):
            crc = zlib.crc32(text, crc)
            yield text
    if left or crc != member.CRC or (member.compress_type == ZIP_DEFLATED and not unpacker.eof):
        raise InputError(f"{path}: the zip archive is damaged: {member.filename} does not have the check sum its list names; {STAND}")


def only_member(file: FileIO, path: Path) -> ZipInfo:
    """The one member of a zip; InputError where there is none, there are more, or it is not plain."""
    try:
        with ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except (BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise InputError(f"{path}: the zip archive is damaged or truncated ({error}); nothing can be read from it") from error
    names = ", ".join(member.filename for member in members)
    if len(members) != 1:
        raise InputError(f"{path}: a zip is read where it holds one file; this one holds {len(members)}: {names:.200}; unpack it first")
    member = members[0]
    if ".." in member.filename.replace("\\", "/").split("/") or member.filename.startswith(("/", "\\")):
        raise InputError(f"{path}: the member {member.filename!r} leads out of the archive; a zip like that is not read")
    if member.flag_bits & 1:
        raise InputError(f"{path}: the member {member.filename!r} is encrypted; unpack it first")
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise InputError(f"{path}: the member {member.filename!r} is packed in a way that is not read; unpack it first")
    return member
