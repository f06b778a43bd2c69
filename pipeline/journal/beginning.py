"""Where a sink begins to follow a journal: where it was, if it still holds what it did then; else at the log's start, or its end."""

from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.journal.cursors import Cursor
from pipeline.journal.files import kept_beside
from pipeline.journal.frames import Content
from pipeline.journal.log import Journal
from pipeline.journal.payloads import alerts_of

__all__ = ["alerts_from", "beginning"]


def beginning(name: str, sink: Any, journal: Journal, known: Cursor | None, say: Callable[[object], None]) -> Cursor:
    """The first alert for a sink (`AlertSink` tells the kinds) of which the journal knows this, or nothing.

    `say` hears what a sink will not have, because the log does not reach back to it, and which one is filled again.
    """
    again = known is not None and (known.delivered > 0 or known.frame > journal.first)
    if getattr(sink, "anew", False):
        return from_the_start(name, journal, (lambda _: None) if known is not None and known.anew else say, anew=True)
    if hasattr(sink, "place_of"):
        kept = sink.place_of(journal.identity.hex())
        if kept is None:
            return from_the_start(name, journal, say, "does not hold any more what it did; it is filled again" if again else "")
        return going_on(stepped_back(known or Cursor(name, journal.first), place_of(kept), journal), journal, say)
    if hasattr(sink, "resume") and hasattr(sink, "position") and sink.position() is not None:
        if known is not None and known.position and sink.resume(known.position):
            return known
        why, aside = "", ""
        if again and known is not None:
            why = "does not hold any more what it did" if known.position else "goes back with the journal, which was repaired"
            aside = kept_beside(getattr(sink, "destination", "")) if journal.first > 1 else ""
        sink.resume("")
        return from_the_start(name, journal, say, f"{why}; it is written anew" if why else "", aside)
    if known is None and not getattr(sink, "idempotent", False):
        return Cursor(name, journal.synced + 1)
    return from_the_start(name, journal, say) if known is None else going_on(known, journal, say)


def from_the_start(
    name: str, journal: Journal, say: Callable[[object], None], why: str = "", aside: str = "", *, anew: bool = False
) -> Cursor:  # fmt: skip
    """The log's start; said, with why, unless the sink is new and the log has its beginning."""
    first = journal.first
    missing = f"are in {aside} only" if aside else "are not in it"
    begins = f", which begins with frame {first:,}: alerts of the frames before, if there were any, {missing}" if first > 1 else ""
    if why or begins:
        say(f"{name} {why or 'is new, and gets what there is'} from the journal{begins}")
    return Cursor(name, first, anew=anew)


def place_of(kept: str) -> tuple[int, int]:
    """A frame and a place in it, as `write_at` was given them."""
    frame, _, index = kept.partition(".")
    return int(frame), int(index or 0)


def stepped_back(known: Cursor, place: tuple[int, int], journal: Journal) -> Cursor:
    """The cursor, or where the sink is if that is before it: what is given again is not counted twice.

    A repair takes back the cursor only, and nothing is taken twice.
    """
    if place >= (known.frame, known.index):
        return known
    start, again = max(place, (journal.first, 0)), 0
    if start < (known.frame, known.index):
        again = alerts_from(journal, *start) - alerts_from(journal, known.frame, known.index)
    return msgspec.structs.replace(known, frame=place[0], index=place[1], delivered=max(known.delivered - again, 0))


def going_on(cursor: Cursor, journal: Journal, say: Callable[[object], None]) -> Cursor:
    """The cursor, or the log's start where retention has removed that: the reader of a pipe had left, or somebody had a sink forgotten."""
    first = journal.first
    if cursor.frame < first:
        say(f"{cursor.sink} goes on with frame {first:,} of the journal; what was before it since frame {cursor.frame:,} is gone")
        cursor = msgspec.structs.replace(cursor, frame=first, index=0)
    return msgspec.structs.replace(cursor, status="well", error="") if cursor.status == "left" else cursor


def alerts_from(journal: Journal, frame: int, index: int) -> int:
    """How many alerts of a log that are on the disk come from a place on."""
    found = 0
    for each in journal.reader(frame).frames(journal.synced) if frame <= journal.synced else ():
        if each.content is Content.ALERTS:
            found += len(alerts_of(each)) - (index if each.seq == frame else 0)
    return found
