"""A venue for tests. It speaks JSON: {"t": "trade", "s": "A", "i": 7, "p": 1.5}, {"t": "ok", "n": 3}, ..."""

import json
from dataclasses import dataclass, field, replace

from feeds.venues.venue import BadFrame, Cancelled, Corrected, Gap, Limits, Notice, Quote, Refusal, Reply, Request, Stream, Trade, Unknown


def stream(name: str) -> Stream:
    """A stream by name: "A" its trades, "A/q" its quotes."""
    symbol, _, channel = name.partition("/")
    return Stream("quotes" if channel == "q" else "trades", symbol)


def name_of(each: Stream) -> str:
    return each.symbol + ("/q" if each.channel == "quotes" else "")


def streams(*names: str) -> tuple[Stream, ...]:
    return tuple(stream(name) for name in names)


@dataclass
class SpokenDecoder:
    def decode(self, frame):
        try:
            tree = json.loads(frame)
            return self.read(tree)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadFrame(f"found {str(error)[:40]}, expected an object such as {{'t': 'trade'}}") from None

    def read(self, tree):
        named = streams(*tree.get("on", ()))
        match tree["t"]:
            case "trade":
                return [Trade(tree["s"], None, float(tree["p"]), 1.0, 0, tree["i"], old=tree.get("old", False))]
            case "quote":
                return [Quote(tree["s"], None, 1.0, 1.0, 2.0, 1.0)]
            case "corrected":
                return [Corrected(tree["s"], None, tree["i"], float(tree["p"]), 1.0)]
            case "cancelled":
                return [Cancelled(tree["s"], None, tree["i"])]
            case "gap":
                return [Gap(tree["s"], "jump")]
            case "ok":
                return [Reply(tree.get("n"), named)]
            case "no":
                return [Refusal(tree.get("n"), named, tree["kind"], tree.get("why", "so"))]
            case "alive" | "ready" | "leaving" as kind:
                return [Notice(kind)]
            case "crash":
                raise RuntimeError("a bug of the codec")
            case kind:
                return [Unknown(kind)]


@dataclass(frozen=True)
class SpokenVenue:
    at: str = "ws://127.0.0.1:1"
    name: str = "spoken"
    limits: Limits = field(default_factory=Limits)
    consecutive: bool = True
    keys: tuple[str, ...] = ()

    def url(self, streams):
        return self.at

    def logins(self):
        return [
            Request(1000 + place, json.dumps({"op": "login", "n": 1000 + place, "key": key}), login=True, secrets=(key,))
            for place, key in enumerate(self.keys)
        ]

    def subscribe(self, streams, number):
        return Request(number, json.dumps({"op": "ask", "n": number, "on": [name_of(each) for each in streams]}), tuple(streams))

    def streams(self, symbols, channels):
        return [Stream(channel, symbol) for symbol in symbols for channel in channels]

    def decoder(self):
        return SpokenDecoder()


def spoken(at: str = "ws://127.0.0.1:1", keys: tuple[str, ...] = (), **limits) -> SpokenVenue:
    return SpokenVenue(at, limits=replace(Limits(), **limits), keys=keys)
