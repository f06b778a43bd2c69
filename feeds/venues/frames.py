"""From a frame to what it says: a first look guesses the kind, a typed decoder of that kind confirms it, a slow look decides the rest."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from feeds.venues.venue import BadFrame, Said, Trades, Unknown

__all__ = ["NAMED_KIND", "UNREADABLE", "FrameReader", "Kind", "Read", "kind", "read_as", "shown", "utf8", "word"]

T = TypeVar("T")
Read = Callable[[bytes], Any]
TREE = msgspec.json.Decoder()
# what a decoder raises: malformed and mistyped JSON and bytes that are no text are ValueErrors
UNREADABLE = (ValueError, RecursionError)
WHERE = re.compile(r" - at `(?:key in )?\$?(.*)`$", re.DOTALL)
STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")
MISSING = re.compile(r"missing required field `(.*)`", re.DOTALL)
EXPECTED = re.compile(r"^Expected (.*?)(?:, got `.*`)?$", re.DOTALL)
NAMES = {"float": "a number", "int": "a whole number", "str": "text", "bool": "true or false", "object": "an object", "array": "an array"}
UNBOUNDED = (" >= -1.7976931348623157e+308", " that is finite")
WRITTEN = re.compile(r"`(\w+)`")
BETWEEN = b"}\n{"
LONGEST = 300
NAMED_KIND = 40
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of message: how it is read, and what it says. Numbers may stand in quotes; fields that nobody names are passed over.

    A type must refuse messages of every other kind (by its tag, a literal, or its required fields), since a first look may err.
    Messages of one trade each may have `read_lines` and `trades`, for many of them at once; None where one of them says anything else.
    """

    read: Callable[[bytes], T]
    says: Callable[[T], Sequence[Said]]
    read_lines: Callable[[bytes], list[T]] | None = None
    trades: Callable[[list[T]], Trades | None] | None = None


def read_as(type_: type[T]) -> Callable[[bytes], T]:
    """The reading of a frame as a msgspec type: one decoder for all of them.

    >>> read_as(dict[str, float])(b'{"price":"61837.63"}')
    {'price': 61837.63}
    """
    return msgspec.json.Decoder(type_, strict=False).decode


def kind(type_: type[T], says: Callable[[T], Sequence[Said]], trades: Callable[[list[T]], Trades | None] | None = None) -> Kind[T]:
    """The kind of message that a msgspec type describes."""
    decoder = msgspec.json.Decoder(type_, strict=False)
    return Kind(decoder.decode, says, decoder.decode_lines, trades)


@dataclass(frozen=True, slots=True)
class FrameReader:
    """A Decoder out of the kinds of messages a venue sends.

    `look` guesses a kind from the bytes, None where it cannot, and may be wrong; `kind_of` tells the kind of a JSON value for
    sure, and raises BadFrame for a value that is no message at all. Kinds not in `kinds` are Unknown.

    >>> from feeds.venues.venue import Notice
    >>> kinds = {"beat": kind(dict, lambda message: [Notice("alive")])}
    >>> reader = FrameReader(kinds, lambda frame: None, lambda tree: word(tree["kind"]))
    >>> reader.decode('{"kind":"beat"}'), reader.decode('{"kind":"other"}')
    ([Notice(kind='alive', text='')], [Unknown(kind='other')])
    """

    kinds: Mapping[str, Kind[Any]]
    look: Callable[[bytes], str | None]
    kind_of: Callable[[Any], str]

    def decode(self, frame: str | bytes) -> Sequence[Said]:
        """What a frame says; raises BadFrame."""
        raw = frame if isinstance(frame, bytes) else utf8(frame)
        guess = self.kinds.get(self.look(raw) or "")
        if guess is not None:
            try:
                message = guess.read(raw)
            except UNREADABLE:
                return self.examined(raw)
            return guess.says(message)
        return self.examined(raw)

    def decode_together(self, frames: Sequence[bytes]) -> Trades | None:
        """The trades that frames of one kind say, read as lines of one text; None where `decode` has to read them.

        Between two frames stands `}`, an end of line, `{`, which no JSON value has inside of it: each frame is whole messages,
        and where they are as many as the frames, one in each.
        """
        guess = self.kinds.get(self.look(frames[0]) or "")
        if guess is None or guess.trades is None or guess.read_lines is None:
            return None
        text = b"\n".join(frames)
        if text.count(BETWEEN) != len(frames) - 1 or text.count(b"\n") != len(frames) - 1:
            return None
        try:
            messages = guess.read_lines(text)
        except UNREADABLE:
            return None
        return guess.trades(messages) if len(messages) == len(frames) else None

    def examined(self, raw: bytes) -> Sequence[Said]:
        try:
            tree = TREE.decode(raw)
        except UNREADABLE as error:
            raise BadFrame(f"found {shown(raw)}, expected JSON: {str(error)[:100]}") from None
        name = self.kind_of(tree)
        found = self.kinds.get(name)
        if found is None:
            return [Unknown(name[:NAMED_KIND])]
        try:
            message = found.read(raw)
        except UNREADABLE as error:
            raise BadFrame(f"{name}: {reason_of(str(error), tree)}") from None
        return found.says(message)


def utf8(frame: str) -> bytes:
    try:
        return frame.encode()
    except UnicodeEncodeError as error:
        raise BadFrame(f"found half a character at {error.start}, expected Unicode text") from None


def word(value: Any) -> str:
    """The word by which a message names its kind; a value that is no text is none.

    >>> word("trade"), word(None)
    ('trade', 'of no name')
    """
    return value if isinstance(value, str) else "of no name"


def shown(value: object) -> str:
    """A value as a message may show it: in one line, and short; never a whole tree, which may be deep."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return repr(value[:SHOWN] if isinstance(value, str | bytes) else value)[: SHOWN + 10]


def reason_of(error: str, tree: Any) -> str:
    """The words of a decoder, with the field and what stands there."""
    place = WHERE.search(error)
    path, words = (place[1].lstrip("."), error[: place.start()]) if place else ("", error)
    holder = value_at(tree, path)
    missing = MISSING.search(words)
    if missing:
        field = f"{path}.{missing[1]}".lstrip(".")
        return f"field {field} is missing; found {', '.join(holder) if holder and isinstance(holder, dict) else 'nothing'}"[:LONGEST]
    expected = EXPECTED.match(words)
    wanted = WRITTEN.sub(lambda name: NAMES.get(name[1], name[1]), expected[1]) if expected else "a word that is documented"
    return f"field {path or 'itself'}: found {shown(holder)}, expected {wanted.replace(*UNBOUNDED)}"[:LONGEST]


def value_at(tree: Any, path: str) -> Any:
    """What stands at a decoder's path; where the path names any item of several, all of them."""
    for key, place in STEP.findall(path):
        if isinstance(tree, dict) and key in tree:
            tree = tree[key]
        elif isinstance(tree, list) and place.isdigit() and int(place) < len(tree):
            tree = tree[int(place)]
        else:
            break
    return tree
