"""Frames that are read together say what each of them says alone."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tries import tries
from venue_frames import BINANCE_AGGREGATE, BINANCE_BEST, BINANCE_TRADE, FUTURES_TRADE

from feeds.venues.binance import binance, binance_usdm
from feeds.venues.venue import BadFrame, ManyAtOnce

READER = binance().decoder()
OTHERS = [b"", b" ", b"{}", b"\n", b"[]", b'"', b'{"result":null,"id":1}']
OTHERS += [json.dumps(tree).encode() for tree in (BINANCE_BEST, BINANCE_TRADE["data"])]


def changed(tree, fields):
    return json.dumps({**tree, "data": {**tree["data"], **fields}}).encode()


trees = st.sampled_from([BINANCE_TRADE, BINANCE_TRADE, FUTURES_TRADE, BINANCE_AGGREGATE])
fields = st.fixed_dictionaries({}, optional={
    "s": st.sampled_from(["BTCUSDT", "ETHUSDT", "\n", "é"]),
    "p": st.sampled_from(["1", "-37.63", "0.1", "nan", "1e999", 5]),
    "q": st.sampled_from(["2", "-1", "1e-300"]),
    "m": st.booleans(),
    "T": st.sampled_from([1, 0, 10**14]),
    "X": st.sampled_from(["MARKET", "NA", "INSURANCE_FUND"]),
    "t": st.integers(-1, 1 << 62),
    "a": st.integers(0, 99),
    "e": st.sampled_from(["trade", "aggTrade", "bookTicker"]),
    "b": st.just("1"),
})  # fmt: skip
whole = st.builds(changed, trees, fields)


@st.composite
def cut_up(draw):
    """Frames cut and joined elsewhere, with ends of lines and commas between them: as many, and none of them what it seems."""
    text = draw(st.sampled_from([b",", b"\n", b"\n\n", b""])).join(draw(st.lists(whole, min_size=1, max_size=4)))
    between = [place for place in range(1, len(text)) if text[place - 1 : place] in b'{}:,"' or text[place : place + 1] in b'{}:,"']
    cuts = sorted(draw(st.lists(st.sampled_from(between) if between and draw(st.booleans()) else st.integers(0, len(text)), max_size=3)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def alone(frames):
    """What each says, where that is one trade, neither old nor odd, and has an id and a time."""
    said = []
    for frame in frames:
        try:
            items = READER.decode(frame)
        except BadFrame:
            return None
        if len(items) != 1 or type(items[0]).__name__ != "Trade" or items[0].old or items[0].odd:
            return None
        said += items
    return said


GOOD = changed(BINANCE_TRADE, {})
PLACE = GOOD.index(b":")


@settings(max_examples=tries(600))
@given(st.one_of(st.lists(whole, min_size=1, max_size=6), st.lists(whole | st.sampled_from(OTHERS), min_size=1, max_size=4), cut_up()))
@example([GOOD, GOOD])
@example([GOOD[:-1], b"}", GOOD + b"\n" + GOOD])
@example([GOOD[:-1] + b',"x":[{}', GOOD + b"]}", GOOD])
@example([GOOD + b",", GOOD])
@example([GOOD[:PLACE], GOOD[PLACE:] + GOOD])
@example([GOOD + GOOD[:PLACE], GOOD[PLACE:]])
@example([GOOD + b" \r", b"\t" + GOOD])
@example([changed(BINANCE_TRADE, {"X": "NA"}), GOOD])
def test_what_is_read_together_is_what_is_read_alone(frames):
    together = READER.decode_together(frames)
    assert together is None or together.rows() == alone(frames)


@pytest.mark.parametrize("tree", [BINANCE_TRADE, BINANCE_AGGREGATE, FUTURES_TRADE])
def test_trades_of_one_kind_are_read_together(tree):
    reader = binance_usdm().decoder()
    assert isinstance(reader, ManyAtOnce)
    frames = [changed(tree, {"t": number, "a": number}) for number in range(5)]
    assert [trade.trade_id for trade in reader.decode_together(frames).rows()] == [0, 1, 2, 3, 4]
