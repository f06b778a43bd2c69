"""What single messages of Alpaca mean: logins, odd prints, corrections and cancellations, arrays of several kinds."""

import json

import pytest
from venue_frames import ALPACA_TRADE

from feeds.venues.alpaca import ODD_CONDITIONS, Alpaca, alpaca
from feeds.venues.venue import Cancelled, Corrected, Notice, Trade, Unknown
from pipeline.errors import UsageError

SECOND = 10**9


def said(venue, *trees):
    decoder = venue.decoder()
    return [item for tree in trees for item in decoder.decode(json.dumps(tree))]


def test_the_keys_of_alpaca_come_from_the_environment_and_are_shown_nowhere(monkeypatch):
    monkeypatch.setenv("APCA_API_KEY_ID", "KEY")
    monkeypatch.delenv("APCA_API_SECRET_KEY", raising=False)
    with pytest.raises(UsageError, match="alpaca needs APCA_API_SECRET_KEY in the environment"):
        alpaca().logins()
    monkeypatch.setenv("APCA_API_SECRET_KEY", "hush")
    (login,) = alpaca().logins()
    assert json.loads(login.frame) == {"action": "auth", "key": "KEY", "secret": "hush"}
    assert login.login
    assert "hush" not in repr(login) + str(login) + repr(alpaca()) + alpaca().url([])


def test_the_steps_of_a_login_to_alpaca():
    steps = said(alpaca(), [{"T": "success", "msg": "connected"}], [{"T": "success", "msg": "authenticated"}])
    assert steps == [Notice("alive", "connected"), Notice("ready", "authenticated")]


@pytest.mark.parametrize(
    ("code", "kind"), [(400, "stream"), (401, "access"), (402, "access"), (404, "rate"), (405, "stream"), (406, "rate"), (407, "rate"),
                       (409, "access"), (410, "stream"), (500, "rate")],
)  # fmt: skip
def test_refusals_of_alpaca(code, kind):
    (refusal,) = said(alpaca(), [{"T": "error", "code": code, "msg": "no"}])
    assert refusal.kind == kind
    assert f"no (code {code})" in refusal.reason


def alpaca_trade(*conditions):
    return [{**ALPACA_TRADE[0], "c": list(conditions)}]


@pytest.mark.parametrize("condition", sorted(ODD_CONDITIONS))
def test_prints_of_alpaca_that_must_not_move_the_last_price_are_odd(condition):
    assert said(alpaca(), alpaca_trade("@", condition))[0].odd


@pytest.mark.parametrize("conditions", [(), ("@",), (" ", "F"), ("@", "T"), ("O",), ("6",)])
def test_other_prints_of_alpaca_move_it(conditions):
    assert not said(alpaca(), alpaca_trade(*conditions))[0].odd


def test_corrections_and_cancellations_of_alpaca_name_the_trade_by_the_id_it_was_told_with():
    trade, corrected, cancelled = said(
        alpaca(),
        ALPACA_TRADE,
        [{"T": "c", "S": "AAPL", "x": "D", "oi": 96921, "op": 126.55, "os": 1, "ci": 5, "cp": 126.6, "cs": 2, "t": "2021-02-22T15:51:45Z"}],
        [{"T": "x", "S": "AAPL", "i": 96921, "x": "D", "p": 126.6, "s": 2, "a": "C", "t": "2021-02-22T15:51:46Z"}],
    )
    assert corrected == Corrected("AAPL", 1614009105 * SECOND, trade.trade_id, 126.6, 2.0)
    assert cancelled == Cancelled("AAPL", 1614009106 * SECOND, trade.trade_id)


def test_exchanges_of_alpaca_may_give_the_same_number():
    here, there = said(alpaca(), ALPACA_TRADE, [{**ALPACA_TRADE[0], "x": "V"}])
    assert here.trade_id != there.trade_id


def test_an_array_of_alpaca_is_read_in_its_order_whatever_else_stands_in_it():
    items = said(alpaca(), [{"T": "b", "S": "AAPL"}, *ALPACA_TRADE, {"T": "new"}, *ALPACA_TRADE])
    assert [type(item) for item in items] == [Unknown, Trade, Unknown, Trade]
    assert items[0] == Unknown("T=b")


def test_feeds_of_alpaca_allow_what_they_allow():
    assert (Alpaca("iex").limits.streams, Alpaca("iex").limits.connections) == (30, 1)
    assert Alpaca("sip").limits.streams > 30
