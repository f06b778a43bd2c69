"""What a failed handshake and a close code mean: wait, stop with the reason, or try again."""

import socket
import ssl

import pytest
from fault_server import answer
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, InvalidURI, SecurityError
from websockets.frames import Close

from feeds.live.refusals import of_end, of_failure, plain, retry_after

PLACE = "stream.example.com"
DATE = "Wed, 25 Nov 2026 12:00:30 GMT"
NOON = 1795608000.0


def of_status(status: int, **headers: str):
    return of_failure(InvalidStatus(answer(status, **headers)), PLACE, NOON, 3600.0)


@pytest.mark.parametrize("status", [401, 403, 451])
def test_who_is_not_let_in_stops_and_is_told_why(status):
    verdict = of_status(status)
    assert verdict.kind == "stop"
    assert f"{PLACE} answers HTTP {status}" in verdict.reason


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry_After": "7"}, 7.0),
        (418, {"Retry_After": "120"}, 120.0),
        (429, {"Retry_After": DATE}, 30.0),
        (429, {"Retry_After": DATE, "Date": "Wed, 25 Nov 2026 12:00:20 GMT"}, 10.0),
        (429, {"Retry_After": "Wed, 25 Nov 2020 12:00:00 GMT"}, 0.0),
        (429, {"Retry_After": "999999999999999999999"}, 3600.0),
        (503, {"Retry_After": "5"}, 5.0),
        (429, {"Retry_After": "soon"}, 60.0),
        (429, {"Retry_After": "-5"}, 60.0),
        (429, {}, 60.0),
        (418, {}, 300.0),
    ],
)
def test_who_asks_too_often_waits_as_told_and_within_bounds(status, headers, seconds):
    assert (of_status(status, **headers).kind, of_status(status, **headers).seconds) == ("wait", seconds)


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503, 504, 200])
def test_another_answer_is_tried_again(status):
    verdict = of_status(status)
    assert verdict.kind == "retry"
    assert f"HTTP {status}" in verdict.reason


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(), "refuses connections"),
        (TimeoutError(), "does not answer"),
        (socket.gaierror(-2, "Name or service not known"), "cannot be looked up: Name or service not known"),
        (ssl.SSLError(1, "wrong version number"), "no TLS"),
        (SecurityError("more than 10 redirects"), "more than 10 redirects"),
        (InvalidMessage("did not receive a valid HTTP response"), "hangs up in the handshake"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
        (RuntimeError("a bug"), "RuntimeError: a bug"),
    ],
)
def test_what_may_pass_is_tried_again_and_told(error, words):
    verdict = of_failure(error, PLACE, NOON, 3600.0)
    assert verdict.kind == "retry"
    assert PLACE in verdict.reason
    assert words in verdict.reason


def test_an_address_that_is_none_stops():
    assert of_failure(InvalidURI("nonsense", "isn't a valid URI"), "nonsense", NOON, 3600.0).kind == "stop"


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4000])
def test_a_close_by_the_venue_is_an_outage_whatever_its_code(code):
    verdict = of_end(ConnectionClosed(Close(code, "why"), Close(code, "why"), True))
    assert (verdict.kind, verdict.reason) == ("retry", f"the venue closed it ({code} why)")


@pytest.mark.parametrize("code", [3000, 3003])
def test_a_close_code_that_refuses_access_stops(code):
    assert of_end(ConnectionClosed(Close(code, ""), None)).kind == "stop"


def test_a_message_that_was_too_long_is_told_as_a_refused_frame():
    verdict = of_end(ConnectionClosed(None, Close(1009, "over size limit")))
    assert (verdict.kind, verdict.frame) == ("retry", "too long to read: 1009 over size limit")


def test_a_line_that_broke_is_an_outage():
    error = ConnectionClosed(None, None)
    error.__cause__ = ConnectionResetError("reset by peer")
    assert of_end(error).reason == "the line broke: reset by peer"


def test_what_strangers_write_is_fit_for_a_terminal():
    told = plain("\x1b[2J\r\n‮" + "x" * 10_000)
    assert told.isprintable()
    assert len(told) < 300


def test_a_missing_retry_after_is_no_time():
    assert retry_after({}, NOON) is None
