"""State as bytes and back: dataclasses, dicts, tuples, text, numbers and plain arrays. Reading them runs no code.

magic 8 | version 4 | length of the head 4 | head (msgpack), filled up to 64 | arrays, each filled up to 64 | blake2b of it all 32

The head holds the tree, in which an array is its place among the arrays. Of a large array, blocks of 512 bytes that are
all zeros are left out, as most of a rule's memory and all room for further symbols is: a bit for each block, then the
rest. What a dataclass of this release has beyond the fields written gets its default, so a snapshot of before a field was
added is still good.
"""

import dataclasses
import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SnapshotMismatch

__all__ = ["from_bytes", "to_bytes"]

MAGIC, VERSION = b"rxsnap\r\n", 1
HEAD = struct.Struct("<8sII")
DIGEST = 32
ALIGNED = 64
BLOCK, LARGE = 512, 1 << 16
UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError, RecursionError)
PLAIN = (bool, int, float, str, bytes, type(None))

Array = NDArray[Any]


class Head(msgspec.Struct, frozen=True):
    """The tree, and for each array its type, its shape, where it begins and the blocks written; -1: all of it, without bits."""

    tree: Any
    arrays: list[tuple[str, list[int], int, int]]


def to_bytes(value: object) -> bytes:
    """A tree as bytes; TypeError names what cannot be kept.

    >>> from_bytes(to_bytes({"total": np.array([0.0, np.nan]), "names": ("SPY", "IBM")}), {})
    {'total': array([ 0., nan]), 'names': ('SPY', 'IBM')}
    """
    arrays: list[Array] = []
    tree = planted(value, arrays, "state")
    body: list[Any] = []
    entries, place = [], 0
    for array in arrays:
        blocks, parts = written(array)
        entries.append((array.dtype.str, list(array.shape), place, blocks))
        for part in parts:
            body += [part, bytes(-len(part) % ALIGNED)]
            place += len(part) + -len(part) % ALIGNED
    text = msgspec.msgpack.encode(Head(tree, entries))
    pieces = [HEAD.pack(MAGIC, VERSION, len(text)), text, bytes(-(HEAD.size + len(text)) % ALIGNED), *body]
    link = hashlib.blake2b(digest_size=DIGEST)
    for piece in pieces:
        link.update(piece)
    return b"".join([*pieces, link.digest()])


def written(array: Array) -> tuple[int, list[memoryview]]:
    """The bytes of an array to write, and how many blocks of it they are."""
    raw = array.reshape(-1).view(np.uint8) if array.nbytes else np.empty(0, np.uint8)
    if raw.nbytes < LARGE or raw.nbytes % BLOCK:
        return -1, [raw.data]
    blocks = raw.view(np.uint64).reshape(-1, BLOCK // 8)
    used = np.bitwise_or.reduce(blocks, axis=1) != 0
    return int(np.count_nonzero(used)), [np.packbits(used).data, blocks[used].reshape(-1).view(np.uint8).data]


def planted(value: object, arrays: list[Array], where: str) -> Any:
    """A value as its place in the tree."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufcSUmM":
            raise TypeError(f"{where} is an array of {value.dtype}; a snapshot keeps plain arrays of numbers, truth or text")
        arrays.append(value if value.flags.c_contiguous else value.copy(order="C"))
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        return {"dict": [(planted(key, arrays, f"{where} key"), planted(each, arrays, f"{where}[{key!r}]")) for key, each in value.items()]}
    if isinstance(value, tuple):
        if set(map(type, value)) <= {str}:
            return {"texts": value}
        return {"tuple": [planted(each, arrays, f"{where}[{place}]") for place, each in enumerate(value)]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {type(value).__name__: {name: planted(each, arrays, f"{where}.{name}") for name, each in fields.items()}}
    raise TypeError(f"{where} is {value!r:.60}, of which a snapshot cannot be made; keep it in arrays")


def from_bytes(data: bytes, classes: Mapping[str, type]) -> Any:
    """The tree of bytes; `classes` are the dataclasses that may occur. SnapshotMismatch says what is wrong with them.

    Arrays are read-only views of the bytes where they were written whole.
    """
    if len(data) < HEAD.size + DIGEST or data[: len(MAGIC)] != MAGIC:
        raise SnapshotMismatch(f"it is no snapshot: {len(data):,} bytes that begin {data[:8]!r}")
    _, version, length = HEAD.unpack_from(data)
    if version > VERSION:
        raise SnapshotMismatch(f"it is of version {version}, this release reads up to {VERSION}")
    if hashlib.blake2b(memoryview(data)[:-DIGEST], digest_size=DIGEST).digest() != data[-DIGEST:]:
        raise SnapshotMismatch("its bytes do not agree with its digest")
    try:
        head = msgspec.msgpack.decode(memoryview(data)[HEAD.size : HEAD.size + length], type=Head)
        begin = HEAD.size + length + -(HEAD.size + length) % ALIGNED
        arrays = [array_of(data, begin + place, dtype, shape, blocks) for dtype, shape, place, blocks in head.arrays]
        return grown(head.tree, arrays, classes)
    except UNREADABLE as error:
        raise SnapshotMismatch(f"it cannot be read by this release: {error}") from error


def array_of(data: bytes, begin: int, dtype: str, shape: list[int], blocks: int) -> Array:
    known = np.dtype(dtype)
    if known.hasobject:
        raise ValueError(f"an array of {known} is no plain array")
    count = int(np.prod(shape, dtype=np.int64))
    if blocks < 0:
        return np.frombuffer(data, known, count, begin).reshape(shape) if count else np.empty(shape, known)
    bits = np.frombuffer(data, np.uint8, (count * known.itemsize // BLOCK + 7) // 8, begin)
    array = np.zeros(shape, known)
    whole = array.reshape(-1).view(np.uint64).reshape(-1, BLOCK // 8)
    begin += len(bits) + -len(bits) % ALIGNED

    used = np.unpackbits(bits, count=len(whole)).view(np.bool_)
    whole[used] = np.frombuffer(data, np.uint64, blocks * BLOCK // 8, begin).reshape(-1, BLOCK // 8)
    return array


def grown(tree: Any, arrays: list[Array], classes: Mapping[str, type]) -> Any:
    """A value from its place in the tree."""
    if not isinstance(tree, dict):
        return tree
    ((what, inner),) = tree.items()
    if what == "array":
        return arrays[inner]
    if what == "texts":
        return tuple(inner)
    if what == "tuple":
        return tuple(grown(each, arrays, classes) for each in inner)
    if what == "dict":
        return {grown(key, arrays, classes): grown(each, arrays, classes) for key, each in inner}
    return classes[what](**{name: grown(each, arrays, classes) for name, each in inner.items()})
