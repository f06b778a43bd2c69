"""What an exchange knows of the tape: ids, sequences, symbols, and numbers as text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_tapes import START, rows_of, tapes, trades

from feeds.serving.binance import Binance
from feeds.serving.coinbase import Coinbase
from feeds.serving.market import Market, Print, decimal_text
from feeds.serving.tape import laps
from pipeline.errors import InputError, UsageError
from pipeline.feed import recorded
from pipeline.ticks import Kind, Ticks


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_to_the_same_float_and_has_no_exponent(number):
    text = decimal_text(number)
    assert float(text) == number
    assert set(text) <= set("-0123456789.")


@given(tapes(), st.integers(0, 25))
def test_cutting_the_tape_changes_nothing_of_what_is_told(ticks, cut):
    whole, parts = Market(str), Market(str)
    assert list(whole.shown(ticks)) == [*parts.shown(ticks[:cut]), *parts.shown(ticks[cut:])]


@given(tapes())
def test_trades_and_quotes_come_once_in_order_and_no_other_row(ticks):
    told = list(Market(str).shown(ticks))
    kinds = [kind for kind in ticks.kind.tolist() if kind in (Kind.TRADE, Kind.QUOTE)]
    assert [Kind.TRADE if isinstance(event, Print) else Kind.QUOTE for event in told] == kinds
    for name in {event.symbol for event in told}:
        assert [event.sequence for event in told if event.symbol == name] == [*range(1, 1 + sum(event.symbol == name for event in told))]


@given(tapes())
def test_a_trade_keeps_the_id_of_the_tape(ticks):
    told = [event for event in Market(str).shown(ticks) if isinstance(event, Print)]
    assert [(event.symbol, event.time, event.trade_id) for event in told] == rows_of(ticks, Kind.TRADE, "trade_id")


@given(tapes(ids=False))
def test_without_ids_the_trades_of_a_symbol_are_counted(ticks):
    told = [event for event in Market(str).shown(ticks) if isinstance(event, Print)]
    for name in {event.symbol for event in told}:
        ids = [event.trade_id for event in told if event.symbol == name]
        assert ids == [*range(1, len(ids) + 1)]


@given(tapes(), st.booleans())
def test_ids_of_the_next_lap_go_on_where_those_of_the_last_ended(ticks, counted):
    if counted:
        ticks = Ticks({name: column for name, column in ticks.columns.items() if name != "trade_id"}, ticks.symbols)
    market = Market(str)
    first = [event for event in market.shown(ticks) if isinstance(event, Print)]
    market.again()
    second = [event for event in market.shown(ticks) if isinstance(event, Print)]
    for name in {event.symbol for event in first}:
        before, after = ([event.trade_id for event in lap if event.symbol == name] for lap in (first, second))
        assert after[0] == before[-1] + 1
        assert np.diff(after).tolist() == np.diff(before).tolist()


def test_a_lap_is_later_by_the_length_of_the_tape_and_a_second():
    ticks, lap = trades(5), laps(recorded(trades(5)), loop=True)
    times = [(next(lap)[1].time - START).tolist() for _ in range(3)]
    length = int(ticks.time[-1] - ticks.time[0]) + 10**9
    assert times == [[each + number * length for each in times[0]] for number in range(3)]


def test_the_last_trade_and_the_top_of_the_book_are_those_told_last():
    market, ticks = Market(str), trades(4)
    for event in market.shown(ticks):
        assert market.prints[event.symbol] == event


SPELT = {
    "binance": {"BTC-USDT": "BTCUSDT", "btc/usdt": "BTCUSDT", "BRK.B": "BRKB", "000001": "000001", "A_B": "AB"},
    "coinbase": {
        "BTC-USD": "BTC-USD",
        "btc/eur": "BTC-EUR",
        "ETHBTC": "ETH-BTC",
        "BRK.B": "BRKB-USD",
        "USD": "USD-USD",
        "BTCUSDT": "BTC-USDT",
    },
}


@pytest.mark.parametrize("exchange", [Binance(), Coinbase()], ids=lambda exchange: exchange.name)
def test_symbols_are_spelt_as_the_exchange_does_and_stay_so(exchange):
    for symbol, spelt in SPELT[exchange.name].items():
        assert exchange.spelt(symbol) == spelt
        assert exchange.spelt(spelt) == spelt


@pytest.mark.parametrize(
    ("exchange", "symbol"), [(Binance(), "%%"), (Binance(), "Ω"), (Coinbase(), "%%"), (Coinbase(), "Ω"), (Coinbase(), "A-B-C")]
)
def test_a_symbol_that_cannot_be_spelt_is_named(exchange, symbol):
    with pytest.raises(UsageError, match=f"symbol '{symbol}' cannot be spelt as {exchange.name.title()} spells"):
        exchange.spelt(symbol)


def test_two_symbols_that_would_be_one_are_named():
    with pytest.raises(InputError, match=r"'BRK\.B' and 'BRKB' would both be spelt BRKB"):
        list(Market(Binance().spelt).shown(Ticks.of([START, START], ["BRK.B", "BRKB"], price=[1.0, 2.0])))
