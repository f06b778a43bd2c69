"""What the end of a connection, or a failed try to make one, means: try again, wait as told, or stop."""

import socket
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI, SecurityError

__all__ = ["Verdict", "of_end", "of_failure", "plain", "retry_after"]

NOT_FOR_YOU = {401: "who you are is not accepted", 403: "access is forbidden", 451: "not offered where you are, for legal reasons"}
TOO_MANY = {418: ("banned for too many requests", 300.0), 429: ("too many requests", 60.0)}
"""And the seconds to wait where nothing is said."""
REFUSED_CODES = {3000: "unauthorized", 3003: "forbidden"}
TOO_BIG, NOT_FOUND = 1009, 404
LONGEST_TEXT = 200


class Verdict(NamedTuple):
    """What to do, and why. `seconds`: for "wait", at least so long. `frame`: the frame that ended the connection, in words, if one did."""

    kind: Literal["retry", "wait", "stop"]
    reason: str
    seconds: float = 0.0
    frame: str = ""


def plain(text: str) -> str:
    r"""What a stranger wrote, fit for a terminal and not too long.

    >>> plain("bad \x1b[31msymbol")
    'bad \\x1b[31msymbol'
    """
    seen = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: LONGEST_TEXT + 1])
    return seen if len(seen) <= LONGEST_TEXT else seen[:LONGEST_TEXT] + "..."


def of_failure(error: Exception, place: str, wall: float, longest_wait: float) -> Verdict:
    """What a failed try to open a connection to `place` means; `wall` is the wall clock, for a date in Retry-After.

    >>> of_failure(ConnectionRefusedError("refused"), "127.0.0.1:9", 0.0, 3600.0)
    Verdict(kind='retry', reason='127.0.0.1:9 refuses connections', seconds=0.0, frame='')
    """
    if isinstance(error, InvalidStatus):
        return of_status(error.response.status_code, error.response.headers, place, wall, longest_wait)
    if isinstance(error, InvalidURI):
        return Verdict("stop", f"{place} is no address: {plain(error.msg)}; expected one such as wss://stream.example.com/ws")
    return Verdict("retry", words_for(error, place))


def of_status(status: int, headers: Mapping[str, str], place: str, wall: float, longest_wait: float) -> Verdict:
    if status in NOT_FOR_YOU:
        return Verdict("stop", f"{place} answers HTTP {status}: {NOT_FOR_YOU[status]}; check the keys and the address, then start again")
    told = retry_after(headers, wall)
    if status in TOO_MANY or told is not None:
        words, seconds = TOO_MANY.get(status, ("not now", 0.0))
        return Verdict("wait", f"{place} answers HTTP {status}: {words}", min(seconds if told is None else told, longest_wait))
    path = "; is the path of the address right?" if status == NOT_FOUND else ""
    return Verdict("retry", f"{place} answers HTTP {status}, expected 101 (websocket){path}")


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds to wait, from Retry-After, which holds seconds or a date; None where it is missing or no time.

    >>> retry_after({"Retry-After": "30"}, 0.0), retry_after({"Retry-After": "soon"}, 0.0)
    (30.0, None)
    >>> retry_after({"Retry-After": "Wed, 25 Nov 2026 12:01:00 GMT", "Date": "Wed, 25 Nov 2026 12:00:00 GMT"}, 0.0)
    60.0
    """
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit():
        return float(told[:9])
    until = seconds_of(told)
    if until is None:
        return None
    # the venue's own clock, where it shows it: ours may be wrong
    now = seconds_of(headers.get("Date", ""))
    return max(until - (wall if now is None else now), 0.0)


def seconds_of(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def words_for(error: Exception, place: str) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate of {place} is not valid: {plain(getattr(error, 'verify_message', '') or str(error))}"
        case ssl.SSLError():
            return f"no TLS with {place}: {plain(getattr(error, 'reason', '') or str(error))}"
        case socket.gaierror():
            return f"the name of {place} cannot be looked up: {plain(error.strerror or str(error))}"
        case ConnectionRefusedError():
            return f"{place} refuses connections"
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            return f"{place} hangs up before anything is said; is it wss, or ws?"
        case TimeoutError():
            return f"{place} does not answer"
        case SecurityError():
            return f"{place} redirects, and not to a place to follow: {plain(str(error))}"
        case InvalidMessage() if error.__cause__ is not None and not isinstance(error.__cause__, EOFError):
            return f"{place} answers what is no HTTP/1.1: {plain(str(error.__cause__ or error))}; is it wss, or ws?"
        case InvalidMessage() | EOFError():
            return f"{place} hangs up in the handshake"
        case InvalidHandshake():
            return f"{place} does not speak websocket: {plain(str(error))}"
        case _:
            return f"no connection to {place}: {type(error).__name__}: {plain(str(error))}"


def of_end(error: ConnectionClosed) -> Verdict:
    """What the end of an open connection means. A clean end is an outage like any other: something wanted does not come any more.

    >>> from websockets.frames import Close
    >>> of_end(ConnectionClosed(Close(1001, "going away"), None)).reason
    'the venue closed it (1001 going away)'
    >>> of_end(ConnectionClosed(Close(3000, ""), None)).kind
    'stop'
    """
    told, said = error.rcvd, error.sent
    if told is not None and (said is None or error.rcvd_then_sent):
        words = f"{told.code} {plain(told.reason)}".strip()
        if told.code in REFUSED_CODES:
            return Verdict("stop", f"the venue closed it ({words}): {REFUSED_CODES[told.code]}; check the keys, then start again")
        return Verdict("retry", f"the venue closed it ({words})")
    if said is not None:
        words = f"{said.code} {plain(said.reason)}".strip()
        return Verdict("retry", f"closed here ({words})", frame=f"too long to read: {words}" if said.code == TOO_BIG else "")
    cause = error.__cause__
    return Verdict("retry", "the line broke" + (f": {plain(str(cause))}" if cause is not None and str(cause) else ""))
