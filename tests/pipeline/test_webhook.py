"""The webhook: what it sends, to whom it never speaks, and what it makes of answers."""

import base64
import hashlib
import hmac
import json
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.alerts import Alert
from pipeline.errors import Refused, SinkError, UsageError
from pipeline.plugins import open_sink
from pipeline.sinks.webhook import WebhookSink, public_address


@pytest.fixture
def served():
    """A server that notes what it gets, and answers what it is told: (status, headers, body)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, dict(self.headers), body))
            status, headers, text = server.answers.pop(0) if server.answers else (200, {}, b"ok")
            self.send_response(status)
            for name, value in {"Content-Length": len(text), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answers, server.daemon_threads = [], [], True
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def sink_to(server, more="", **options):
    return WebhookSink(f"http://127.0.0.1:{server.server_port}/hook?x=1#allow=private{more}", **options)


def alert(number=1, **more):
    return Alert("SPY", number, "up", {"change": 0.01}, id=f"id{number}", strategy="mine", **more)


def test_an_alert_is_posted_signed_with_its_id(served):
    sink = sink_to(served, "&secret=KEY", environment={"KEY": "hush"}, clock=lambda: 1_700_000_000.5)
    sink.write([alert(1), alert(2)])
    sink.close()
    (path, headers, body), (_, second, _) = served.got
    assert path == "/hook?x=1"
    assert json.loads(body)["message"] == "up"
    assert (headers["Idempotency-Key"], headers["webhook-id"], second["Idempotency-Key"]) == ("id1", "id1", "id2")
    signed = hmac.new(b"hush", b"id1.1700000000." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


@pytest.mark.parametrize("status", [400, 410, 413, 422])
def test_fault_60_an_alert_that_is_not_wanted_is_refused(served, status):
    served.answers.append((status, {}, b"no <b>thanks</b>"))
    sink = sink_to(served)
    with pytest.raises(Refused, match=f"answers {status}"):
        sink.write([alert()])
    sink.close()


@pytest.mark.parametrize(
    ("status", "after", "pause"),
    [(500, "", None), (503, "7", 7.0), (429, "999999", 3600.0), (429, "Wed, 15 Nov 2023 00:00:00 GMT", 6400.0 - 2800), (401, "", None)],
)
def test_fault_60_other_answers_are_for_another_time(served, status, after, pause):
    served.answers.append((status, {"Retry-After": after} if after else {}, b""))
    sink = sink_to(served, clock=lambda: 1_700_006_400 - 3600.0 if "GMT" in after else 0.0)
    with pytest.raises(SinkError) as raised:
        sink.write([alert()])
    assert not isinstance(raised.value, Refused)
    assert raised.value.retry_after == pause
    sink.close()


def test_what_was_taken_before_a_fault_is_not_posted_again(served):
    served.answers += [(200, {}, b""), (500, {}, b"")]
    sink = sink_to(served)
    with pytest.raises(SinkError):
        sink.write([alert(1), alert(2), alert(3)])
    sink.write([alert(1), alert(2), alert(3)])
    sink.close()
    assert [headers["Idempotency-Key"] for _, headers, _ in served.got] == ["id1", "id2", "id2", "id3"]


def test_fault_71_a_redirect_is_not_followed(served):
    served.answers.append((302, {"Location": f"http://127.0.0.1:{served.server_port}/other"}, b""))
    sink = sink_to(served)
    with pytest.raises(SinkError, match="redirects are not followed"):
        sink.write([alert()])
    sink.close()
    assert [path for path, _, _ in served.got] == ["/hook?x=1"]


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::1",
    "ff02::1", "fec0::1", "::7f00:1", "64:ff9b:1::7f00:1", "::ffff:0:7f00:1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_fault_71_addresses_that_are_not_public_are_refused_before_anything_is_sent(address):
    assert not public_address(address)
    sink = WebhookSink("https://hooks.example.com/x", resolve=lambda *a, **k: [(2, 1, 6, "", (address, 443))])
    with pytest.raises(SinkError, match="is not public; #allow=private allows it"):
        sink.write([alert()])


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_addresses_are_public(address):
    assert public_address(address)


def test_fault_71_a_name_with_one_private_address_among_public_ones_is_refused():
    found = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]
    with pytest.raises(SinkError, match="not public"):
        WebhookSink("https://hooks.example.com/x", resolve=lambda *a, **k: found).write([alert()])


def test_fault_71_the_address_that_was_checked_is_the_one_that_is_used(served, monkeypatch):
    """The name leads elsewhere at the second look: there is none."""
    looks = []

    def resolve(host, port, **options):
        looks.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("socket.getaddrinfo", lambda host, *a, **k: pytest.fail(host) if host == "hooks.example.com" else [
        (2, 1, 6, "", (host, a[0])),
    ])  # fmt: skip
    sink = WebhookSink(f"http://hooks.example.com:{served.server_port}/x#allow=private", resolve=resolve)
    sink.write([alert()])
    sink.close()
    assert (looks, len(served.got)) == (["hooks.example.com"], 1)


def test_fault_65_what_an_alert_says_is_harmless_json(served):
    sink = sink_to(served)
    sink.write([Alert("=cmd()", 1, "<script>\r\n\x1b[2J\u202e</script>", id="a\r\nb")])
    sink.close()
    _, headers, body = served.got[0]
    assert not {b"<", b">", b"\n", b"\r", b"\x1b", "\u202e".encode()} & {body[at : at + n] for at in range(len(body)) for n in (1, 3)}
    assert json.loads(body)["message"] == "<script>\r\n\x1b[2J\u202e</script>"
    assert len(headers["Idempotency-Key"]) == 20


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "is no address of a webhook"),
        ("ftp://host/x", "is no address of a webhook"),
        ("http://example.com/x", "is not encrypted"),
        ("https://me:pw@example.com/x", "has a user before its host"),
        ("https://example.com/x#secrets=KEY", "is no address"),
        ("https://example.com/x#secret=KEY", "the variable KEY, which holds the key of the webhook's signature, is not set"),
    ],
)
def test_what_cannot_work_is_told_when_it_is_opened(target, said):
    with pytest.raises(UsageError, match=said):
        WebhookSink(target, environment={})


def test_fault_72_no_message_and_no_name_shows_path_or_key(monkeypatch):
    monkeypatch.setenv("KEY", "canary-key")
    sink = open_sink("webhook:https://localhost/services/canary-path?token=canary-query#secret=KEY")
    with pytest.raises(SinkError) as raised:
        sink.write([alert()])
    assert "canary" not in f"{raised.value} {sink.label}"


def test_those_beside_a_refused_alert_are_posted_once(served):
    served.answers += [(200, {}, b""), (200, {}, b""), (400, {}, b"")]
    sink = sink_to(served)
    with pytest.raises(Refused):
        sink.write([alert(1), alert(2), alert(3), alert(4)])
    for number in (1, 2, 4):
        sink.write([alert(number)])
    sink.close()
    assert [headers["Idempotency-Key"] for _, headers, _ in served.got] == ["id1", "id2", "id3", "id4"]


def test_the_first_address_that_answers_is_asked_under_the_name_of_the_host(served):
    found = [(2, 1, 6, "", (address, 0)) for address in ("127.0.0.2", "127.0.0.1")]  # nobody listens at the first
    sink = WebhookSink(f"http://hooks.example.com:{served.server_port}/x#allow=private", resolve=lambda *a, **k: found)
    sink.write([alert()])
    sink.close()
    assert [headers["Host"] for _, headers, _ in served.got] == [f"hooks.example.com:{served.server_port}"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here to make a certificate with")
def test_fault_71_the_certificate_must_be_that_of_the_name(served, tmp_path, monkeypatch):
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    name = "-subj /CN=test -addext subjectAltName=DNS:hooks.example.com"
    made = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {certificate} {name}"
    subprocess.run(made.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def sink_at(host):
        found = [(2, 1, 6, "", ("127.0.0.1", 0))]
        return WebhookSink(f"https://{host}:{served.server_port}/x#allow=private", resolve=lambda *a, **k: found)

    sink = sink_at("hooks.example.com")
    sink.write([alert(1), alert(2)])
    sink.close()
    assert len(served.got) == 2
    with pytest.raises(SinkError, match="certificate is not valid for 'other"):
        sink_at("other.example.com").write([alert()])
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SinkError, match="CERTIFICATE_VERIFY_FAILED"):
        sink_at("hooks.example.com").write([alert()])
    assert len(served.got) == 2


@pytest.mark.parametrize(
    "url", ["https://h:99999/canary", "https://[::1/canary", "https://h/canary path", "https://h/can\u00e4ry", "https://h/#secret=KEY"]
)
def test_fault_72_what_cannot_be_taken_apart_is_told_without_its_path_or_key(url, monkeypatch):
    monkeypatch.setenv("KEY", "whsec_can?ary")
    with pytest.raises(UsageError) as raised:
        open_sink(f"webhook:{url}")
    assert "can" not in str(raised.value).replace("cannot", "").replace("can be", "")


@pytest.mark.parametrize(
    "said", [b"no route /services/T0/s3cr%65t", b'{"path": "\\/services\\/T0\\/s3cret"}', b"unknown token S3CRET", b"key=topkey?"]
)
def test_fault_72_an_answer_that_repeats_the_address_is_not_shown(served, said):
    served.answers.append((400, {}, said))
    sink = WebhookSink(f"http://127.0.0.1:{served.server_port}/services/T0/s3cr%65t?key=topkey#allow=private")
    with pytest.raises(Refused, match="answers 400 Bad Request: it repeats the address") as raised:
        sink.write([alert()])
    assert not {"s3cret", "topkey"} & set(str(raised.value).lower().replace("/", " ").split())
    served.answers.append((400, {}, b"invalid_payload"))
    with pytest.raises(Refused, match="invalid_payload"):
        sink.write([alert(2)])
    sink.close()


def test_fault_71_plain_http_leads_to_private_addresses_only():
    sink = WebhookSink("http://hooks.example.com/x#allow=private", resolve=lambda *asked, **how: [(2, 1, 6, "", ("93.184.216.34", 80))])
    with pytest.raises(SinkError, match="is public, and http is not encrypted; write https"):
        sink.write([alert()])


def test_fault_60_an_answer_that_comes_letter_by_letter_is_not_waited_for(monkeypatch):
    """Its head too: each letter is in time, the whole is not."""
    import socket

    monkeypatch.setattr("pipeline.sinks.webhook.TIMEOUT", 0.2)
    listening, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip():
        taken, _ = listening.accept()
        with taken:
            taken.recv(1 << 16)
            for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
                if stop.wait(0.02):
                    return
                try:
                    taken.send(bytes([letter]))
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    sink = WebhookSink(f"http://127.0.0.1:{listening.getsockname()[1]}/#allow=private")
    with pytest.raises(SinkError, match="TimeoutError"):
        sink.write([alert()])
    stop.set()
    thread.join()
    listening.close()
    sink.close()
