"""How often something may be done, and how long to wait before the next try. Pure: the time comes in as an argument."""

from dataclasses import dataclass, field
from random import Random

from feeds.venues.venue import Limits

__all__ = ["Backoff", "Gates", "TokenBucket", "connect_bucket", "full_jitter", "request_bucket"]


@dataclass(slots=True)
class TokenBucket:
    """At most `burst` at once and `rate` a second: in any time [t, t + w) at most burst + rate * w, rounded up.

    >>> bucket = TokenBucket(rate=2.0, burst=1)
    >>> bucket.take(10.0), bucket.wait(10.0), bucket.wait(10.5)
    (True, 0.5, 0.0)
    """

    rate: float
    burst: int
    _full_at: float = field(default=float("-inf"), repr=False)
    _held_until: float = field(default=float("-inf"), repr=False)

    def wait(self, now: float) -> float:
        """Seconds until one may be taken; 0.0 for now."""
        return max(self._full_at - (self.burst - 1) / self.rate, self._held_until, now) - now

    def take(self, now: float) -> bool:
        """Take one, unless that would be too early."""
        if self.wait(now) > 0:
            return False
        self._full_at = max(self._full_at, now) + 1 / self.rate
        return True

    def hold(self, until: float) -> None:
        """Give none before then: the venue said so."""
        self._held_until = max(self._held_until, until)


def connect_bucket(limits: Limits) -> TokenBucket:
    """The connects that a venue allows: never more than `connects` in any `connects_seconds`, and not all of them at once.

    >>> connect_bucket(Limits(connects=3, connects_seconds=1.0))
    TokenBucket(rate=2.0, burst=2)
    """
    # one burst and what is refilled in the same time must fit: burst + rate * seconds = connects + 1, which [t, t + w) never reaches
    burst = (limits.connects + 1) // 2
    return TokenBucket((limits.connects + 1 - burst) / limits.connects_seconds, burst)


def request_bucket(limits: Limits) -> TokenBucket:
    """The messages that a venue allows to be sent, pings of its own kind included where it counts them."""
    return TokenBucket(limits.requests, max(limits.burst, 1))


@dataclass(frozen=True, slots=True)
class Gates:
    """What all connections to a venue pass: its limits on connects and on requests, and the stagger of the whole feed.

    Some venues count requests by connection, some by address; counting them by address is right for both.
    """

    connects: TokenBucket
    requests: TokenBucket
    stagger: TokenBucket

    def wait(self, now: float) -> float:
        """Seconds until a connect may be made."""
        return max(self.connects.wait(now), self.stagger.wait(now))

    def take(self, now: float) -> bool:
        """Make a connect, unless that would be too early."""
        return self.wait(now) <= 0 and self.connects.take(now) and self.stagger.take(now)


def full_jitter(random: Random, least: float, most: float, tries: int) -> float:
    """Seconds before the next try: anything up to `least` * 2^tries, or up to `most`.

    All of it is random, so that the many who were cut off together do not come back together.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.uniform(0.0, min(most, least * 2.0 ** min(tries, 60)))


@dataclass(slots=True)
class Backoff:
    """Full jitter over tries in a row, until something succeeds.

    >>> backoff = Backoff(Random(1), least=1.0, most=60.0)
    >>> [backoff.next() <= most for most in (1, 2, 4, 8)]
    [True, True, True, True]
    """

    random: Random
    least: float = 0.5
    most: float = 60.0
    tries: int = 0

    def next(self) -> float:
        """Seconds before the next try."""
        self.tries += 1
        return full_jitter(self.random, self.least, self.most, self.tries - 1)

    def reset(self) -> None:
        """It has worked."""
        self.tries = 0
