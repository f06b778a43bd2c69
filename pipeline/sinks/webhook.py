"""A webhook: each alert as JSON in a POST of its own, signed, to an address that was checked."""

import base64
import hashlib
import hmac
import http.client
import io
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pipeline.alerts import Alert
from pipeline.errors import Refused, SinkError, UsageError
from pipeline.sinks.rows import json_text, row_of

__all__ = ["WebhookSink", "public_address"]

TIMEOUT = 10.0
LONGEST_ANSWER = 1 << 16
LONGEST_PAUSE = 3600.0
SHOWN = 200
SECRET = 4
"""Letters from which on a part of an address may be a secret."""
ANOTHER_TIME = {401, 403, 404, 408, 425, 429}
"""Answers of 400 to 499 that are not about the alert: the door is closed, or it is not the time."""
NAT64, GLOBAL_UNICAST = ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2000::/3")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
EXAMPLE = "write webhook:https://example.com/alerts, with #secret=NAME_OF_A_VARIABLE to sign what is sent"


class NoSuchAnswer(SinkError):
    """The other side did not take it, and may the next time; `retry_after` are the seconds it asked for."""

    def __init__(self, said: str, retry_after: float | None = None) -> None:
        super().__init__(said)
        self.retry_after = retry_after


class WebhookSink:
    """Posts every alert to `https://host/path`, once or, after a fault, again under the same `Idempotency-Key`, its id.

    What follows a # is for us: `secret=NAME` is the environment variable that holds the key of the signature, `allow=private` lets
    it reach addresses that are not public, and only those by plain http. Signed as Standard Webhooks says: `webhook-id`,
    `webhook-timestamp`, and `webhook-signature`, "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body". Redirects are
    not followed. `Retry-After` is kept to.

    Raises UsageError for what is no such URL, and for a variable that is not set. `write` raises Refused where the alert itself is not
    wanted (400 to 499, but for 401, 403, 404, 408, 425 and 429), else SinkError.

    >>> WebhookSink("https://hooks.example.com/services/T0/s3cret").label
    'webhook:https://hooks.example.com/#306050cc'
    """

    def __init__(
        self, target: str, *, environment: Mapping[str, str] = os.environ, resolve: Callable[..., list[tuple[object, ...]]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        url, port = split(target)
        options = {name: values[-1] for name, values in parse_qs(url.fragment, keep_blank_values=True).items()}
        if url.scheme not in ("https", "http") or not url.hostname or options.keys() - {"secret", "allow"}:
            raise UsageError(f"webhook:{shown(target)} is no address of a webhook; {EXAMPLE}")
        if url.username is not None:
            raise UsageError(f"webhook:{shown(target)} has a user before its host, which is not sent; {EXAMPLE}")
        if options.get("allow", "private") != "private":
            raise UsageError(f"webhook:{shown(target)} allows {options['allow'][:SHOWN]!r}; #allow=private is all that there is")
        if not re.fullmatch("[!-~]*", url.path + url.query):
            raise UsageError(f"webhook:{shown(target)} has blanks or letters beyond ASCII in its path; write them as %20 and the like")
        self._private = options.get("allow") == "private"
        if url.scheme == "http" and not self._private:
            raise UsageError(f"webhook:{shown(target)} is not encrypted; write https, or #allow=private for a host of your own")
        self.host, self._port, self._tls = url.hostname, port or (443 if url.scheme == "https" else 80), url.scheme == "https"
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self.label = self.label_of(target)
        self._key = key_of(options.get("secret", ""), environment)
        self._resolve, self._clock = resolve or socket.getaddrinfo, clock
        self._connection: http.client.HTTPConnection | None = None
        self._sent: set[str] = set()

    @staticmethod
    def label_of(target: str) -> str:
        """Its name, which tells where it leads, and nothing secret."""
        return f"webhook:{shown(target)}#{hashlib.blake2b(target.encode(), digest_size=4).hexdigest()}"

    def write(self, alerts: Sequence[Alert]) -> None:
        """Post them one after another; those of a call that failed are not posted twice."""
        for alert in alerts:
            if alert.id not in self._sent:
                self._post(alert)
                self._sent.add(alert.id)
        self._sent.difference_update(alert.id for alert in alerts)

    def _post(self, alert: Alert) -> None:
        body = body_of(alert)
        try:
            connection = self._connected()
            if connection.sock is not None:
                connection.sock.settimeout(TIMEOUT)
            connection.request("POST", self._path, body, self._headers(alert, body))
            answer = connection.getresponse()
            text = read_whole(answer)
        except (OSError, http.client.HTTPException) as error:
            self._let_go()
            raise NoSuchAnswer(f"{self.label}: {type(error).__name__}: {error}") from error
        if len(text) > LONGEST_ANSWER or answer.will_close:
            self._let_go()
        if not 200 <= answer.status < 300:
            self._refuse(answer, text)

    def _refuse(self, answer: http.client.HTTPResponse, text: bytes) -> None:
        said = f"{self.label} answers {answer.status} {http.client.responses.get(answer.status, '')}: {self._told(text)}".rstrip(": ")
        if 300 <= answer.status < 400:
            raise NoSuchAnswer(f"{said}; redirects are not followed, name the address itself")
        if 400 <= answer.status < 500 and answer.status not in ANOTHER_TIME:
            raise Refused(said)
        raise NoSuchAnswer(said, seconds_of(answer.getheader("Retry-After", ""), self._clock()))

    def _told(self, text: bytes) -> str:
        """What an answer says, unless it repeats the address, which may be a secret."""
        said, parts = text.decode(errors="replace"), re.split("[/?&=]", self._path)
        known = {each.casefold() for part in parts for each in (part, unquote(part)) if len(each) >= SECRET}
        return "it repeats the address" if any(each in said.casefold() for each in known) else said[:SHOWN]

    def _headers(self, alert: Alert, body: bytes) -> dict[str, str]:
        key = alert.id if re.fullmatch(r"[!-~]{1,200}", alert.id) else hashlib.blake2b(alert.id.encode(), digest_size=10).hexdigest()
        found = {"Content-Type": "application/json", "User-Agent": "rxtape", "Idempotency-Key": key, "webhook-id": key}
        found["webhook-timestamp"] = moment = str(int(self._clock()))
        if self._key:
            digest = hmac.digest(self._key, b".".join((key.encode(), moment.encode(), body)), "sha256")
            found["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return found

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            resolved = self._resolve(self.host, self._port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(each[4][0]) for each in resolved))  # type: ignore[index]
            public = [public_address(each) for each in found]
            if not found or not (self._private or all(public)):
                raise SinkError(f"{self.label} leads to {', '.join(found) or 'no address'}, which is not public; #allow=private allows it")
            if any(public) and not self._tls:
                raise SinkError(f"{self.label} leads to {', '.join(found)}, which is public, and http is not encrypted; write https")
            self._connection = Checked(self.host, self._port, found, tls=self._tls)
        return self._connection

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def flush(self) -> None:
        """Nothing to do: an alert was taken when its answer came."""

    def close(self) -> None:
        """End the connection."""
        self._let_go()


class Bounded(io.RawIOBase):
    """What a socket gives until some time; TimeoutError then, however often a little more came."""

    def __init__(self, socket: socket.socket, seconds: float) -> None:
        self._socket, self._file, self._until = socket, socket.makefile("rb", buffering=0), time.monotonic() + seconds

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has come."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no end of the answer within {TIMEOUT:g} s")
        self._socket.settimeout(left)
        return self._file.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket, which may be used on."""
        self._file.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """An answer that has come whole within the time, head and all, or has not come."""

    def __init__(self, sock: socket.socket, *how: Any, **further: Any) -> None:
        super().__init__(sock, *how, **further)
        self.fp.close()
        self.fp = io.BufferedReader(Bounded(sock, TIMEOUT))


class Checked(http.client.HTTPConnection):
    """To the first of some addresses that is there, under the name of the host: that the name leads elsewhere by now does not matter."""

    response_class = Answer

    def __init__(self, host: str, port: int, addresses: Sequence[str], *, tls: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self.default_port = 443 if tls else 80
        self._addresses, self._context = addresses, ssl.create_default_context() if tls else None

    def connect(self) -> None:
        """Connect to one of the addresses, and no other."""
        plain = self._first()
        plain.settimeout(TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two packets
        self.sock = plain if self._context is None else self._context.wrap_socket(plain, server_hostname=self.host)

    def _first(self) -> socket.socket:
        failed: OSError = ConnectionError("no address")
        for address in self._addresses:
            try:
                return socket.create_connection((address, self.port), TIMEOUT / len(self._addresses))
            except OSError as error:
                failed = error
        raise failed


def body_of(alert: Alert) -> bytes:
    """The alert as JSON that is harmless in a page, too.

    >>> b"<" in body_of(Alert("SPY", 0, message="<script>"))
    False
    """
    text = json_text(row_of(alert))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode()


def read_whole(answer: http.client.HTTPResponse) -> bytes:
    """An answer, as far as it is short."""
    found = b""
    while len(found) <= LONGEST_ANSWER and (more := answer.read1(LONGEST_ANSWER)):
        found += more
    answer.close()  # all of it was read, and the connection is free for the next
    return found


def public_address(text: str) -> bool:
    """Whether an address is one of the public Internet, whatever it is wrapped in.

    >>> [public_address(text) for text in ("93.184.216.34", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::a00:1")]
    [True, False, False, False, False]
    """
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(each is not None and not (each.is_global and not each.is_multicast) for each in inner):
            return False
        if address.ipv4_mapped is not None or address in NAT64:
            return True
        if address not in GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast


def split(target: str) -> tuple[SplitResult, int | None]:
    """The parts of a URL, and its port; UsageError, which shows none of them, where it cannot be taken apart."""
    try:
        url = urlsplit(target)
        return url, url.port
    except ValueError:
        raise UsageError(f"what follows webhook: has a host or port that cannot be; {EXAMPLE}") from None


def shown(target: str) -> str:
    """A URL without what may be a secret in it: user, path and query."""
    url = urlsplit(target)
    return f"{url.scheme}://{url.hostname}{f':{url.port}' if url.port else ''}/" if url.hostname else target.partition("#")[0][:SHOWN]


def key_of(variable: str, environment: Mapping[str, str]) -> bytes:
    """The key that a variable holds; "whsec_" and base64, or the text itself."""
    if not variable:
        return b""
    if not (text := environment.get(variable, "")):
        raise UsageError(f"the variable {variable}, which holds the key of the webhook's signature, is not set")
    if not text.startswith("whsec_"):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise UsageError(f"the variable {variable} holds no key: what follows whsec_ in it is not base64") from None


def seconds_of(text: str, now: float) -> float | None:
    """What `Retry-After` says: seconds, or a date; None where it says nothing."""
    try:
        found = float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - now
    except (TypeError, ValueError):
        return None
    return min(max(found, 0.0), LONGEST_PAUSE)
