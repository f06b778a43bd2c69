"""What a venue's words of refusal mean, where it has no codes for them, or beside its codes."""

import re
from collections.abc import Sequence
from typing import Literal

from feeds.venues.venue import Refusal, Stream

__all__ = ["Meaning", "refusal"]

Meaning = Literal["stream", "rate", "access"]

# whole phrases: a symbol in the text may be called RATE or AUTH
WAIT = re.compile(r"rate limit|msg rate|too many|too frequent|slow ?consume", re.IGNORECASE)
ACCESS = re.compile(r"authenti|authori|permission|\bjwt\b", re.IGNORECASE)
LONGEST = 300


def refusal(request: int | None, streams: Sequence[Stream], text: str, kind: Meaning | None = None) -> Refusal:
    """A refusal of a kind or, without one, of the kind its words tell; long words are cut, since they are a stranger's.

    >>> refusal(3, (), "Too many requests").kind
    'rate'
    >>> refusal(3, (), "Authentication Failed").kind
    'access'
    """
    told: Meaning = "rate" if WAIT.search(text) else "access" if ACCESS.search(text) else "stream"
    return Refusal(request, tuple(streams), kind or told, text[:LONGEST] or "no reason given")
