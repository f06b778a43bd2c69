"""The life of one connection, without I/O: what has happened goes in, what is to be done comes out.

                     opened                  market data, or all answered
    CONNECTING ------------> SUBSCRIBING ------------------------------> LIVE <---> STALE (no stream speaks)
        ^   |                     |                                       |           |
        |   | failed              | ended                                 | ended     | ended, or still silent
        |   v                     v                                       v           v
        +-- BACKOFF <----------- GAP <------------------------------------+-----------+

and from each of them STOPPED: closed, replaced, or access refused. Times are seconds of a monotonic clock.
"""

from collections.abc import Iterable, Sequence
from random import Random

from feeds.live.actions import Action, Deny, Doubt, HangUp, Lose, Open, Replace, Send, Settled, Stop, Tell
from feeds.live.arrivals import State
from feeds.live.limits import Backoff, Gates
from feeds.live.logins import Logins
from feeds.live.patience import Patience
from feeds.live.refusals import Verdict, plain
from feeds.live.subscriptions import FOREVER, NEVER, Subscriptions, names
from feeds.venues.venue import Notice, Quote, Refusal, Reply, Said, Stream, Trade, Venue

__all__ = ["Connection"]

TALKING = ("subscribing", "live", "stale")


class Connection:
    """One connection under one name, through all its sockets, until it is replaced or stopped.

    `due` is when `tick` is wanted next; `settled`: it is open, and every stream is held. `tries` of connections that this one
    replaces, if they had no success, delay the first.
    """

    def __init__(self, venue: Venue, streams: Sequence[Stream], patience: Patience, gates: Gates, random: Random, tries: int = 0) -> None:
        self.venue, self.patience, self.gates, self.random = venue, patience, gates, random
        self.subscriptions = Subscriptions(streams, venue.limits, patience, random)
        self.backoff = Backoff(random, patience.least_backoff, patience.most_backoff, tries)
        self.state: State = "connecting"
        self.over = self.replaced = False
        self.due = FOREVER
        self._opening = self._replacing = self.settled = False
        self._asks = self._reading = True
        self._number, self._reason, self._standing = 0, "not begun", ""
        self._logins = Logins((), 0.0, patience.answer_within)
        self._replace_at = self._ping_at = FOREVER
        self._steps = (self._log_in, self._ping, self._check_answers, self._check_silence, self._ask, self._check_age)
        self._spoke = self._floor = NEVER
        self._bears = self._least = patience.stale_after * patience.reconnect_after

    # what happens

    def start(self, now: float) -> list[Action]:
        """Begin to connect, as soon as the gates let it."""
        self.due = now + (self.backoff.next() if self.backoff.tries else 0.0)
        return self.tick(now)

    def opened(self, now: float) -> list[Action]:
        """The socket is open."""
        if self.over or not self._opening:
            return []
        limits = self.venue.limits
        self._opening, self._replacing, self.settled, self._reading = False, False, False, True
        self._logins = Logins(self.venue.logins(), now, self.patience.answer_within)
        self._replace_at = now + limits.session_seconds * self.random.uniform(0.9, 0.98)
        self._ping_at = FOREVER if limits.ping is None else now + limits.ping_seconds
        self._spoke, self._floor = NEVER, now
        self.subscriptions.begin(now)
        return [*self._into("subscribing", ""), *self.tick(now)]

    def failed(self, now: float, verdict: Verdict) -> list[Action]:
        """The socket could not be opened."""
        return [] if self.over or not self._opening else self._down(now, verdict)

    def ended(self, now: float, verdict: Verdict) -> list[Action]:
        """The socket has closed, whoever closed it."""
        return [] if self.over or self.state not in TALKING else self._down(now, verdict)

    def heard(self, now: float, items: Sequence[Said]) -> list[Action]:
        """A frame has said these. It is written for market data, which costs a look at each item."""
        if self.state not in TALKING:
            return []
        actions, subscriptions, fresh = list[Action](), self.subscriptions, False
        for item in items:
            if isinstance(item, Trade | Quote):
                each = (subscriptions.trades if type(item) is Trade else subscriptions.quotes).get(item.symbol)
                if each is not None:
                    subscriptions.spoke(now, each, item.old)
                    fresh = fresh or not item.old
            elif isinstance(item, Reply | Refusal | Notice):
                actions += self._answered(now, item)
        return actions + self._fresh(now) if fresh and self.state in TALKING else actions

    def traded(self, now: float, symbols: Iterable[str]) -> list[Action]:
        """Frames have told trades of these symbols, none of them old."""
        if self.state not in TALKING:
            return []
        known = [each for each in map(self.subscriptions.trades.get, symbols) if each is not None]
        for each in known:
            self.subscriptions.spoke(now, each)
        return self._fresh(now) if known else []

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        if self.over:
            return []
        if self.state not in TALKING:
            return self._connect(now)
        actions: list[Action] = []
        for step in self._steps if self._reading else (self._ping,):
            actions += step(now)
            if self.over or self.state not in TALKING:
                return actions
        actions += self._check_settled()
        self.due = self._next(now)
        return actions

    def put_off(self) -> None:
        """Nothing is read for now, because there is no room: whoever is silent meanwhile, it is our doing."""
        self._reading = False

    def read_on(self, now: float) -> None:
        """There is room again: silence, and the time for answers, count from here."""
        if self.over or self.state not in TALKING:
            return
        self._reading, self._floor = True, max(self._floor, now)
        self.subscriptions.wait_anew(now)
        self._logins.wait_anew(now)
        self.due = now

    def suspended(self, now: float, seconds: float) -> list[Action]:
        """The process, or the machine, has slept: what the socket still holds is old, and the venue may have given it up."""
        return self.leave(now, f"this process did not run for {seconds:.0f} s")

    def leave(self, now: float, reason: str) -> list[Action]:
        """Give this socket up, and make another."""
        if self.over or not (self._opening or self.state in TALKING):
            return []
        return [HangUp(), *self._down(now, Verdict("retry", reason))]

    def close(self, reason: str) -> list[Action]:
        """The end: nothing is done after this."""
        if self.over:
            return []
        lose = [Lose(self.subscriptions.streams, reason)] if self.state in TALKING else []
        self.over, self.due, self.state = True, FOREVER, "stopped"
        return [HangUp(), *lose, Tell("stopped", "")]

    def _connect(self, now: float) -> list[Action]:
        if self._opening or now < self.due:
            return []
        if not self.gates.take(now):
            # not less than a moment: what a sum of floats leaves over would be waited for in vain
            self.due = now + max(self.gates.wait(now), 0.001)
            return []
        self._opening, self.due = True, FOREVER
        return [*self._into("connecting", ""), Open(self.venue.url(self.subscriptions.streams))]

    def _down(self, now: float, verdict: Verdict) -> list[Action]:
        """The socket is gone, or never was."""
        actions: list[Action] = []
        if self.state in TALKING:
            actions += [*self._into("gap", verdict.reason), Lose(self.subscriptions.streams, verdict.reason)]
        self._opening = self.settled = False
        if verdict.kind == "stop":
            return [*actions, *self._stop(verdict.reason, everything=True)]
        if self.replaced:
            return [*actions, *self._stop("", everything=False)]
        wait = self.backoff.next()
        if verdict.kind == "wait":
            wait += verdict.seconds
            self.gates.connects.hold(now + verdict.seconds)
        self.due = now + wait
        return [*actions, *self._into("backoff", f"{verdict.reason}; again in {wait:.1f} s")]

    def _stop(self, reason: str, everything: bool) -> list[Action]:
        self.over, self.due = True, FOREVER
        return [*self._into("stopped", reason), Stop(reason, everything)]

    def _into(self, state: State, reason: str) -> list[Action]:
        before = self.state, self._reason
        self.state, self._reason = state, reason
        return [] if before == (state, reason) else [Tell(state, reason)]

    # what the venue answers

    def _answered(self, now: float, item: Reply | Refusal | Notice) -> list[Action]:
        if isinstance(item, Refusal):
            return self._refused(now, item)
        if isinstance(item, Notice) and item.kind == "leaving":
            return self._replace("the venue is about to close it" + (f": {plain(item.text)}" if item.text else ""))
        if not self._logins.answered(item, now) and isinstance(item, Reply):
            self.subscriptions.replied(now, item)
        self.due = now
        return []

    def _refused(self, now: float, refusal: Refusal) -> list[Action]:
        reason = plain(refusal.reason)
        if refusal.kind == "access":
            return [HangUp(), *self._down(now, Verdict("stop", f"the venue refuses access: {reason}"))]
        gone = self.subscriptions.refused(now, refusal)
        self.due = now
        if refusal.kind == "rate":
            self.gates.requests.hold(now + self.patience.answer_within)
            return self._into(self.state, f"asked too often: {reason}")
        if not gone:
            return []
        self._standing = f"the venue refuses {names(gone)}: {reason}"
        if not self.subscriptions.streams:
            return [Deny(gone, reason), HangUp(), *self._stop(self._standing, everything=False)]
        return [Deny(gone, reason), *self._into(self.state, self._standing)]

    def _fresh(self, now: float) -> list[Action]:
        """Market data: only this shows that the connection is worth what it was made for."""
        if self._bears > self._least:
            self._bears = self.patience.borne(self._bears, self._least, now - max(self._spoke, self._floor))
        known, self._spoke = self._spoke > NEVER and self.state == "live", now
        if known:
            return []
        self.backoff.reset()
        return self._into("live", self._standing) if self.state != "live" else []

    def _check_settled(self) -> list[Action]:
        before, self.settled = self.settled, self._logins.done and self.subscriptions.settled
        if before or not self.settled:
            return []
        return [*(self._into("live", self._standing) if self.state != "stale" else []), Settled()]

    def _log_in(self, now: float) -> list[Action]:
        if now >= self._logins.by:
            return self.leave(now, f"no answer to the login within {self.patience.answer_within:g} s")
        if self._logins.done or self._logins.sent or not self.gates.requests.take(now):
            return []
        return [Send(self._logins.send())]

    def _ping(self, now: float) -> list[Action]:
        ping, limits = self.venue.limits.ping, self.venue.limits
        if ping is None or now < self._ping_at or (limits.counts_pings and not self.gates.requests.take(now)):
            return []
        self._ping_at = now + limits.ping_seconds
        return [Send(ping)]

    def _ask(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while self._logins.done and (streams := self.subscriptions.next_portion(now)):
            request = self.venue.subscribe(streams, self._number + 1)
            self._asks = request.frame != ""
            if self._asks and not self.gates.requests.take(now):
                break
            self._number += 1
            self.subscriptions.asked(now, request.number, streams, answered=not (self._asks and self.venue.limits.acknowledges))
            actions += [Send(request.frame)] if self._asks else []
        return actions

    def _check_answers(self, now: float) -> list[Action]:
        missing = self.subscriptions.overdue(now)
        return self._into(self.state, f"no answer for {names(missing)}; asked again") if missing else []

    def _check_age(self, now: float) -> list[Action]:
        return self._replace("the venue ends connections of this age") if now >= self._replace_at else []

    def _replace(self, reason: str) -> list[Action]:
        if self._replacing or self.replaced:
            return []
        self._replacing, self._replace_at = True, FOREVER
        return [Replace(reason)]

    def _check_silence(self, now: float) -> list[Action]:
        if not self.patience.market_open():
            self._floor = now
            return []
        silence = now - max(self._spoke, self._floor)
        if silence >= self._bears:
            self._bears = min(self._bears * 2, self.patience.longest_silence)
            return self.leave(now, f"no market data for {silence:.0f} s")
        if silence >= self.patience.stale_after:
            return self._into("stale", f"no market data for {silence:.0f} s") if self.state == "live" else []
        silent = self.subscriptions.silent(now, self._floor)
        if not silent or not self._asks:
            self.subscriptions.bear_with(silent)
            return []
        streams = self.subscriptions.renew(now, silent)
        reason = f"no market data from {names(streams)}; asked again"
        return [Doubt(streams, reason), *self._into(self.state, reason)]

    def _next(self, now: float) -> float:
        """When to look again. Silence is looked at once a second at most: of many streams one is always near its limit."""
        if not self._reading:
            return max(self._ping_at, now + self.gates.requests.wait(now) + 0.001)
        patience, quiet_since = self.patience, max(self._spoke, self._floor)
        silence = min(quiet_since + self._bears, self.subscriptions.silence_due(self._floor), quiet_since + patience.stale_after)
        silence = max(silence, now + min(1.0, patience.stale_after / 10))
        asking = self.subscriptions.asking_due if self._logins.done else FOREVER
        login = self._logins.by if self._logins.done or self._logins.sent else now
        when = min(silence, asking, login, self._ping_at, self._replace_at)
        # what is due now and has not been done waits for the bucket
        return when if when > now else now + max(self.gates.requests.wait(now), 0.001)
