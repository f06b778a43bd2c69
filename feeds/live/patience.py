"""How long a connection waits for what, in seconds, and how much it bears."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Patience", "always"]

MEBIBYTE = 2**20


def always() -> bool:
    """A market that never closes."""
    return True


@dataclass(frozen=True, slots=True)
class Patience:
    """What a connection is kept by.

    `stale_after`: seconds without market data until a stream is doubted; `reconnect_after` times that until a connection is
    given up of which no stream speaks; `longest_silence` is what doubting a quiet stream may grow to.
    `market_open` says whether market data is to be expected now; silence is counted only while it says so.
    `answer_within`: an acknowledgement, or a login; `open_within`: a handshake; `close_within`: a goodbye.
    `least_backoff`, `most_backoff`: the first and the longest span of full jitter; `longest_wait`: what a venue may make us wait.
    `overlap`: how long the old connection is read on when its successor has all its streams.
    `suspended_after`: a clock that jumps by this much means that the process, or the machine, slept.
    `max_size`: bytes of the longest message. `ping_every` and `pong_within`: pings of the websocket itself, which tell a half-open line.
    """

    stale_after: float = 30.0
    reconnect_after: float = 2.0
    longest_silence: float = 3600.0
    market_open: Callable[[], bool] = always
    answer_within: float = 10.0
    open_within: float = 10.0
    close_within: float = 2.0
    least_backoff: float = 0.5
    most_backoff: float = 60.0
    longest_wait: float = 3600.0
    overlap: float = 2.0
    suspended_after: float = 15.0
    max_size: int = 8 * MEBIBYTE
    ping_every: float = 20.0
    pong_within: float = 20.0

    @staticmethod
    def borne(bears: float, least: float, silence: float) -> float:
        """How many seconds of silence to bear from now on, after one that ended by itself.

        Who speaks often is soon doubted as before; who speaks seldom is left in peace.

        >>> Patience.borne(200.0, 30.0, silence=70.0), Patience.borne(200.0, 30.0, silence=5.0), Patience.borne(30.5, 30.0, silence=5.0)
        (200.0, 194.0, 30.0)
        """
        return bears if silence > bears / 4 else max(bears * 0.97, least)
