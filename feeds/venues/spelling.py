"""How a venue spells its symbols, and what is said of a symbol that it cannot have."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from feeds.venues.venue import Channel, Stream
from pipeline.errors import UsageError

__all__ = ["Spelling"]


@dataclass(frozen=True, slots=True)
class Spelling:
    """The spelling of a venue's symbols, as a pattern; what does not match it may match it in capitals.

    >>> Spelling("coinbase", "[A-Z0-9]+-[A-Z0-9]+", "BTC-USD").streams(["btc-usd"], ["trades"])
    [Stream(channel='trades', symbol='BTC-USD')]
    """

    venue: str
    pattern: str
    example: str

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> list[Stream]:
        """A stream for every symbol and channel, each once; raises UsageError for what cannot be a symbol here."""
        spelt = dict.fromkeys(self.symbol(symbol) for symbol in symbols)
        return [Stream(channel, symbol) for symbol in spelt for channel in dict.fromkeys(channels)]

    def symbol(self, text: str) -> str:
        """The venue's spelling of a symbol as a user writes it."""
        # as written first: symbols of mixed case exist (AAPLx/USD on Kraken)
        for symbol in (text.strip(), text.strip().upper()):
            if re.fullmatch(self.pattern, symbol):
                return symbol
        raise UsageError(f"{text!r} cannot be a symbol of {self.venue}; expected one such as {self.example}")
