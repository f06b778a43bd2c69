"""What a connection wants done: the outputs of its state machine."""

from typing import NamedTuple

from feeds.live.arrivals import State
from feeds.venues.venue import Stream

__all__ = ["Action", "Deny", "Doubt", "HangUp", "Lose", "Open", "Replace", "Send", "Settled", "Stop", "Tell"]


class Open(NamedTuple):
    """Open a socket to this address, and report `opened` or `failed`."""

    url: str


class Send(NamedTuple):
    """Send this frame."""

    frame: str


class HangUp(NamedTuple):
    """Close the socket, or give up opening it; nothing that it says is heard any more."""


class Tell(NamedTuple):
    """Say that the connection is in this state, and why."""

    state: State
    reason: str


class Lose(NamedTuple):
    """Say that something of these streams may be missing from here on."""

    streams: tuple[Stream, ...]
    reason: str


class Deny(NamedTuple):
    """Say that the venue will not have these streams, for good."""

    streams: tuple[Stream, ...]
    reason: str


class Doubt(NamedTuple):
    """Say that these streams may have been dropped: they are silent, and asked for again."""

    streams: tuple[Stream, ...]
    reason: str


class Replace(NamedTuple):
    """Begin a successor now; this connection goes on until the successor has all its streams."""

    reason: str


class Settled(NamedTuple):
    """Every stream has been answered for: a connection that this one replaces can go."""


class Stop(NamedTuple):
    """It will not try again. `everything`: nor shall any other connection to the venue."""

    reason: str
    everything: bool = False


Action = Open | Send | HangUp | Tell | Lose | Deny | Doubt | Replace | Settled | Stop
