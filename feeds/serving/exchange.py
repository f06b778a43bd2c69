"""The port to an exchange that is played: how it spells symbols, answers requests, and tells trades and quotes.

An exchange is data and pure functions. A session is one connection: the only state it keeps is what was subscribed.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from feeds.serving.market import Event, Market

__all__ = ["Answer", "Exchange", "Frame", "Session"]


class Frame(NamedTuple):
    """A frame to send. `replaces` names what it tells anew (the top of a book): an older frame of that name may be left out."""

    text: str
    replaces: str = ""


class Answer(NamedTuple):
    """What a request is answered with, and what the one who runs the server should know of it."""

    frames: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Session(Protocol):
    """One connection."""

    @property
    def listens(self) -> bool:
        """Whether it has subscribed to anything."""

    def opened(self) -> Answer:
        """What a client is told at once, before it has asked for anything."""

    def heard(self, text: str | bytes) -> Answer:
        """The answer to a request; never raises, whatever the text is."""

    def told(self, event: Event) -> Iterable[Frame]:
        """The frames of a trade or quote that this connection has subscribed to."""

    def alive(self) -> Iterable[Frame]:
        """What is said once a second, whether or not anything happens."""


class Exchange(Protocol):
    """An exchange."""

    @property
    def name(self) -> str:
        """As in `binance:SPY`."""

    @property
    def unknown_side(self) -> str:
        """What the aggressor of a trade is said to have done where the tape does not tell, and the format has no word for that."""

    def spelt(self, symbol: str) -> str:
        """A symbol of the tape as this exchange writes it; UsageError where it cannot."""

    def session(self, path: str, market: Market) -> Session | None:
        """A connection to this path (with its query); None where the exchange has nothing there."""
